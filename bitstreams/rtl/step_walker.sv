/// Walks the steps of a layer in decoding order (docs/formats/weight-stream.md, section 1): the fields are those of the step that
/// the next `move_i` takes. In pairs rows are decoded two at a time: the second one is passed in the cycle after a row's
/// end, in which no step may be taken.
module step_walker #(
  parameter int Outputs = 16
) (
  input  logic        clk_i,
  input  logic        start_i,
  input  logic [15:0] outputs_i,
  input  logic [15:0] inputs_i,
  input  logic [15:0] taps_i,
  input  logic        pairs_i,
  input  logic [2:0]  lanes_log_i,     // 2 .. log2 Outputs
  input  logic        segmented_i,
  input  logic [15:0] tiles_per_segment_i,
  input  logic        move_i,
  output logic        passing_o,       // over a second row: no move
  output logic [11:0] input_o,
  output logic [7:0]  tap_o,
  output logic [11:0] tile_o,
  output logic [3:0]  channel_o,       // of the tile, of the first lane
  output logic [4:0]  width_o,         // of the tile
  output logic [4:0]  lanes_o,         // that work in the step
  output logic        row_end_o,
  output logic        tile_first_o,    // the row is the first of its tile
  output logic        last_tile_o,
  output logic        tile_last_o,     // the row is the last of its tile,
  output logic        segment_last_o,  // of its segment,
  output logic        layer_last_o     // of its layer; of a pair's rows either may be
);
  localparam int TileBits = $clog2(Outputs);
  logic [15:0] input_q, tap_q, in_segment_q;
  logic [11:0] tile_q;
  logic [3:0] channel_q;
  logic odd_q, first_q;
  logic [11:0] behind_q;                          // tiles behind this one
  logic last_tile_q;
  logic [4:0] width_q;
  wire [4:0] rest = 5'(outputs_i[TileBits-1:0]);
  wire [4:0] left = width_q - {1'b0, channel_q};
  wire [4:0] lanes = 5'd1 << lanes_log_i;
  wire last_input = input_q == inputs_i - 16'd1;
  wire last_row = last_input && tap_q == taps_i - 16'd1;
  wire row_step = (move_i && row_end_o) || passing_o;

  assign passing_o = pairs_i && odd_q;
  assign input_o = input_q[11:0];
  assign tap_o = tap_q[7:0];
  assign tile_o = tile_q;
  assign channel_o = channel_q;
  assign width_o = width_q;
  assign last_tile_o = last_tile_q;
  assign row_end_o = left <= lanes;
  assign lanes_o = row_end_o ? left : lanes;
  assign tile_first_o = first_q;
  assign tile_last_o = last_row;
  assign segment_last_o = last_row && (last_tile_q || (segmented_i && in_segment_q == tiles_per_segment_i));
  assign layer_last_o = last_row && last_tile_q;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      input_q <= '0;
      tap_q <= '0;
      tile_q <= '0;
      channel_q <= '0;
      in_segment_q <= 16'd1;
      odd_q <= 1'b0;
      first_q <= 1'b1;
      behind_q <= 12'((outputs_i - 16'd1) >> TileBits);
      last_tile_q <= outputs_i <= 16'(Outputs);
      width_q <= outputs_i <= 16'(Outputs) ? outputs_i[4:0] : 5'(Outputs);
    end else begin
      if (move_i) channel_q <= row_end_o ? '0 : channel_q + 4'(lanes);
      if (row_step) begin
        input_q <= last_input ? '0 : input_q + 16'd1;
        if (last_input) tap_q <= last_row ? '0 : tap_q + 16'd1;
        odd_q <= !odd_q && !last_row;
        first_q <= last_row;
        if (last_row) begin
          tile_q <= tile_q + 12'd1;
          behind_q <= behind_q - 12'd1;
          last_tile_q <= behind_q == 12'd1;
          if (behind_q == 12'd1 && rest != 0) width_q <= rest;
          in_segment_q <= in_segment_q == tiles_per_segment_i ? 16'd1 : in_segment_q + 16'd1;
        end
      end
    end
  end
endmodule
