/// Reads the headers of a weight stream (docs/formats/weight-stream.md, section 3), a field per cycle: that of the layer after
/// `start_i`, with the predictor's coefficients and the offsets of channels and taps into memories, and that of a segment after
/// `segment_i`. `done_o` is high for a cycle when either is behind it, `refused_o` when it cannot be decoded here.
///
/// The fields are looked at in the next two words; a word that is done with is taken, and a cycle goes by until the next
/// two are there.
module stream_header
  import sluice_pkg::*;
#(
  parameter int Outputs = 16,
  parameter int MostLanesLog = 4,
  parameter int MaxChannels = 4096,
  parameter int PredictedRows = 1024,
  localparam int RowBits = $clog2(PredictedRows)
) (
  input  logic                 clk_i,
  input  logic                 clear_i,
  input  logic                 start_i,          // the following four and coded_i are those of the layer
  input  logic                 segment_i,
  input  logic                 coded_i,          // else there is no header, only coefficients to set
  input  logic [15:0]          outputs_i,
  input  logic [15:0]          inputs_i,
  input  logic [15:0]          taps_i,
  input  logic [7:0]           kernel_width_i,
  input  logic                 odd_bytes_i,
  input  logic                 classes_there_i,  // or there are none
  input  logic                 classes_known_i,
  input  logic [4:0]           classes_i,
  input  logic [3:0]           log_i,

  input  logic                 words_ok_i,       // the next two words are in words_i a cycle later
  input  logic [1:0][15:0]     words_i,
  output logic                 take_o,           // done with a word, the cycle before

  output logic                 done_o,
  output logic                 refused_o,
  output logic                 stored_o,
  output logic                 pairs_o,
  output logic                 segmented_o,
  output logic                 predicted_o,
  output logic [2:0]           lanes_log_o,
  output logic [3:0]           first_o,
  output logic [3:0]           last_o,
  output logic                 ranges_known_o,   // pulse: first, last
  output logic signed [5:0]    base_o,
  output logic [15:0]          tiles_per_segment_o,
  output logic [31:0]          segment_words_o,
  output logic [1:0]           expect_o,         // halves of the checksum, in expected_o
  output logic [15:0]          expected_o,
  output logic [RowBits-1:0]   channels_o,       // of the predictor
  output logic [RowBits-1:0]   top_rows_o,

  // Memories: read in the cycle after read_i, except the coefficients, which are always read.
  input  logic [7:0]           wanted_tap_i,
  output logic [33:0]          coefficients_o,
  input  logic                 read_i,
  input  logic [7:0]           tap_i,
  input  logic [11:0]          input_i,
  input  logic [11:0]          tile_i,
  output logic [2:0]           tap_offset_o,
  output logic [4:0]           input_offset_o,
  output logic [Outputs*5-1:0] channel_offsets_o
);
  typedef enum logic [4:0] {
    Idle, Look, Kind, Ranges, CrcLow, CrcHigh, Center, Tiles, Flattened, Grid, TapBegin, Present, Left, Top, Corner, TapSum,
    TapProduct, TapWrite, TapOffsets, ChannelGap, ChannelOffsets, ChannelsEnd, InputGap, InputOffsets, Align,
    WordsLow, WordsHigh, SumLow, SumHigh, Refused
  } state_e;
  localparam int TileLines = MaxChannels / Outputs;
  localparam int ChannelBits = $clog2(MaxChannels);
  localparam int TileBits = $clog2(Outputs);

  state_e state_q;
  logic fresh_q;
  logic [3:0] offset_q;
  logic tap_offsets_q, centered_q, flattened_q, gapped_a_q, gapped_b_q;
  logic [2:0] width_a_q, width_b_q;
  logic any_a_q, any_b_q;                         // there are offsets of channels, of inputs
  logic signed [7:0] center_q;
  logic [ChannelBits-1:0] index_q;
  logic [15:0] bits;
  bit_window u_window (.bits_i({words_i[1][14:0], words_i[0]}), .offset_i(offset_q), .window_o(bits));

  // ---- taking a field
  logic [4:0] used, value_bits;
  logic field;                                    // the state reads one
  logic plain_q;                                  // stored, as the cycle before saw
  wire waits = state_q == Kind && !plain_q && !classes_there_i;
  wire go = !field || (fresh_q && !waits);
  wire [4:0] end_offset = {1'b0, offset_q} + used;
  always_comb begin
    field = 1'b1;
    used = '0;
    case (state_q)
      Look: used = 5'd0;
      Kind: used = plain_q ? 5'd16 : 5'd15;
      Ranges, CrcLow, CrcHigh, WordsLow, WordsHigh, SumLow, SumHigh: used = 5'd16;
      Center: {field, used} = centered_q ? {1'b1, 5'd8} : 6'd0;
      Tiles: {field, used} = segmented_o ? {1'b1, 5'd16} : 6'd0;
      Flattened: {field, used} = predicted_o ? {1'b1, 5'd1} : 6'd0;
      Grid: used = 5'd12;
      Present: used = 5'd1;
      Left, Top, Corner: used = 5'd6;
      TapOffsets: {field, used} = tap_offsets_q ? {1'b1, 5'd3} : 6'd0;
      ChannelGap, InputGap: used = 5'd5;
      ChannelOffsets: {field, used} = any_a_q ? {1'b1, value_bits} : 6'd0;
      InputOffsets: {field, used} = any_b_q ? {1'b1, value_bits} : 6'd0;
      Align: used = offset_q != 0 ? 5'd16 - {1'b0, offset_q} : 5'd0;
      default: field = 1'b0;
    endcase
  end
  wire take = field && go && end_offset[4];
  logic take_q, done_q;
  assign take_o = take_q;

  // ---- what may be wrong
  logic size_ok_q, ranges_ok_q;
  wire kind_ok = bits[1:0] != 2'd3 && (bits[1:0] == 2'd0 || (!(bits[5] && bits[1:0] == 2'd2) && !odd_bytes_i
      && classes_known_i && log_i == 4'd8 && bits[4:2] >= 3'd2 && bits[4:2] <= 3'(MostLanesLog) && size_ok_q));
  always_ff @(posedge clk_i) begin
    size_ok_q <= outputs_i <= 16'(MaxChannels) && inputs_i <= 16'(MaxChannels) && taps_i <= 16'(DECODER_TAPS);
    ranges_ok_q <= first_o <= last_o && {1'b0, last_o} < classes_i && width_a_q <= 3'd5 && width_b_q <= 3'd5;
    any_a_q <= gapped_a_q || width_a_q != 0;
    any_b_q <= gapped_b_q || width_b_q != 0;
  end

  // ---- the predictor's grid
  logic [ChannelBits:0] rest_q;                   // inputs or taps behind this tap
  logic [7:0] grid_width_q, x_q;
  logic top_q;
  logic signed [5:0] c0_q, c1_q, c2_q;
  logic signed [8:0] factor_q;
  logic signed [15:0] constant_q;
  wire has_left = x_q != 0;
  wire last_x = x_q + 8'd1 == grid_width_q;
  wire [RowBits:0] row_rows = {1'b0, top_rows_o} + {1'b0, channels_o};
  wire [ChannelBits+1:0] rest_next = {1'b0, rest_q} - (flattened_q ? (ChannelBits+2)'(channels_o) : (ChannelBits+2)'(1));
  wire rest_empty = rest_q == (flattened_q ? (ChannelBits+1)'(channels_o) : (ChannelBits+1)'(1));

  // ---- offsets
  wire of_inputs = state_q == InputOffsets;
  wire gapped = of_inputs ? gapped_b_q : gapped_a_q;
  wire [2:0] width = of_inputs ? width_b_q : width_a_q;
  logic [4:0] gap_q, behind_gap, value;
  always_comb begin
    for (int at = 0; at < 5; at += 1) behind_gap[at] = 3'(at) < width && (gapped ? bits[at+1] : bits[at]);
    value = behind_gap + (gapped ? gap_q : 5'd0);
    if (gapped && !bits[0]) value = '0;
    // Below a gap there is nothing but the bit that says so.
    value_bits = gapped && !bits[0] ? 5'd1 : 5'(width) + 5'(gapped);
  end
  logic [15:0] limit;
  always_comb begin
    case (state_q)
      TapOffsets: limit = taps_i;
      InputOffsets: limit = inputs_i;
      default: limit = outputs_i;
    endcase
  end
  wire last_index = index_q == ChannelBits'(limit - 16'd1);
  logic [Outputs*5-1:0] line_q;
  wire [Outputs*5-1:0] line = {value, line_q[Outputs*5-1:5]};
  wire line_end = &index_q[TileBits-1:0];

  (* ram_style = "block" *) logic [33:0] coefficients [256];
  (* ram_style = "block" *) logic [2:0] tap_offsets [256];
  (* ram_style = "block" *) logic [4:0] input_offsets [MaxChannels];
  (* ram_style = "block" *) logic [Outputs*5-1:0] channel_offsets [TileLines];
  logic [2:0] tap_offset_q;
  logic [4:0] input_offset_q;
  logic [Outputs*5-1:0] channel_offsets_q;
  assign tap_offset_o = tap_offsets_q ? tap_offset_q : '0;
  assign input_offset_o = any_b_q ? input_offset_q : '0;
  assign channel_offsets_o = channel_offsets_q;
  always_ff @(posedge clk_i) begin
    coefficients_o <= coefficients[wanted_tap_i];
    if (state_q == TapWrite) coefficients[index_q[7:0]] <= {constant_q, c2_q, c1_q, c0_q};
    if (read_i) begin
      tap_offset_q <= tap_offsets[tap_i];
      input_offset_q <= input_offsets[input_i[ChannelBits-1:0]];
      channel_offsets_q <= channel_offsets[any_a_q ? tile_i[$clog2(TileLines)-1:0] : '0];
    end
    if (state_q == TapOffsets && go) tap_offsets[index_q[7:0]] <= bits[2:0];
    if (state_q == InputOffsets && go) input_offsets[index_q] <= value;
    if ((state_q == ChannelOffsets && go) || state_q == ChannelsEnd) begin
      line_q <= line;
      if (line_end) channel_offsets[index_q[ChannelBits-1:TileBits]] <= line;
    end
  end

  assign done_o = done_q;
  assign refused_o = state_q == Refused;

  always_ff @(posedge clk_i) begin
    take_q <= take;
    expect_o <= {state_q == CrcHigh && go, state_q == CrcLow && go};
    expected_o <= bits;
    done_q <= (state_q == Align && go) || (state_q == SumHigh && go) || (state_q == TapWrite && stored_o && !predicted_o);
    fresh_q <= words_ok_i && !take && !take_q;
    ranges_known_o <= state_q == Ranges && go;
    if ((state_q == ChannelGap || state_q == InputGap) && go) gap_q <= bits[4:0];
    if (field && go) offset_q <= end_offset[3:0];
    if (clear_i) state_q <= Idle;
    else begin
      case (state_q)
        Idle: begin
          offset_q <= '0;
          index_q <= '0;
          if (start_i) begin
            state_q <= coded_i ? Look : TapBegin;
            stored_o <= !coded_i;
            pairs_o <= 1'b0;
            segmented_o <= 1'b0;
            predicted_o <= 1'b0;
            center_q <= '0;
            lanes_log_o <= 3'(TileBits);
            tap_offsets_q <= 1'b0;
            centered_q <= 1'b0;
            flattened_q <= 1'b0;
            top_q <= 1'b0;
            x_q <= '0;
            top_rows_o <= '0;
          end
          if (segment_i) state_q <= WordsLow;
        end
        Look: if (go) begin
          plain_q <= bits[1:0] == 2'd0;
          state_q <= Kind;
        end
        Kind: if (go) begin
          if (bits[1:0] == 2'd0) stored_o <= 1'b1;
          else begin
            pairs_o <= bits[1:0] == 2'd2;
            lanes_log_o <= bits[4:2];
            predicted_o <= bits[5];
            segmented_o <= bits[6];
            tap_offsets_q <= bits[7];
            centered_q <= bits[8];
            gapped_a_q <= bits[9];
            gapped_b_q <= bits[10];
            first_o <= bits[14:11];
          end
          state_q <= !kind_ok ? Refused : bits[1:0] == 2'd0 ? CrcLow : Ranges;
        end
        Ranges: if (go) begin
          {width_b_q, width_a_q, base_o, last_o} <= bits;
          state_q <= CrcLow;
        end
        CrcLow: if (go) state_q <= CrcHigh;
        // A stored layer has nothing else, not even what the next states look for.
        CrcHigh: if (go) state_q <= Center;
        Center: if (go) begin
          if (centered_q) center_q <= bits[7:0];
          state_q <= !stored_o && !ranges_ok_q ? Refused : Tiles;
        end
        Tiles: if (go) begin
          tiles_per_segment_o <= bits;
          state_q <= segmented_o && bits == 0 ? Refused : Flattened;
        end
        Flattened: if (go) begin
          channels_o <= inputs_i[RowBits-1:0];
          grid_width_q <= kernel_width_i;
          rest_q <= (ChannelBits+1)'(taps_i);
          flattened_q <= predicted_o && bits[0];
          // As many inputs as the predictor has rows would wrap in channels_o.
          state_q <= !predicted_o ? TapBegin : bits[0] ? Grid : inputs_i >= 16'(PredictedRows) ? Refused : TapBegin;
        end
        Grid: if (go) begin
          channels_o <= RowBits'(bits[7:0]);
          grid_width_q <= {4'd0, bits[11:8]};
          rest_q <= (ChannelBits+1)'(inputs_i);
          state_q <= bits[7:0] == 0 || bits[11:8] == 0 || taps_i != 16'd1 ? Refused : TapBegin;
        end
        TapBegin: begin
          {c2_q, c1_q, c0_q} <= '0;
          // The first tap has no neighbours.
          state_q <= index_q == 0 ? TapSum : Present;
        end
        Present: if (go) state_q <= !bits[0] ? TapSum : has_left ? Left : Top;
        Left: if (go) begin
          c0_q <= bits[5:0];
          state_q <= top_q ? Top : TapSum;
        end
        Top: if (go) begin
          c1_q <= bits[5:0];
          state_q <= has_left ? Corner : TapSum;
        end
        Corner: if (go) begin
          c2_q <= bits[5:0];
          state_q <= TapSum;
        end
        TapSum: begin
          factor_q <= 9'sd32 - (9'(c0_q) + 9'(c1_q) + 9'(c2_q));
          state_q <= TapProduct;
        end
        TapProduct: begin
          constant_q <= 16'(center_q) * 16'(factor_q) + 16'sd16;
          state_q <= TapWrite;
        end
        TapWrite: begin
          index_q <= index_q + 1'b1;
          x_q <= last_x ? '0 : x_q + 8'd1;
          top_q <= top_q || last_x;
          rest_q <= rest_next[ChannelBits:0];
          if (!top_q) top_rows_o <= row_rows[RowBits-1:0];
          if (!predicted_o) begin
            index_q <= '0;
            state_q <= stored_o ? Idle : TapOffsets;
          end else if (rest_next[ChannelBits+1] || (&index_q[7:0] && !rest_empty) || (!top_q && row_rows >= (RowBits+1)'(PredictedRows))
              || (!top_q && last_x && (RowBits+2)'(row_rows) + (RowBits+2)'(channels_o) > (RowBits+2)'(PredictedRows))
              || (rest_empty && !last_x)) begin
            state_q <= Refused;
          end else begin
            if (rest_empty) index_q <= '0;
            state_q <= rest_empty ? TapOffsets : TapBegin;
          end
        end
        TapOffsets: if (go) begin
          index_q <= index_q + 1'b1;
          if (!tap_offsets_q || last_index) begin
            index_q <= '0;
            state_q <= gapped_a_q ? ChannelGap : ChannelOffsets;
          end
        end
        ChannelGap: if (go) state_q <= ChannelOffsets;
        ChannelOffsets: if (go) begin
          index_q <= index_q + 1'b1;
          if (!any_a_q || last_index) begin
            if (line_end) index_q <= '0;
            state_q <= !line_end ? ChannelsEnd : gapped_b_q ? InputGap : InputOffsets;
          end
        end
        // The rest of the last line; without offsets the one line that is for all tiles.
        ChannelsEnd: begin
          index_q <= line_end ? '0 : index_q + 1'b1;
          if (line_end) state_q <= gapped_b_q ? InputGap : InputOffsets;
        end
        InputGap: if (go) state_q <= InputOffsets;
        InputOffsets: if (go) begin
          index_q <= index_q + 1'b1;
          if (!any_b_q || last_index) state_q <= Align;
        end
        Align: if (go) state_q <= Idle;
        WordsLow: if (go) begin
          segment_words_o[15:0] <= bits;
          state_q <= WordsHigh;
        end
        WordsHigh: if (go) begin
          segment_words_o[31:16] <= bits;
          state_q <= SumLow;
        end
        SumLow: if (go) state_q <= SumHigh;
        SumHigh: if (go) state_q <= Idle;
        default: state_q <= state_q;
      endcase
    end
  end
endmodule
