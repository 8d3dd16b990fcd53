/// Takes finished blocks (Pixels x Outputs accumulators), runs them through Lanes requantisation lanes, writes one or two
/// outputs into the activation memory and keeps their CRCs.
///
/// A block takes `block_beats` beats, the same for every block of a command: words that hold real channels times halves of
/// the row that hold real columns. The walker spaces blocks accordingly, so nothing here ever refuses one. A second output
/// goes to the banks of a half one cycle after the first; where a command has only one half, its beats are two cycles apart.
/// The parameters of the next tile are loaded meanwhile and take effect with the tile's first block.
module requantizer
  import sluice_pkg::*;
#(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16,
  parameter int Lanes   = 32
) (
  input  logic                              clk_i,
  input  logic                              clear_i,
  input  logic                              start_i,       // a compute command begins
  input  command_t                          command_i,
  input  logic                              slot_i,
  input  logic [12:0]                       out_words_i,
  output logic [3:0]                        block_beats_o, // cycles a block takes
  output logic                              busy_o,        // blocks, writes or CRCs under way

  // Channel parameters, one record per channel
  input  logic                              record_valid_i,
  input  logic [127:0]                      record_i,
  output logic                              record_pop_o,
  output logic                              parameters_ready_o,
  input  logic                              tile_taken_i,  // the walker sent the first block of a tile on its way

  input  logic [1:0]                        table_write_i,
  input  logic [7:0]                        table_address_i,
  input  logic [1:0]                        addend_write_i,
  input  logic [8:0]                        addend_address_i,
  input  logic [31:0]                       table_data_i,

  input  logic                              block_i,
  input  logic                              block_tile_first_i,
  input  logic [3:0]                        block_columns_i,
  input  logic signed [31:0]                acc_i [Pixels][Outputs],
  input  logic signed [23:0]                sum_i [Pixels][Outputs],
  input  logic [7:0]                        code_i [Pixels][Outputs],

  output logic [Pixels-1:0]                 write_o,
  output logic [Pixels-1:0][15:0]           write_row_o,
  output logic [Pixels-1:0][Inputs*8-1:0]   write_data_o,
  output logic [31:0]                       crc0_o,
  output logic [31:0]                       crc1_o
);
  localparam int PixelsPerBeat = Lanes / Inputs;
  localparam int Halves = Pixels / PixelsPerBeat;
  localparam int WordsPerTile = Outputs / Inputs;
  localparam int Latency = 15;  // of a lane
  localparam int WordShift = $clog2(Inputs);
  initial if (Halves != 2 || WordsPerTile > 2) $fatal(1, "requantizer: unsupported geometry");

  // ---- constants of the command
  logic two_halves_q, two_words_q, gap_q, has_bias_q, one_record_q, output1_q;
  logic [3:0] block_beats_q;
  logic [Inputs-1:0] tail_q;                   // channels of the last word
  always_ff @(posedge clk_i) begin
    two_halves_q <= command_i.out_width > 16'(PixelsPerBeat);
    two_words_q <= out_words_i > 1 && WordsPerTile > 1;
    output1_q <= command_i.output1_enable;
    gap_q <= command_i.output1_enable && command_i.out_width <= 16'(PixelsPerBeat);
    block_beats_q <= (two_words_q ? 4'd2 : 4'd1) << (two_halves_q || gap_q);
    has_bias_q <= !(command_i.opcode == OP_POOL && command_i.pool == POOL_MAX);
    one_record_q <= command_i.opcode == OP_POOL || command_i.opcode == OP_ADD;
    for (int channel = 0; channel < Inputs; channel += 1) begin
      tail_q[channel] <= channel < 32'(command_i.out_channels[WordShift-1:0]) || command_i.out_channels[WordShift-1:0] == 0;
    end
  end
  assign block_beats_o = block_beats_q;

  // ---- parameters: records are taken, scaled in two steps, and kept by tile and word until the lanes have used them
  typedef struct packed {
    logic valid;
    logic last;                                // of the tile
    logic word;
    logic [Inputs-1:0] channels;               // that take it
    logic [31:0] bias;
    logic [4:0] shift_b;
    logic [1:0] point;
    logic [4:0] scale;                         // multiplier * 2^scale is what the lanes want
    logic signed [43:0] multiplier;
  } record_t;
  record_t taken_q, half_scaled_q, scaled_q;
  logic [4:0] loaded_q;
  logic more_q, full_q, next_full_q, swap_pending_q;  // records are to come, a tile's have been taken, are there
  logic [12:0] unloaded_q;                     // output words whose parameters are still to come
  logic [1:0] load_tile_q, tile_q;             // where the next tile's are, the current one's
  wire [4:0] scale_rest = {half_scaled_q.scale[4:2], 2'b00};
  wire last_record = one_record_q || loaded_q == 5'(Outputs - 1);
  wire [5:0] shift_a = record_i[69:64];
  assign record_pop_o = more_q && record_valid_i && !full_q;
  assign parameters_ready_o = next_full_q && !swap_pending_q;
  wire swap = block_i && block_tile_first_i;

  always_ff @(posedge clk_i) begin
    taken_q.valid <= record_pop_o;
    taken_q.last <= last_record;
    taken_q.word <= WordsPerTile > 1 && loaded_q[WordShift];
    for (int channel = 0; channel < Inputs; channel += 1) begin
      taken_q.channels[channel] <= one_record_q || channel == 32'(loaded_q[WordShift-1:0]);
    end
    taken_q.bias <= has_bias_q ? record_i[31:0] : 32'd0;
    taken_q.shift_b <= record_i[76:72];
    taken_q.multiplier <= 44'($signed(record_i[63:32]));
    taken_q.point <= shift_a <= 6'd23 ? 2'd0 : shift_a <= 6'd36 ? 2'd1 : shift_a <= 6'd49 ? 2'd2 : 2'd3;
    taken_q.scale <= 5'((shift_a <= 6'd23 ? 6'd23 : shift_a <= 6'd36 ? 6'd36 : shift_a <= 6'd49 ? 6'd49 : 6'd62) - shift_a);
    half_scaled_q <= taken_q;
    half_scaled_q.multiplier <= taken_q.multiplier << taken_q.scale[1:0];
    scaled_q <= half_scaled_q;
    scaled_q.multiplier <= half_scaled_q.multiplier << scale_rest;
    if (clear_i || start_i) begin
      taken_q.valid <= 1'b0;
      half_scaled_q.valid <= 1'b0;
      scaled_q.valid <= 1'b0;
      loaded_q <= '0;
      full_q <= 1'b0;
      next_full_q <= 1'b0;
      swap_pending_q <= 1'b0;
      load_tile_q <= '0;
      more_q <= !clear_i;
      unloaded_q <= out_words_i;
    end else begin
      if (record_pop_o) begin
        loaded_q <= last_record ? '0 : loaded_q + 5'd1;
        if (last_record) begin
          full_q <= 1'b1;
          more_q <= !one_record_q && unloaded_q > 13'(WordsPerTile);
          unloaded_q <= unloaded_q - 13'(WordsPerTile);
        end
      end
      if (scaled_q.valid && scaled_q.last) next_full_q <= 1'b1;
      if (tile_taken_i) swap_pending_q <= 1'b1;
      if (swap) begin
        swap_pending_q <= 1'b0;
        tile_q <= load_tile_q;
        // A pool or an add has one record for all its tiles.
        if (!one_record_q) begin
          full_q <= 1'b0;
          next_full_q <= 1'b0;
          load_tile_q <= load_tile_q + 2'd1;
        end
      end
    end
  end

  // ---- the block being requantised
  logic [Pixels-1:0][Outputs-1:0][31:0] acc_q;
  logic [Pixels-1:0][Outputs-1:0][23:0] sum_q;
  logic [Pixels-1:0][Outputs-1:0][7:0] beside_q;
  logic [15:0] row0_q, row1_q;
  logic [12:0] tile_word_q;
  logic tile_seen_q;
  logic [3:0] columns_q;
  logic beating_q, word_q, half_q, pause_q;
  // The words of a narrow last tile are still counted as beats, but nothing is written for those that do not exist.
  logic tile_two_words_q, tile_last_q;
  wire last_beat = word_q == two_words_q && half_q == two_halves_q;
  wire beat = beating_q && !pause_q;
  wire word_exists = !word_q || tile_two_words_q;

  logic [12:0] left_q;                         // words from the next tile on
  wire [12:0] next_tile = tile_seen_q ? tile_word_q + 13'(WordsPerTile) : 13'd0;
  always_ff @(posedge clk_i) begin
    if (clear_i || start_i) begin
      beating_q <= 1'b0;
      tile_seen_q <= 1'b0;
      tile_word_q <= '0;
      left_q <= out_words_i;
      pause_q <= 1'b0;
    end else begin
      pause_q <= beat && gap_q;
      if (beat) begin
        half_q <= two_halves_q && !half_q;
        if (!two_halves_q || half_q) word_q <= !word_q;
        if (last_beat) beating_q <= 1'b0;
      end
      if (block_i) begin
        beating_q <= 1'b1;
        word_q <= 1'b0;
        half_q <= 1'b0;
        columns_q <= block_columns_i;
        if (block_tile_first_i) begin
          tile_seen_q <= 1'b1;
          tile_word_q <= next_tile;
          left_q <= left_q - 13'(WordsPerTile);
          tile_two_words_q <= two_words_q && left_q != 13'd1;
          tile_last_q <= left_q <= 13'(WordsPerTile);
          row0_q <= command_i.out0_base + 16'(next_tile);
          row1_q <= command_i.out1_base + 16'(next_tile);
        end else begin
          row0_q <= row0_q + command_i.out0_pitch;
          row1_q <= row1_q + command_i.out1_pitch;
        end
      end
    end
    if (block_i) begin
      for (int pixel = 0; pixel < Pixels; pixel += 1) begin
        for (int channel = 0; channel < Outputs; channel += 1) begin
          acc_q[pixel][channel] <= acc_i[pixel][channel];
          sum_q[pixel][channel] <= sum_i[pixel][channel];
          beside_q[pixel][channel] <= code_i[pixel][channel];
        end
      end
    end
  end

  // ---- lanes: PixelsPerBeat pixels x Inputs channels
  logic [Lanes-1:0][7:0] code0, code1;
  // Parameters of the beat's channels, each read at the time the lanes want it. The memory of a tile is written again three
  // tiles later, which takes longer than the lanes.
  localparam int Slots = 4 * WordsPerTile;
  localparam int SlotBits = $clog2(Slots);
  logic [Inputs-1:0][31:0] bias;
  logic [Inputs-1:0][43:0] multiplier_q;
  logic [Inputs-1:0][3:0] half_q6;
  logic [Inputs-1:0][10:6][1:0] point_q;
  logic [Inputs-1:0][4:0] shift_b_q;
  logic [Inputs-1:0][30:10] far_q;
  logic [12:1][SlotBits-1:0] slots_q;          // of the beats in the lanes
  wire [SlotBits-1:0] slot = WordsPerTile > 1 ? SlotBits'({tile_q, word_q && !one_record_q}) : SlotBits'(tile_q);
  wire [SlotBits-1:0] load_slot = WordsPerTile > 1 ? SlotBits'({load_tile_q, scaled_q.word}) : SlotBits'(load_tile_q);
  always_ff @(posedge clk_i) slots_q <= {slots_q[11:1], slot};
  for (genvar channel = 0; channel < Inputs; channel += 1) begin : gen_channel
    logic [31:0] biases [Slots];
    logic [43:0] multipliers [Slots];
    logic [1:0] points [Slots];
    logic [4:0] shifts_b [Slots];
    assign bias[channel] = biases[slot];
    always_ff @(posedge clk_i) begin
      if (scaled_q.valid && scaled_q.channels[channel]) begin
        biases[load_slot] <= scaled_q.bias;
        multipliers[load_slot] <= scaled_q.multiplier;
        points[load_slot] <= scaled_q.point;
        shifts_b[load_slot] <= scaled_q.shift_b;
      end
      multiplier_q[channel] <= multipliers[slots_q[3]];
      half_q6[channel] <= 4'b0001 << points[slots_q[5]];
      point_q[channel] <= {point_q[channel][9:6], points[slots_q[5]]};
      shift_b_q[channel] <= shifts_b[slots_q[12]];
      for (int place = 10; place <= 30; place += 1) far_q[channel][place] <= 32'(shifts_b[slots_q[12]]) + 10 <= place;
    end
  end
  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    localparam int LanePixel = lane / Inputs;
    localparam int LaneChannel = lane % Inputs;
    localparam int UpperChannel = LaneChannel + (WordsPerTile - 1) * Inputs;
    logic [Halves-1:0][31:0] accs;
    logic [Halves-1:0][23:0] sums;
    logic [Halves-1:0][7:0] besides;
    for (genvar half = 0; half < Halves; half += 1) begin : gen_half
      localparam int Pixel = half * PixelsPerBeat + LanePixel;
      assign accs[half] = word_q ? acc_q[Pixel][UpperChannel] : acc_q[Pixel][LaneChannel];
      assign sums[half] = word_q ? sum_q[Pixel][UpperChannel] : sum_q[Pixel][LaneChannel];
      assign besides[half] = word_q ? beside_q[Pixel][UpperChannel] : beside_q[Pixel][LaneChannel];
    end
    requantize_lane u_lane (
      .clk_i, .command_i, .slot_i,
      .table_write_i, .table_address_i, .addend_write_i, .addend_address_i, .write_data_i(table_data_i),
      .acc_i(accs[half_q]), .sum_i(sums[half_q]), .beside_i(besides[half_q]), .bias_i(bias[LaneChannel]),
      .multiplier_i(multiplier_q[LaneChannel]), .half_i(half_q6[LaneChannel]), .point_i(point_q[LaneChannel][10]),
      .shift_b_i(shift_b_q[LaneChannel]), .far_i(far_q[LaneChannel]), .real_i(meta_q[Latency-1].real_channels[LaneChannel]),
      .code0_o(code0[lane]), .code1_o(code1[lane])
    );
  end

  // ---- what travels beside the lanes
  typedef struct packed {
    logic valid;
    logic exists;
    logic word;
    logic half;
    logic last;
    logic two_words;
    logic [3:0] columns;
    logic [15:0] row0;
    logic [15:0] row1;
    logic [Inputs-1:0] real_channels;
  } meta_t;
  meta_t [Latency:1] meta_q;
  meta_t meta, done;
  assign done = meta_q[Latency];
  always_comb begin
    meta.valid = beat;
    meta.exists = word_exists;
    meta.word = word_q;
    meta.half = half_q;
    meta.last = last_beat;
    meta.two_words = tile_two_words_q;
    meta.columns = columns_q;
    meta.row0 = row0_q + 16'(word_q);
    meta.row1 = row1_q + 16'(word_q);
    meta.real_channels = tile_last_q && word_q == tile_two_words_q ? tail_q : '1;
  end
  always_ff @(posedge clk_i) begin
    meta_q <= {meta_q[Latency-1:1], meta};
    if (clear_i) for (int stage = 1; stage <= Latency; stage += 1) meta_q[stage].valid <= 1'b0;
  end

  // ---- writing: first output now, second one cycle later
  logic writes_second_q, second_half_q;
  logic [15:0] second_row_q;
  logic [3:0] second_columns_q;
  logic [Lanes-1:0][7:0] second_codes_q;
  always_comb begin
    for (int bank = 0; bank < Pixels; bank += 1) begin
      logic first, second;
      first = done.valid && done.exists && 32'(done.half) == bank / PixelsPerBeat;
      second = writes_second_q && 32'(second_half_q) == bank / PixelsPerBeat;
      write_o[bank] = (first && bank < 32'(done.columns)) || (second && bank < 32'(second_columns_q));
      write_row_o[bank] = second ? second_row_q : done.row0;
      write_data_o[bank] = second ? second_codes_q[(bank % PixelsPerBeat)*Inputs +: Inputs]
                                  : code0[(bank % PixelsPerBeat)*Inputs +: Inputs];
    end
  end
  always_ff @(posedge clk_i) begin
    writes_second_q <= done.valid && done.exists && output1_q && !clear_i;
    second_half_q <= done.half;
    second_row_q <= done.row1;
    second_columns_q <= done.columns;
    second_codes_q <= code1;
  end

  // ---- CRCs
  logic [1:0] crc_busy;
  logic [31:0] crc1;
  output_crc #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Lanes(Lanes)) u_crc0 (
    .clk_i, .clear_i(clear_i || start_i), .beat_i(done.valid), .beat_word_i(done.word), .beat_half_i(done.half),
    .beat_codes_i(code0), .beat_last_i(done.last), .columns_i(done.columns), .two_words_i(done.two_words),
    .busy_o(crc_busy[0]), .crc_o(crc0_o)
  );
  output_crc #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Lanes(Lanes)) u_crc1 (
    .clk_i, .clear_i(clear_i || start_i), .beat_i(done.valid && output1_q), .beat_word_i(done.word),
    .beat_half_i(done.half), .beat_codes_i(code1), .beat_last_i(done.last), .columns_i(done.columns),
    .two_words_i(done.two_words), .busy_o(crc_busy[1]), .crc_o(crc1)
  );
  assign crc1_o = output1_q ? crc1 : 32'd0;

  logic lanes_busy_q;
  logic [Latency:1] valid;
  always_comb for (int stage = 1; stage <= Latency; stage += 1) valid[stage] = meta_q[stage].valid;
  always_ff @(posedge clk_i) lanes_busy_q <= !clear_i && (beat || valid[Latency-1:1] != 0);
  assign busy_o = beating_q || lanes_busy_q || writes_second_q || crc_busy != 0;

`ifndef SYNTHESIS
  BlockNeverRefused_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
      block_i |-> !beating_q || (beat && last_beat && !gap_q) || (gap_q && !beat && !beating_q));
  // The multiplier of a record that keeps to the format (channel-parameters.ts) loses nothing when it is scaled.
  ScaleFits_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
      half_scaled_q.valid |-> (half_scaled_q.multiplier <<< scale_rest) >>> scale_rest == half_scaled_q.multiplier);
  for (genvar stage = 1; stage <= 12; stage += 1) begin : gen_kept
    ParametersKept_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
        scaled_q.valid && meta_q[stage].valid |-> slots_q[stage] != load_slot);
  end
  OneWritePerBank_A: assert property (@(posedge clk_i) disable iff (clear_i)
      writes_second_q && done.valid && done.exists |-> second_half_q != done.half);
`endif
endmodule
