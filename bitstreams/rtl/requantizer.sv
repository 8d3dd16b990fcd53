/// Takes finished blocks (Pixels x Outputs accumulators), runs them through Lanes requantisation lanes, writes one or two
/// outputs into the activation memory and keeps their CRCs.
///
/// A block takes `block_beats` beats, the same for every block of a command: words that hold real channels times halves of
/// the row that hold real columns. The walker spaces blocks accordingly, so nothing here ever refuses one. A second output
/// goes to the banks of a half one cycle after the first; where a command has only one half, its beats are two cycles apart.
/// The parameters of a tile wait in `next_q` and take effect with the tile's first block.
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
  input  logic [7:0]                        second_i [Pixels][Outputs],

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
  initial if (Halves != 2 || WordsPerTile > 2) $fatal(1, "requantizer: unsupported geometry");

  typedef struct packed {
    logic signed [31:0] bias;
    logic signed [31:0] multiplier;
    logic [5:0] shift_a;
    logic [4:0] shift_b;
  } parameters_t;

  // ---- constants of the command
  wire two_halves = command_i.out_width > 16'(PixelsPerBeat);
  wire two_words = out_words_i > 1 && WordsPerTile > 1;
  wire gap = command_i.output1_enable && !two_halves;
  assign block_beats_o = (two_words ? 4'd2 : 4'd1) << (two_halves || gap);

  // ---- parameters of the current and the next tile
  wire has_bias = !(command_i.opcode == OP_POOL && command_i.pool == POOL_MAX);
  wire one_record = command_i.opcode == OP_POOL || command_i.opcode == OP_ADD;
  parameters_t [Outputs-1:0] next_q, current_q;
  logic [4:0] loaded_q;
  logic next_full_q, swap_pending_q;
  logic [12:0] unloaded_q;                     // output words whose parameters are still to come
  parameters_t record;
  assign record = '{bias: has_bias ? record_i[31:0] : 32'd0, multiplier: record_i[63:32], shift_a: record_i[69:64], shift_b: record_i[76:72]};
  assign record_pop_o = unloaded_q != 0 && record_valid_i && !next_full_q;
  assign parameters_ready_o = next_full_q && !swap_pending_q;
  wire swap = block_i && block_tile_first_i;

  always_ff @(posedge clk_i) begin
    if (record_pop_o) begin
      for (int channel = 0; channel < Outputs; channel += 1) begin
        if (one_record || channel == 32'(loaded_q)) next_q[channel] <= record;
      end
    end
    if (clear_i || start_i) begin
      loaded_q <= '0;
      next_full_q <= 1'b0;
      swap_pending_q <= 1'b0;
      unloaded_q <= clear_i ? '0 : out_words_i;
    end else begin
      if (record_pop_o) begin
        loaded_q <= one_record || loaded_q == 5'(Outputs - 1) ? '0 : loaded_q + 5'd1;
        if (one_record || loaded_q == 5'(Outputs - 1)) begin
          next_full_q <= 1'b1;
          unloaded_q <= one_record || unloaded_q <= 13'(WordsPerTile) ? '0 : unloaded_q - 13'(WordsPerTile);
        end
      end
      if (tile_taken_i) swap_pending_q <= 1'b1;
      if (swap) begin
        swap_pending_q <= 1'b0;
        // A pool or an add has one record for all its tiles.
        if (!one_record) next_full_q <= 1'b0;
      end
    end
    if (swap) current_q <= next_q;
  end

  // ---- the block being requantised
  logic [Pixels-1:0][Outputs-1:0][31:0] acc_q;
  logic [Pixels-1:0][Outputs-1:0][23:0] sum_q;
  logic [Pixels-1:0][Outputs-1:0][7:0] second_q;
  logic [15:0] row0_q, row1_q;
  logic [12:0] tile_word_q;
  logic tile_seen_q;
  logic [3:0] columns_q;
  logic beating_q, word_q, half_q, pause_q;
  wire tile_two_words = two_words && tile_word_q + 13'd1 != out_words_i;
  wire last_beat = word_q == (two_words ? 1'b1 : 1'b0) && half_q == (two_halves ? 1'b1 : 1'b0);
  wire beat = beating_q && !pause_q;
  // The words of a narrow last tile are still counted as beats, but nothing is written for those that do not exist.
  wire word_exists = !word_q || tile_two_words;

  wire [12:0] next_tile = tile_seen_q ? tile_word_q + 13'(WordsPerTile) : 13'd0;
  always_ff @(posedge clk_i) begin
    if (clear_i || start_i) begin
      beating_q <= 1'b0;
      tile_seen_q <= 1'b0;
      tile_word_q <= '0;
      pause_q <= 1'b0;
    end else begin
      pause_q <= beat && gap;
      if (beat) begin
        half_q <= two_halves && !half_q;
        if (!two_halves || half_q) word_q <= !word_q;
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
          second_q[pixel][channel] <= second_i[pixel][channel];
        end
      end
    end
  end

  // ---- lanes: PixelsPerBeat pixels x Inputs channels
  logic [Lanes-1:0][7:0] code0, code1;
  // Parameters of the beat's channels, each at the time the lanes want it.
  logic [Inputs-1:0][31:0] bias, multiplier;
  logic [Inputs-1:0][5:0] shift_a;
  logic [Inputs-1:0][4:0] shift_b;
  for (genvar channel = 0; channel < Inputs; channel += 1) begin : gen_channel
    parameters_t chosen;
    logic [2:1][31:0] bias_q;
    logic [3:1][31:0] multiplier_q;
    logic [9:1][5:0] shift_a_q;
    logic [13:1][4:0] shift_b_q;
    assign chosen = WordsPerTile > 1 && word_q ? current_q[channel + (WordsPerTile - 1) * Inputs] : current_q[channel];
    always_ff @(posedge clk_i) begin
      bias_q <= {bias_q[1], chosen.bias};
      multiplier_q <= {multiplier_q[2:1], chosen.multiplier};
      shift_a_q <= {shift_a_q[8:1], chosen.shift_a};
      shift_b_q <= {shift_b_q[12:1], chosen.shift_b};
    end
    assign bias[channel] = bias_q[2];
    assign multiplier[channel] = multiplier_q[3];
    assign shift_a[channel] = shift_a_q[9];
    assign shift_b[channel] = shift_b_q[13];
  end
  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    localparam int LanePixel = lane / Inputs;
    localparam int LaneChannel = lane % Inputs;
    localparam int UpperChannel = LaneChannel + (WordsPerTile - 1) * Inputs;
    logic [Halves-1:0][31:0] accs;
    logic [Halves-1:0][23:0] sums;
    logic [Halves-1:0][7:0] seconds;
    for (genvar half = 0; half < Halves; half += 1) begin : gen_half
      localparam int Pixel = half * PixelsPerBeat + LanePixel;
      assign accs[half] = word_q ? acc_q[Pixel][UpperChannel] : acc_q[Pixel][LaneChannel];
      assign sums[half] = word_q ? sum_q[Pixel][UpperChannel] : sum_q[Pixel][LaneChannel];
      assign seconds[half] = word_q ? second_q[Pixel][UpperChannel] : second_q[Pixel][LaneChannel];
    end
    requantize_lane u_lane (
      .clk_i, .command_i, .slot_i,
      .table_write_i, .table_address_i, .addend_write_i, .addend_address_i, .write_data_i(table_data_i),
      .acc_i(accs[half_q]), .sum_i(sums[half_q]), .second_i(seconds[half_q]), .bias_i(bias[LaneChannel]),
      .multiplier_i(multiplier[LaneChannel]), .shift_a_i(shift_a[LaneChannel]), .shift_b_i(shift_b[LaneChannel]),
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
    meta.two_words = tile_two_words;
    meta.columns = columns_q;
    meta.row0 = row0_q + 16'(word_q);
    meta.row1 = row1_q + 16'(word_q);
    for (int channel = 0; channel < Inputs; channel += 1) begin
      meta.real_channels[channel] =
          (16'(tile_word_q) + 16'(word_q)) * 16'(Inputs) + 16'(channel) < command_i.out_channels;
    end
  end
  always_ff @(posedge clk_i) begin
    meta_q <= {meta_q[Latency-1:1], meta};
    if (clear_i) for (int stage = 1; stage <= Latency; stage += 1) meta_q[stage].valid <= 1'b0;
  end

  // ---- writing: first output now, second one cycle later
  logic writes_second_q, second_half_q;
  logic [15:0] second_row_q;
  logic [3:0] second_columns_q;
  logic [Lanes-1:0][7:0] masked0, masked1, second_codes_q;
  always_comb begin
    for (int lane = 0; lane < Lanes; lane += 1) begin
      masked0[lane] = done.real_channels[lane % Inputs] ? code0[lane] : 8'd0;
      masked1[lane] = done.real_channels[lane % Inputs] ? code1[lane] : 8'd0;
    end
    for (int bank = 0; bank < Pixels; bank += 1) begin
      logic mine0, mine1;
      mine0 = done.valid && done.exists && 32'(done.half) == bank / PixelsPerBeat && bank < 32'(done.columns);
      mine1 = writes_second_q && 32'(second_half_q) == bank / PixelsPerBeat && bank < 32'(second_columns_q);
      write_o[bank] = mine0 || mine1;
      write_row_o[bank] = mine1 ? second_row_q : done.row0;
      write_data_o[bank] = mine1 ? second_codes_q[(bank % PixelsPerBeat)*Inputs +: Inputs]
                                 : masked0[(bank % PixelsPerBeat)*Inputs +: Inputs];
    end
  end
  always_ff @(posedge clk_i) begin
    writes_second_q <= done.valid && done.exists && command_i.output1_enable && !clear_i;
    second_half_q <= done.half;
    second_row_q <= done.row1;
    second_columns_q <= done.columns;
    second_codes_q <= masked1;
  end

  // ---- CRCs
  logic [1:0] crc_busy;
  logic [31:0] crc1;
  output_crc #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Lanes(Lanes)) u_crc0 (
    .clk_i, .clear_i(clear_i || start_i), .beat_i(done.valid), .beat_word_i(done.word), .beat_half_i(done.half),
    .beat_codes_i(masked0), .beat_last_i(done.last), .columns_i(done.columns), .two_words_i(done.two_words),
    .busy_o(crc_busy[0]), .crc_o(crc0_o)
  );
  output_crc #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Lanes(Lanes)) u_crc1 (
    .clk_i, .clear_i(clear_i || start_i), .beat_i(done.valid && command_i.output1_enable), .beat_word_i(done.word),
    .beat_half_i(done.half), .beat_codes_i(masked1), .beat_last_i(done.last), .columns_i(done.columns),
    .two_words_i(done.two_words), .busy_o(crc_busy[1]), .crc_o(crc1)
  );
  assign crc1_o = command_i.output1_enable ? crc1 : 32'd0;

  logic lanes_busy;
  always_comb begin
    lanes_busy = 1'b0;
    for (int stage = 1; stage <= Latency; stage += 1) lanes_busy |= meta_q[stage].valid;
  end
  assign busy_o = beating_q || lanes_busy || writes_second_q || crc_busy != 0;

`ifndef SYNTHESIS
  BlockNeverRefused_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
      block_i |-> !beating_q || (beat && last_beat && !gap) || (gap && !beat && !beating_q));
  OneWritePerBank_A: assert property (@(posedge clk_i) disable iff (clear_i)
      writes_second_q && done.valid && done.exists |-> second_half_q != done.half);
`endif
endmodule
