/// Opens weight streams: stored ones and those of the codec `ans` (docs/formats/weight-stream.md). Coded ones wait for the
/// tables of the model, which `table_loader` builds.
///
/// One job at a time. Rows (one per kernel tap and input channel, a weight per output channel of the tile) come out in
/// demand order, through a small FIFO. `done_o` pulses when the last row of a job is in the FIFO and the stream was whole;
/// anything else ends in `damaged_o`, until cleared. What it refuses as damaged though the format allows it: tables of other than
/// 256 states, fewer than 4 lanes or more than `Lanes`, more channels or taps than `MaxChannels` and 256, and
/// (kernel width + 1) * input channels of a predicted layer beyond `PredictedRows`.
///
/// The way of a weight: weight_words hands words to the lanes (ans_lanes); what the lanes decode in the steps of step_walker joins
/// its row here; tap_predictor makes weights of rows; row_crc adds them up. Steps wait for words, for room in the FIFO, and where
/// rows must be some cycles apart.
module weight_decoder
  import sluice_pkg::*;
#(
  parameter int Outputs = 16,
  parameter int Lanes   = 16,                     // as many as outputs
  parameter int Entries = 4096,
  parameter int MaxChannels = 4096,
  parameter int PredictedRows = 1024
) (
  input  logic                 clk_i,
  input  logic                 clear_i,
  input  logic                 tables_settled_i, // tables are there, or there are none
  input  logic                 tables_usable_i,  // tables are there
  input  logic                 classes_known_i,
  input  logic                 table_write_i,
  input  logic [$clog2(Entries)-2:0] table_address_i,
  input  logic [1:0][21:0]     table_entries_i,
  input  logic [3:0]           log_i,
  input  logic [4:0]           classes_i,
  input  logic [15:0][2:0]     class_narrow_i,   // raw bits of the symbols
  input  logic [15:0][2:0]     class_wide_i,
  input  logic                 start_i,          // a layer
  input  logic                 coded_i,          // codec ans; else stored bytes
  input  command_t             command_i,        // of the layer
  output logic                 busy_o,
  output logic                 done_o,
  output logic                 damaged_o,

  input  logic                 valid_i,
  input  logic [127:0]         data_i,
  output logic                 pop_o,

  output logic                 row_valid_o,
  output logic [Outputs*8-1:0] row_o,
  input  logic                 row_pop_i
);
  typedef enum logic [4:0] {
    Idle, Arm, Header, Prime, SegmentHead, ArmLanes, Fill1, Fill2, Begin, Steps, LastWords, SegmentEnd,
    StoredRows, StoredEnd, Check, Damaged
  } state_e;
  localparam int TileBits = $clog2(Outputs);
  localparam int RowBits = $clog2(PredictedRows);
  localparam int Peeked = Outputs / 2 + 1;        // words that a stored row may lie in
  localparam int RowsAhead = 15;                  // on their way to the FIFO at most

  state_e state_q;
  logic again_q;                                  // Arm is for a segment
  wire start_layer = state_q == Arm && !again_q;

  // ---- the layer
  logic coded_q, odd_bytes_q;
  logic [15:0] outputs_q, inputs_q, taps_q;
  logic [7:0] kernel_width_q;
  logic [4:0] last_width_q, few_q, exist_q;
  logic [2:0] lanes_log;
  logic [Lanes-1:0] exists_q;
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      coded_q <= coded_i;
      odd_bytes_q <= command_i.weights_bytes[0];
      outputs_q <= command_i.out_channels;
      inputs_q <= command_i.opcode == OP_DEPTHWISE ? 16'd1 : command_i.in_channels;
      taps_q <= 16'(command_i.kernel_height) * 16'(command_i.kernel_width);
      kernel_width_q <= command_i.kernel_width;
    end
    last_width_q <= outputs_q[TileBits-1:0] == 0 ? 5'(Outputs) : 5'(outputs_q[TileBits-1:0]);
    few_q <= outputs_q < 16'(Outputs) ? outputs_q[4:0] : 5'(Outputs);
    exist_q <= few_q < 5'd1 << lanes_log ? few_q : 5'd1 << lanes_log;
    for (int lane = 0; lane < Lanes; lane += 1) exists_q[lane] <= 5'(lane) < exist_q;
  end

  // ---- words
  logic words_ready, segment_empty, words_empty, words_short, header_take, header_done, segmented;
  logic [Lanes-1:0] asks, blanks;
  logic [Lanes-1:0][15:0] words;
  logic [Peeked-1:0][15:0] peeked_q;              // the next words of the cycle before
  logic [3:0] take;
  logic [31:0] segment_words;
  wire peeks = state_q == Header || state_q == SegmentHead;
  wire steps = state_q == Steps;
  wire give = words_ready && (steps || state_q == Fill1 || state_q == Fill2 || state_q == LastWords);
  weight_words #(.Lanes(Lanes)) u_words (
    .clk_i, .clear_i, .start_i, .bytes_i(command_i.weights_bytes), .valid_i, .data_i, .pop_o, .ready_o(words_ready),
    .ask_i(asks), .words_o(words), .blank_o(blanks), .give_i(give), .take_i(take), .few_i(state_q == StoredRows),
    .segment_i(header_done && state_q == SegmentHead), .segment_words_i(segment_words), .segmented_i(segmented),
    .segment_empty_o(segment_empty), .empty_o(words_empty), .short_o(words_short)
  );
  always_ff @(posedge clk_i) for (int at = 0; at < Peeked; at += 1) peeked_q[at] <= words[at];

  // ---- the header
  logic refused, stored, pairs, predicted, ranges_known;
  logic [2:0] tap_offset;
  logic [3:0] first, last;
  logic signed [5:0] base;
  logic [15:0] tiles_per_segment, expected;
  logic [1:0] expect_sum;
  logic [RowBits-1:0] channels, top_rows;
  logic [7:0] wanted_tap;
  logic [33:0] coefficients;
  logic [4:0] input_offset;
  logic [Outputs*5-1:0] channel_offsets;
  logic [11:0] walk_input, walk_tile;
  logic [7:0] walk_tap;
  logic move;
  stream_header #(
    .Outputs(Outputs), .MostLanesLog($clog2(Lanes)), .MaxChannels(MaxChannels), .PredictedRows(PredictedRows)
  ) u_header (
    .clk_i, .clear_i, .start_i(start_layer), .segment_i(state_q == Arm && again_q), .coded_i(coded_q),
    .outputs_i(outputs_q), .inputs_i(inputs_q), .taps_i(taps_q), .kernel_width_i(kernel_width_q), .odd_bytes_i(odd_bytes_q),
    .classes_there_i(classes_known_i || tables_settled_i), .classes_known_i, .classes_i, .log_i,
    .words_ok_i(words_ready && peeks), .words_i(peeked_q[1:0]), .take_o(header_take), .done_o(header_done), .refused_o(refused),
    .stored_o(stored), .pairs_o(pairs), .segmented_o(segmented), .predicted_o(predicted), .lanes_log_o(lanes_log),
    .first_o(first), .last_o(last), .ranges_known_o(ranges_known), .base_o(base), .tiles_per_segment_o(tiles_per_segment),
    .segment_words_o(segment_words), .expect_o(expect_sum), .expected_o(expected), .channels_o(channels), .top_rows_o(top_rows),
    .wanted_tap_i(wanted_tap), .coefficients_o(coefficients), .read_i(move), .tap_i(walk_tap), .input_i(walk_input),
    .tile_i(walk_tile), .tap_offset_o(tap_offset), .input_offset_o(input_offset), 
    .channel_offsets_o(channel_offsets)
  );

  // ---- what the sums of this layer mean: 32 + sum -> class and its raw bits
  logic [6:0] map_at_q;
  logic [5:0] map_address_q;
  logic [3:0] map_class_q;
  logic map_write_q;
  wire map_done = map_at_q[6] && !map_write_q;
  wire [3:0] map_sum = map_at_q[3:0];
  always_ff @(posedge clk_i) begin
    map_write_q <= !map_at_q[6];
    map_address_q <= map_at_q[5:0];
    map_class_q <= !map_at_q[5] ? first : map_at_q[4] || map_sum > last ? last : map_sum < first ? first : map_sum;
    if (clear_i) map_at_q <= 7'd64;
    else if (ranges_known) map_at_q <= '0;
    else if (!map_at_q[6]) map_at_q <= map_at_q + 7'd1;
  end

  // ---- steps on their way to the lanes: offsets read (far), sums (mid), classes (next), at work (now)
  typedef struct packed {
    logic [3:0] channel;                          // of the first lane
    logic [4:0] lanes;
    logic row_end;
    logic paced;                                  // waits until its row may end
    logic second_exists;
    logic tile_first;                             // the row is the first of its tile,
    logic tile_last;                              // the last; of a pair: one of the rows is
    logic last_tile;
    logic segment_end;
    logic layer_end;
  } step_t;
  step_t walk, far_q, mid_q, next_q, now_q;
  logic passing, walk_row_end, walk_tile_first, walk_tile_last, walk_last_tile, walk_segment_last, walk_layer_last;
  logic [3:0] walk_channel;
  logic [4:0] walk_width, walk_lanes;
  logic step, stored_step, full_q, hold_q, second;   // the FIFO is full, a row may not end yet
  logic [1:0] primed_q;
  logic signed [5:0] sum_q;
  logic [Lanes-1:0][4:0] offset_q;
  wire prime = state_q == Prime && map_done && tables_settled_i && !passing;
  assign step = steps && words_ready && !full_q && !passing && !(hold_q && now_q.paced);
  assign stored_step = state_q == StoredRows && words_ready && !full_q && !hold_q;
  // The last step of a segment leaves the next one where it is, for its beginning.
  assign move = prime || state_q == Begin || (step && !now_q.segment_end);
  step_walker #(.Outputs(Outputs)) u_walker (
    .clk_i, .start_i(start_layer), .outputs_i(outputs_q), .inputs_i(inputs_q), .taps_i(taps_q), .pairs_i(pairs),
    .lanes_log_i(lanes_log), .segmented_i(segmented), .tiles_per_segment_i(tiles_per_segment), .move_i(move || stored_step),
    .passing_o(passing), .input_o(walk_input), .tap_o(walk_tap), .tile_o(walk_tile), .channel_o(walk_channel), .width_o(walk_width),
    .lanes_o(walk_lanes), .row_end_o(walk_row_end), .tile_first_o(walk_tile_first), .last_tile_o(walk_last_tile),
    .tile_last_o(walk_tile_last), .segment_last_o(walk_segment_last), .layer_last_o(walk_layer_last)
  );
  assign walk = '{channel: walk_channel, lanes: walk_lanes, row_end: walk_row_end, paced: walk_row_end || pairs, second_exists: !walk_tile_last,
      tile_first: walk_tile_first, tile_last: walk_tile_last, last_tile: walk_last_tile,
      segment_end: walk_row_end && walk_segment_last, layer_end: walk_row_end && walk_layer_last};

  wire [Outputs-1:0][4:0] offsets = channel_offsets;
  wire signed [7:0] sum = 8'(base) + 8'(input_offset) + 8'(tap_offset);
  always_ff @(posedge clk_i) begin
    if (move) begin
      far_q <= walk;
      mid_q <= far_q;
      next_q <= mid_q;
      now_q <= next_q;
      // Above all classes is above all classes, whatever is added.
      sum_q <= !sum[7] && sum[6:4] != 0 ? 6'sd15 : sum[5:0];
      // The first lane's channel is a multiple of the lanes.
      for (int lane = 0; lane < Lanes; lane += 1) begin
        offset_q[lane] <= lane < 4 ? offsets[TileBits'({far_q.channel[3:2], 2'(lane)})]
            : lane < 8 ? offsets[TileBits'({far_q.channel[3], 3'(lane)})] : offsets[lane];
      end
    end else if (passing) begin
      far_q.tile_last <= far_q.tile_last || walk_tile_last;
      far_q.segment_end <= far_q.segment_end || walk_segment_last;
      far_q.layer_end <= far_q.layer_end || walk_layer_last;
    end
  end

  // ---- lanes
  logic [Lanes-1:0][7:0] weights;
  ans_lanes #(.Lanes(Lanes), .Entries(Entries)) u_lanes (
    .clk_i, .table_write_i(table_write_q), .table_address_i(table_address_q), .table_entries_i(table_entries_q),
    .map_write_i(map_write_q), .map_address_i(map_address_q), .map_class_i({map_class_q, class_narrow_i[map_class_q], class_wide_i[map_class_q]}),
    .pairs_i(pairs), .exists_i(exists_q), .peek_i(state_q == Arm), .arm_i(state_q == Arm || state_q == ArmLanes),
    .fill_i(state_q == Fill1 || state_q == Fill2), .fill_first_i(state_q == Fill1 && words_ready), .begin_i(state_q == Begin),
    .step_i(step), .move_i(move), .sum_i(sum_q), .offset_i(offset_q), .lanes_next_i(next_q.lanes), .give_i(give), .words_i(words),
    .blank_i(blanks), .ask_o(asks), .second_i(second), .weights_o(weights)
  );
  // {raw kind 2, value 8, code 12} of the builder, whose tables may be larger; of 256 states the code has 9 bits: the base above a
  // one and `bits` zeros.
  function automatic logic [21:0] entry_of(input logic [21:0] entry);
    logic [3:0] bits;
    bits = '0;
    for (int at = 8; at >= 0; at -= 1) if (entry[at]) bits = 4'(at);
    entry_of = {entry[21:12], entry[8:1] & (8'hff << bits), bits};
  endfunction
  logic table_write_q;
  logic [$clog2(Entries)-2:0] table_address_q;
  logic [1:0][21:0] table_entries_q;
  always_ff @(posedge clk_i) begin
    table_write_q <= table_write_i;
    table_address_q <= table_address_i;
    table_entries_q <= {entry_of(table_entries_i[1]), entry_of(table_entries_i[0])};
  end

  // ---- how far rows are apart: the predictor needs its neighbours, the checksum of narrow rows its time
  logic [3:0] predicted_spacing_q, narrow_spacing_q, both_spacing_q, spacing_q, pace_q;
  logic second_due_q;
  wire narrow = stored_step ? walk_last_tile : now_q.last_tile;
  wire [3:0] spacing = narrow ? both_spacing_q : predicted_spacing_q;
  wire paced = stored_step || (step && now_q.paced);
  wire [3:0] pace = !paced ? pace_q - {3'd0, pace_q != 0} : (pairs ? {spacing[2:0], 1'b0} : spacing) - 4'd1;
  logic [7:0] rows_free;
  // The second weights of a pair: half way to the next step.
  assign second = second_due_q && pace_q == spacing_q - 4'd1;
  always_ff @(posedge clk_i) begin
    predicted_spacing_q <= 4'd1;
    if (predicted) begin
      case (channels)
        RowBits'(1): predicted_spacing_q <= 4'd6;
        RowBits'(2): predicted_spacing_q <= 4'd3;
        RowBits'(3), RowBits'(4), RowBits'(5): predicted_spacing_q <= 4'd2;
        default: ;
      endcase
    end
    narrow_spacing_q <= last_width_q == 5'(Outputs) ? 4'd1
        : Outputs == 16 && last_width_q[3] ? {1'b0, last_width_q[2:0]} + 4'd1 : last_width_q[3:0];
    both_spacing_q <= narrow_spacing_q > predicted_spacing_q ? narrow_spacing_q : predicted_spacing_q;
    if (paced) spacing_q <= spacing;
    pace_q <= state_q == Idle ? '0 : pace;
    hold_q <= pace != 0;
    full_q <= rows_free <= 8'(RowsAhead);
    second_due_q <= step ? pairs : second_due_q && !second && state_q != Idle;
  end

  // ---- rows
  typedef struct packed {
    logic [3:0] channel;
    logic row_end;
    logic second_exists;
    logic tile_first;
    logic tile_last;
    logic last_tile;
    logic layer_end;
  } part_t;
  localparam int Groups = Outputs / 4;            // of channels that are written together
  part_t stepped_q, part_q;                       // with the symbols, with the weights
  logic stepped_valid_q, stepped_odd_q, part_valid_q, part_second_q, row_valid_q, odd_q, lanes16_q, lanes8_q;
  logic [Groups-1:0] own, write_q, write_second_q;
  logic [Groups-1:0][1:0] source_q;               // stored, odd or not; lanes; kept second weights
  logic [Outputs-1:0][7:0] row_q, row_second_q;
  typedef struct packed {
    logic tile_first;
    logic last_tile;
    logic layer_end;
  } row_t;
  row_t row_flags_q;
  logic row_tile_last_q;
  wire [8*(Outputs+2)-1:0] stored_bytes = (8*(Outputs+2))'(peeked_q);
  wire part_ends = part_q.tile_last && (part_second_q || !part_q.second_exists);
  always_comb begin
    for (int group = 0; group < Groups; group += 1) begin
      own[group] = lanes16_q || (lanes8_q ? 1'(group >> 1) == stepped_q.channel[3] : 2'(group) == stepped_q.channel[3:2]);
    end
  end
  always_ff @(posedge clk_i) begin
    lanes16_q <= lanes_log == 3'd4;
    lanes8_q <= lanes_log == 3'd3;
    stepped_valid_q <= step || stored_step;
    stepped_odd_q <= odd_q;
    if (step) begin
      stepped_q <= '{channel: now_q.channel, row_end: now_q.row_end, second_exists: now_q.second_exists && pairs,
          tile_first: now_q.tile_first, tile_last: now_q.tile_last, last_tile: now_q.last_tile, layer_end: now_q.layer_end};
    end
    if (stored_step) begin
      stepped_q <= '{channel: '0, row_end: 1'b1, second_exists: 1'b0, tile_first: walk.tile_first, tile_last: walk.tile_last,
          last_tile: walk.last_tile, layer_end: walk.layer_end};
    end
    part_valid_q <= stepped_valid_q || (second && stepped_q.second_exists);
    part_second_q <= second;
    part_q <= stepped_q;
    for (int group = 0; group < Groups; group += 1) begin
      source_q[group] <= stored ? {1'b0, stepped_odd_q} : {1'b1, !own[group]};
      write_q[group] <= stored || (stepped_valid_q && own[group]) || (second && stepped_q.row_end);
      write_second_q[group] <= second && own[group];
    end
    for (int at = 0; at < Outputs; at += 1) begin
      logic [7:0] weight;
      weight = lanes16_q ? weights[at] : lanes8_q ? weights[at%8] : weights[at%4];
      if (write_q[at/4]) begin
        case (source_q[at/4])
          2'd0: row_q[at] <= stored_bytes[8*at +: 8];
          2'd1: row_q[at] <= stored_bytes[8*at+8 +: 8];
          2'd2: row_q[at] <= weight;
          default: row_q[at] <= row_second_q[at];
        endcase
      end
      if (write_second_q[at/4]) row_second_q[at] <= weight;
    end
    row_valid_q <= part_valid_q && part_q.row_end;
    if (clear_i) {stepped_valid_q, part_valid_q, row_valid_q} <= '0;
    row_flags_q <= '{tile_first: part_q.tile_first && !part_second_q, last_tile: part_q.last_tile, layer_end: part_q.layer_end && part_ends};
    row_tile_last_q <= part_ends;
  end

  localparam int PredictorCycles = 8;
  row_t [PredictorCycles-1:0] flags_q;
  logic final_valid, summed, sum_good, predictor_start_q;
  logic [Outputs-1:0][7:0] final_row;
  always_ff @(posedge clk_i) begin
    flags_q <= {flags_q[PredictorCycles-2:0], row_flags_q};
    predictor_start_q <= header_done && state_q == Header;
  end
  tap_predictor #(.Outputs(Outputs), .Rows(PredictedRows)) u_predictor (
    .clk_i, .start_i(predictor_start_q || clear_i), .enable_i(predicted), .channels_i(channels), .top_rows_i(top_rows),
    .tap_o(wanted_tap), .coefficients_i(coefficients), .valid_i(row_valid_q), .tile_last_i(row_tile_last_q), .row_i(row_q),
    .valid_o(final_valid), .row_o(final_row)
  );
  fifo #(.Width(Outputs * 8), .Depth(128)) u_rows (
    .clk_i, .clear_i, .push_i(final_valid), .data_i(final_row), .free_o(rows_free), .valid_o(row_valid_o), .data_o(row_o),
    .pop_i(row_pop_i)
  );
  row_crc #(.Outputs(Outputs)) u_crc (
    .clk_i, .start_i(start_layer || clear_i), .last_width_i(last_width_q), .expect_i(expect_sum), .expected_i(expected),
    .valid_i(final_valid), .row_i(final_row), .tile_first_i(flags_q[PredictorCycles-1].tile_first),
    .last_tile_i(flags_q[PredictorCycles-1].last_tile), .last_i(flags_q[PredictorCycles-1].layer_end), .done_o(summed),
    .good_o(sum_good)
  );

  // ---- what is taken other than by lanes
  wire [4:0] stored_take = walk_width + {4'd0, odd_q};
  logic [3:0] stored_take_q;
  assign take = stored_take_q | {3'd0, header_take};
  always_ff @(posedge clk_i) stored_take_q <= stored_step ? stored_take[4:1] : {3'd0, state_q == StoredEnd && odd_q};

  assign busy_o = state_q != Idle;
  assign damaged_o = state_q == Damaged;
  // A coded stream has no word that nobody asked for, a stored one is as long as its weights.
  wire good = words_empty && (!coded_q || sum_good);
  assign done_o = state_q == Check && summed && good;

  logic layer_ended_q;
  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      state_q <= Idle;
    end else begin
      if (stored_step) odd_q <= stored_take[0];
      case (state_q)
        Idle: begin
          again_q <= 1'b0;
          odd_q <= 1'b0;
          if (start_i) state_q <= Arm;
        end
        Arm: state_q <= again_q ? SegmentHead : Header;
        Header: begin
          primed_q <= '0;
          if (header_done) state_q <= stored ? StoredRows : Prime;
          again_q <= 1'b1;
        end
        Prime: if (prime) begin
          primed_q <= primed_q + 2'd1;
          if (primed_q == 2'd2) state_q <= !tables_usable_i ? Damaged : segmented ? Arm : ArmLanes;
        end
        SegmentHead: if (header_done) state_q <= ArmLanes;
        ArmLanes: state_q <= Fill1;
        Fill1: if (words_ready) state_q <= Fill2;
        Fill2: if (words_ready) state_q <= Begin;
        Begin: state_q <= Steps;
        Steps: begin
          layer_ended_q <= now_q.layer_end;
          if (step && now_q.segment_end) state_q <= LastWords;
        end
        LastWords: if (words_ready) state_q <= SegmentEnd;
        SegmentEnd: state_q <= segmented && !segment_empty ? Damaged : layer_ended_q ? Check : Arm;
        StoredRows: if (stored_step && walk_layer_last) state_q <= StoredEnd;
        StoredEnd: state_q <= odd_q == odd_bytes_q ? Check : Damaged;
        Check: if (summed) state_q <= good ? Idle : Damaged;
        default: state_q <= state_q;
      endcase
      if (refused || words_short) state_q <= Damaged;
    end
  end
endmodule
