/// Opens weight streams: stored ones and those of the codec `ans` (docs/formats/weight-stream.md). Coded ones wait for the
/// tables of the model, which `table_loader` builds.
///
/// One job at a time. Rows (one per kernel tap and input channel, a weight per output channel of the tile) come out in
/// demand order, through a small FIFO. `done_o` pulses when the last row of a job is in the FIFO and the stream was whole;
/// anything else ends in `damaged_o`, until cleared. A predicted layer must keep (kernel width + 1) * input channels within
/// `PredictedRows`, a coded one its channels within `MaxChannels`; others are refused as damaged.
module weight_decoder
  import sluice_pkg::*;
#(
  parameter int Outputs = 16,
  parameter int Lanes   = 16,
  parameter int Entries = 8192,
  parameter int MaxChannels = 4096,
  parameter int PredictedRows = 2048
) (
  input  logic                 clk_i,
  input  logic                 clear_i,
  input  logic                 tables_settled_i, // tables are there, or there are none
  input  logic                 tables_usable_i,  // tables are there
  input  logic                 classes_known_i,
  input  logic                 table_write_i,
  input  logic [$clog2(Entries)-2:0] table_address_i,
  input  logic [1:0][20:0]     table_entries_i,
  input  logic [3:0]           log_i,
  input  logic [4:0]           classes_i,
  input  logic [15:0][3:0]     class_table_i,
  input  logic [15:0][2:0]     class_shift_i,
  input  logic                 start_i,          // a layer
  input  logic                 coded_i,          // codec ans; else stored bytes
  input  command_t             command_i,        // of the layer, stable until done_o
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
    Idle, Head, StoredCrc, HeadCrc, Center, SegmentSize, Predicted, Grid, Coefficients,
    TapOffsets, ArrayA, ArrayB, Align, Prime,
    Words, WordsCrc, Fill, Begin, Steps, SegmentEnd, StoredRows, Check, Damaged
  } state_e;
  localparam int LaneBits = $clog2(Lanes);
  localparam int TileLines = MaxChannels / Outputs;

  state_e state_q;
  logic [511:0] window;
  logic [5:0] held;
  logic ended;
  logic [4:0] take;
  weight_words u_words (
    .clk_i, .clear_i, .start_i, .bytes_i(command_i.weights_bytes), .valid_i, .data_i, .pop_o,
    .window_o(window), .held_o(held), .ended_o(ended), .take_i(take)
  );
  wire words_end = ended && held == 0;
  wire window_ok = held >= 6'd4 || ended;

  // ---- the layer
  wire is_depthwise = command_i.opcode == OP_DEPTHWISE;
  wire [15:0] inputs = is_depthwise ? 16'd1 : command_i.in_channels;
  wire [15:0] taps = 16'(command_i.kernel_height) * 16'(command_i.kernel_width);
  logic coded_q, pairs_q, segmented_q, tap_offsets_q, centered_q;
  logic [2:0] lanes_log_q, width_a_q, width_b_q;
  logic [3:0] first_q, last_q;
  logic signed [5:0] base_q;
  logic [31:0] crc_q, segment_left_q;
  logic [7:0] center_q;
  logic [15:0] tiles_per_segment_q, index_q;
  logic [3:0] offset_q;
  logic [1:0] fill_q;
  logic [2:0] tap_offset [256];
  logic [Outputs*5-1:0] channel_offset [TileLines];
  logic [Outputs*5-1:0] channel_line_q;
  logic [39:0] input_offset [MaxChannels/8];

  // Offsets of channels are parsed eight at a time; what lies behind the last is never looked at.
  wire [15:0] array_length = state_q == ArrayA ? command_i.out_channels : inputs;
  wire [2:0] array_width = state_q == ArrayA ? width_a_q : width_b_q;
  wire array_end = index_q + 16'd8 >= array_length;
  wire [3:0] array_count = array_end ? 4'(array_length - index_q) : 4'd8;
  wire [$clog2(Outputs)-3:0] line_place = ($clog2(Outputs)-2)'((32'(index_q) % Outputs) / 8);  // in a line of offsets
  logic [7:0][4:0] array_values;
  always_comb begin
    for (int at = 0; at < 8; at += 1) array_values[at] = 5'(window[63:0] >> (6'(offset_q) + 6'(at) * 6'(array_width))) & ~(5'h1f << array_width);
  end

  wire [31:0] bits = 32'(window[63:0] >> offset_q);
  logic [5:0] used;
  wire [6:0] end_offset = 7'(offset_q) + 7'(used);
  wire [4:0] header_take = {2'b00, end_offset[6:4]};

  // ---- walking the steps: `ahead` is the step after the current one
  logic [15:0] ahead_left_q, ahead_input_q, ahead_tap_q, ahead_tile_q, ahead_in_segment_q;
  logic [4:0] ahead_sub_q;
  logic ahead_end_q;                            // past the last step
  wire [4:0] ahead_width = ahead_left_q > 16'(Outputs) ? 5'(Outputs) : ahead_left_q[4:0];
  wire [4:0] subs_last = (ahead_width - 5'd1) >> lanes_log_q;
  wire ahead_last_sub = ahead_sub_q == subs_last;
  wire [15:0] ahead_row_step = pairs_q ? 16'd2 : 16'd1;
  wire ahead_wraps = ahead_input_q + ahead_row_step >= inputs;
  wire [15:0] ahead_next_tap = inputs == 16'd1 ? ahead_tap_q + ahead_row_step : ahead_tap_q + 16'(ahead_wraps);
  wire [15:0] ahead_next_input = inputs == 16'd1 ? 16'd0
      : ahead_wraps ? ahead_input_q + ahead_row_step - inputs : ahead_input_q + ahead_row_step;
  wire ahead_last_row = ahead_next_tap >= taps;
  wire ahead_has_second = !(ahead_tap_q == taps - 16'd1 && ahead_input_q == inputs - 16'd1);
  wire ahead_last_tile = ahead_left_q <= 16'(Outputs);
  wire ahead_segment_end = ahead_last_tile || (segmented_q && ahead_in_segment_q + 16'd1 == tiles_per_segment_q);

  // Steps on their way to the lanes: what the memories say of a step (far), its classes (next), its tables (now).
  typedef struct packed {
    logic [4:0] sub;
    logic [4:0] width;
    logic row_end;
    logic second_exists;
    logic segment_end;
    logic layer_end;
    logic [Lanes-1:0] lanes;
  } step_t;
  step_t ahead, far_q, next_q, now_q;
  logic [Outputs*5-1:0] far_offsets_q;
  logic [39:0] far_inputs_q;                    // offsets of eight inputs, and which of them
  logic [2:0] far_place_q;
  logic [2:0] far_tap_q;
  logic signed [8:0] far_sum;
  logic [Lanes-1:0][3:0] next_classes, next_classes_q, table_next, table_now_q;
  logic [Lanes-1:0][2:0] shift_now_q;
  logic move;                                   // every step moves up
  logic [1:0] primed_q;
  always_comb begin
    ahead.sub = ahead_sub_q;
    ahead.width = ahead_width;
    ahead.row_end = ahead_last_sub;
    ahead.second_exists = ahead_has_second;
    ahead.segment_end = ahead_last_sub && ahead_last_row && ahead_segment_end;
    ahead.layer_end = ahead_last_sub && ahead_last_row && ahead_last_tile;
    far_sum = 9'(base_q) + (width_b_q != 0 ? $signed({4'd0, far_inputs_q[5 * far_place_q +: 5]}) : 9'sd0)
        + (tap_offsets_q ? $signed({6'd0, far_tap_q}) : 9'sd0);
    for (int lane = 0; lane < Lanes; lane += 1) begin
      logic [5:0] channel, far_channel;
      logic signed [8:0] sum;
      channel = (6'(ahead_sub_q) << lanes_log_q) + 6'(lane);
      far_channel = (6'(far_q.sub) << lanes_log_q) | 6'(lane);
      ahead.lanes[lane] = lane < (1 << lanes_log_q) && channel < 6'(ahead_width);
      sum = far_sum + (width_a_q != 0 ? $signed({4'd0, far_offsets_q[32'(far_channel[$clog2(Outputs)-1:0]) * 5 +: 5]}) : 9'sd0);
      next_classes[lane] = sum < $signed({5'd0, first_q}) ? first_q : sum > $signed({5'd0, last_q}) ? last_q : sum[3:0];
      table_next[lane] = class_table_i[next_classes_q[lane]];
    end
  end
  always_ff @(posedge clk_i) begin
    if (move) begin
      far_q <= ahead;
      far_offsets_q <= channel_offset[ahead_tile_q[$clog2(TileLines)-1:0]];
      far_inputs_q <= input_offset[ahead_input_q[$clog2(MaxChannels)-1:3]];
      far_place_q <= ahead_input_q[2:0];
      far_tap_q <= tap_offset[ahead_tap_q[7:0]];
      next_q <= far_q;
      next_classes_q <= next_classes;
      now_q <= next_q;
      table_now_q <= table_next;
      for (int lane = 0; lane < Lanes; lane += 1) shift_now_q[lane] <= class_shift_i[next_classes_q[lane]];
    end
  end

  // The layer's last step has been taken.
  logic ahead_done_q;
  always_ff @(posedge clk_i) begin
    if (start_i) ahead_done_q <= 1'b0;
    else if (step && now_q.layer_end) ahead_done_q <= 1'b1;
  end

  // ---- lanes
  logic [Lanes-1:0] exists;
  logic [Lanes-1:0][7:0] first, second;
  logic [4:0] asked;
  logic [255:0] words;
  logic words_ok, step, ending_q, push1_q, push2_q;
  logic [4:0] front;                            // words of the window that belong to the segment, at most 16
  wire [4:0] handed = asked > front ? front : asked;
  assign words_ok = held >= 6'(handed) || ended;
  always_comb begin
    front = segment_left_q > 32'd16 ? 5'd16 : segment_left_q[4:0];
    for (int index = 0; index < 16; index += 1) words[index*16 +: 16] = 5'(index) < front ? window[index*16 +: 16] : 16'd0;
    for (int lane = 0; lane < Lanes; lane += 1) begin
      exists[lane] = lane < (1 << lanes_log_q) && 16'(lane) < command_i.out_channels;
    end
  end
  logic [4:0] rows_free;
  // One channel: a row's left neighbour is the row before it, which the predictor needs a cycle to finish.
  wire room = rows_free > 5'd6 && !(ending_q && (pairs_q || (predicted_q && grid_channels_q == 12'd1)));
  assign step = state_q == Steps && words_ok && room;
  assign move = prime || step;
  wire arm = window_ok && (state_q == WordsCrc || (state_q == Words && !segmented_q));
  ans_lanes #(.Lanes(Lanes), .Entries(Entries)) u_lanes (
    .clk_i, .clear_i(clear_i || start_i), .table_write_i, .table_address_i,
    .table_entries_i, .log_i, .pairs_i(pairs_q), .arm_i(arm), .fill_i(state_q == Fill),
    .begin_i(state_q == Begin), .exists_i(exists), .step_i(step), .in_step_i(now_q.lanes), .shift_i(shift_now_q),
    .table_i(table_now_q), .table_next_i(table_next), .first_o(first), .second_o(second), .words_i(words),
    .asked_o(asked), .words_ok_i(words_ok)
  );

  // ---- tap prediction: shape and coefficients
  logic predicted_q, predict_top_q;
  logic [11:0] grid_channels_q;
  logic [7:0] grid_width_q, grid_x_q, wanted_tap;
  logic [31:0] tile_rows_q, grid_rows_q;
  logic [2:0][5:0] coefficient [256];
  logic [2:0][5:0] new_coefficients;
  logic [4:0] coefficient_bits;
  wire has_left = grid_x_q != 0;
  wire has_top = predict_top_q;
  always_comb begin
    new_coefficients = '0;
    coefficient_bits = 5'd1;
    if (bits[0]) begin
      if (has_left) new_coefficients[0] = bits[6:1];
      if (has_top) new_coefficients[1] = has_left ? bits[12:7] : bits[6:1];
      if (has_left && has_top) new_coefficients[2] = bits[18:13];
      coefficient_bits = has_left && has_top ? 5'd19 : 5'd7;
    end
  end

  // ---- rows
  logic [Outputs-1:0][7:0] row_first_q, row_second_q;
  logic [4:0] row_width_q, stepped_sub_q, stepped_width_q;
  logic stepped_q, stepped_second_q;
  logic row_push, row_second_exists_q, stored_q;
  logic [31:0] stored_left_q;
  logic [Outputs*8-1:0] row;
  wire stored_push = state_q == StoredRows && rows_free > 5'd6 && (held >= 6'd17 || ended);
  wire [8:0] stored_bits = {1'b0, ahead_width, 3'b000} + 9'(offset_q);
  assign row_push = push1_q || push2_q || stored_push;
  // Stored weights begin at a byte.
  wire [Outputs*8-1:0] stored_row = offset_q[3] ? window[Outputs*8+7:8] : window[Outputs*8-1:0];
  assign row = stored_push ? stored_row : push1_q ? row_first_q : row_second_q;
  logic final_push;
  logic [Outputs*8-1:0] final_row;
  logic [4:0] final_width_q;
  tap_predictor #(.Outputs(Outputs), .Rows(PredictedRows)) u_predictor (
    .clk_i, .start_i(start_i || clear_i), .enable_i(predicted_q), .channels_i(grid_channels_q), .width_i(grid_width_q),
    .tile_rows_i(tile_rows_q), .center_i(center_q), .tap_o(wanted_tap), .coefficients_i(coefficient[wanted_tap]),
    .valid_i(row_push), .row_i(row), .valid_o(final_push), .row_o(final_row)
  );
  always_ff @(posedge clk_i) final_width_q <= push_width;
  fifo #(.Width(Outputs * 8), .Depth(16)) u_rows (
    .clk_i, .clear_i, .push_i(final_push), .data_i(final_row), .free_o(rows_free), .valid_o(row_valid_o), .data_o(row_o),
    .pop_i(row_pop_i)
  );

  // ---- checksum of the rows: moved to the end of 32 bytes
  logic [31:0] sum_q;
  logic crc_valid_q;
  logic [255:0] crc_bytes_q;
  logic [4:0] crc_count_q;
  wire [4:0] push_width = stored_push ? ahead_width : row_width_q;
  always_ff @(posedge clk_i) begin
    crc_valid_q <= final_push;
    crc_count_q <= final_width_q;
    crc_bytes_q <= {128'(final_row) << {5'd16 - final_width_q, 3'b000}, 128'd0};
    if (start_i) sum_q <= '1;
    else if (crc_valid_q) sum_q <= crc32c_skip(sum_q, crc_count_q) ^ crc32c_data(crc_bytes_q);
  end

  // A coded layer needs the classes to check its header by, and the tables from the first step on.
  wire classes_there = classes_known_i || tables_settled_i;
  wire waiting = state_q == Head && bits[1:0] != 2'd0 && !classes_there;
  wire prime = state_q == Prime && tables_settled_i;

  // ---- what is taken from the words
  always_comb begin
    used = '0;
    case (state_q)
      Head: used = bits[1:0] == 2'd0 ? 6'd16 : 6'd29;
      StoredCrc, HeadCrc, WordsCrc: used = 6'd32;
      Words: used = segmented_q ? 6'd32 : 6'd0;
      Center: used = centered_q ? 6'd8 : 6'd0;
      SegmentSize: used = segmented_q ? 6'd16 : 6'd0;
      Predicted: used = predicted_q ? 6'd1 : 6'd0;
      Grid: used = 6'd12;
      Coefficients: used = index_q == 0 ? 6'd0 : {1'b0, coefficient_bits};
      TapOffsets: used = tap_offsets_q ? 6'd3 : 6'd0;
      ArrayA, ArrayB: used = 6'(array_count) * 6'(array_width);
      Align, Check: used = offset_q == 0 ? 6'd0 : 6'd16 - {2'd0, offset_q};
      default: used = '0;
    endcase
    if (!window_ok || waiting) used = '0;
    case (state_q)
      Fill, Steps, SegmentEnd: take = words_ok ? handed : 5'd0;
      StoredRows: take = stored_push ? stored_bits[8:4] : 5'd0;
      default: take = header_take;
    endcase
  end

  assign busy_o = state_q != Idle;
  assign damaged_o = state_q == Damaged;
  // A stored stream is as long as its weights; a coded one has no word that nobody asked for.
  assign done_o = state_q == Check && offset_q == 0 && !crc_valid_q && !ending_q && !row_push && !final_push && (!coded_q || sum_q == ~crc_q)
      && words_end && (stored_left_q == 0 || !stored_q);

  always_ff @(posedge clk_i) begin
    push2_q <= push1_q && pairs_q && row_second_exists_q;
    if (clear_i) begin
      state_q <= Idle;
      ending_q <= 1'b0;
      push1_q <= 1'b0;
      push2_q <= 1'b0;
    end else begin
      if (window_ok && used != 0) offset_q <= end_offset[3:0];
      if (move || stored_push) begin
        ahead_sub_q <= ahead_last_sub || stored_push ? '0 : ahead_sub_q + 5'd1;
        if (ahead_last_sub || stored_push) begin
          ahead_input_q <= ahead_last_row ? '0 : ahead_next_input;
          ahead_tap_q <= ahead_last_row ? '0 : ahead_next_tap;
          if (ahead_last_row) begin
            ahead_left_q <= ahead_left_q - 16'(Outputs);
            ahead_tile_q <= ahead_tile_q + 16'd1;
            ahead_in_segment_q <= ahead_segment_end ? '0 : ahead_in_segment_q + 16'd1;
          end
        end
      end
      // A step's weights appear a cycle later and join their row.
      stepped_q <= step;
      stepped_sub_q <= now_q.sub;
      stepped_width_q <= now_q.width;
      stepped_second_q <= now_q.second_exists;
      ending_q <= step && now_q.row_end;
      if (stepped_q) begin
        for (int channel = 0; channel < Outputs; channel += 1) begin
          logic [LaneBits-1:0] lane;
          lane = LaneBits'(channel) & LaneBits'((1 << lanes_log_q) - 1);
          if (5'(channel >> lanes_log_q) == stepped_sub_q) begin
            row_first_q[channel] <= first[lane] + center_q;
            row_second_q[channel] <= second[lane] + center_q;
          end
        end
        row_width_q <= stepped_width_q;
        row_second_exists_q <= stepped_second_q;
      end
      push1_q <= ending_q;
      if (take != 0 && (state_q == Fill || state_q == Steps || state_q == SegmentEnd)) begin
        segment_left_q <= segment_left_q - 32'(take);
      end

      case (state_q)
        Idle:
          if (start_i) begin
            state_q <= coded_i ? Head : StoredRows;
            coded_q <= coded_i;
            stored_q <= !coded_i;
            stored_left_q <= command_i.weights_bytes;
            offset_q <= '0;
            index_q <= '0;
            center_q <= '0;
            pairs_q <= 1'b0;
            segmented_q <= 1'b0;
            predicted_q <= 1'b0;
            lanes_log_q <= 3'(LaneBits);
            ahead_left_q <= command_i.out_channels;
            ahead_tile_q <= '0;
            ahead_sub_q <= '0;
            ahead_input_q <= '0;
            ahead_tap_q <= '0;
            ahead_in_segment_q <= '0;
          end
        Head: if (window_ok && !waiting) begin
          pairs_q <= bits[1:0] == 2'd2;
          lanes_log_q <= bits[4:2];
          predicted_q <= bits[5] && bits[1:0] != 2'd0;
          segmented_q <= bits[6];
          tap_offsets_q <= bits[7];
          centered_q <= bits[8];
          first_q <= bits[12:9];
          last_q <= bits[16:13];
          base_q <= bits[22:17];
          width_a_q <= bits[25:23];
          width_b_q <= bits[28:26];
          state_q <= bits[1:0] == 2'd0 ? StoredCrc : HeadCrc;
          if (bits[1:0] == 2'd0) begin
            lanes_log_q <= 3'(LaneBits);
            stored_q <= 1'b1;
            pairs_q <= 1'b0;
            segmented_q <= 1'b0;
            stored_left_q <= command_i.weights_bytes - 32'd6;
          end
          if (bits[1:0] == 2'd3 || (bits[1:0] != 2'd0 && ((bits[5] && bits[1:0] == 2'd2) || command_i.weights_bytes[0] || !classes_known_i || bits[4:2] > 3'(LaneBits)
              || bits[12:9] > bits[16:13] || {1'b0, bits[16:13]} >= classes_i || bits[25:23] > 3'd5 || bits[28:26] > 3'd5
              || 32'(command_i.out_channels) > MaxChannels || 32'(inputs) > MaxChannels || 32'(taps) > DECODER_TAPS))) begin
            state_q <= Damaged;
          end
        end
        StoredCrc: if (window_ok) begin
          crc_q <= bits;
          state_q <= StoredRows;
        end
        HeadCrc: if (window_ok) begin
          crc_q <= bits;
          state_q <= Center;
        end
        Center: if (window_ok) begin
          if (centered_q) center_q <= bits[7:0];
          state_q <= SegmentSize;
        end
        SegmentSize: if (window_ok) begin
          if (segmented_q) tiles_per_segment_q <= bits[15:0];
          state_q <= segmented_q && bits[15:0] == 0 ? Damaged : Predicted;
        end
        Predicted: if (window_ok) begin
          index_q <= '0;
          tile_rows_q <= 32'(taps) * 32'(inputs);
          grid_channels_q <= inputs[11:0];
          grid_width_q <= command_i.kernel_width;
          grid_x_q <= '0;
          predict_top_q <= 1'b0;
          // More inputs than the predictor has rows would also wrap in grid_channels_q and never end.
          state_q <= !predicted_q ? TapOffsets : bits[0] ? Grid : 32'(inputs) >= PredictedRows ? Damaged : Coefficients;
          grid_rows_q <= '0;
        end
        Grid: if (window_ok) begin
          grid_channels_q <= {4'd0, bits[7:0]};
          grid_width_q <= {4'd0, bits[11:8]};
          state_q <= bits[7:0] == 0 || bits[11:8] == 0 || taps != 16'd1 ? Damaged : Coefficients;
        end
        Coefficients: begin
          // The first tap has none; the bits are looked at from the second on.
          if (index_q == 0) coefficient[0] <= '0;
          else if (window_ok) coefficient[index_q[7:0]] <= new_coefficients;
          if (index_q == 0 || window_ok) begin
            index_q <= index_q + 16'd1;
            grid_x_q <= grid_x_q + 8'd1 == grid_width_q ? '0 : grid_x_q + 8'd1;
            if (grid_x_q + 8'd1 == grid_width_q) predict_top_q <= 1'b1;
            grid_rows_q <= grid_rows_q + 32'(grid_channels_q);
            if (grid_rows_q + 32'(grid_channels_q) >= tile_rows_q) begin
              index_q <= '0;
              state_q <= grid_rows_q + 32'(grid_channels_q) == tile_rows_q && grid_x_q + 8'd1 == grid_width_q
                  && (32'(grid_width_q) + 1) * 32'(grid_channels_q) <= PredictedRows ? TapOffsets : Damaged;
            end
          end
        end
        TapOffsets: if (window_ok) begin
          tap_offset[index_q[7:0]] <= bits[2:0];
          index_q <= index_q + 16'd1;
          if (!tap_offsets_q || index_q + 16'd1 == taps) begin
            index_q <= '0;
            state_q <= ArrayA;
          end
        end
        ArrayA: if (window_ok) begin
          channel_line_q <= (Outputs*5)'({array_values, channel_line_q} >> 40);
          index_q <= index_q + 16'd8;
          if (32'(line_place) == Outputs / 8 - 1 || array_end) begin
            channel_offset[index_q[$clog2(MaxChannels)-1:$clog2(Outputs)]] <=
                (Outputs*5)'({array_values, channel_line_q} >> 40) >> (40 * (Outputs / 8 - 1 - 32'(line_place)));
          end
          if (width_a_q == 0 || array_end) begin
            index_q <= '0;
            state_q <= ArrayB;
          end
        end
        ArrayB: if (window_ok) begin
          input_offset[index_q[$clog2(MaxChannels)-1:3]] <= array_values;
          index_q <= index_q + 16'd8;
          if (width_b_q == 0 || array_end) state_q <= Align;
        end
        Align: if (window_ok) begin
          offset_q <= '0;
          primed_q <= '0;
          state_q <= Prime;
        end
        Prime: if (prime) begin
          primed_q <= primed_q + 2'd1;
          if (primed_q == 2'd2) state_q <= tables_usable_i ? Words : Damaged;
        end
        Words: if (window_ok) begin
          segment_left_q <= segmented_q ? bits : '1;
          state_q <= segmented_q ? WordsCrc : Fill;
          fill_q <= '0;
        end
        WordsCrc: if (window_ok) state_q <= Fill;
        Fill: if (words_ok) begin
          fill_q <= fill_q + 2'd1;
          if (fill_q == 2'd2) state_q <= Begin;
        end
        Begin: state_q <= Steps;
        Steps: if (step && now_q.segment_end) state_q <= SegmentEnd;
        SegmentEnd: if (words_ok) begin
          fill_q <= '0;
          state_q <= ahead_done_q ? Check : Words;
          // Words that no lane asked for.
          if (segmented_q && segment_left_q != 32'(take)) state_q <= Damaged;
        end
        StoredRows: begin
          if (stored_push) begin
            offset_q <= stored_bits[3:0];
            stored_left_q <= stored_left_q - 32'(ahead_width);
            if (ahead_last_row && ahead_last_tile) state_q <= Check;
            if (stored_left_q < 32'(ahead_width)) state_q <= Damaged;
          end
        end
        Check: begin
          // An odd number of stored bytes leaves half a word.
          if (offset_q == 0 && !crc_valid_q && !ending_q && !row_push && !final_push) state_q <= done_o ? Idle : Damaged;
        end
        default: state_q <= state_q;
      endcase
    end
  end
endmodule
