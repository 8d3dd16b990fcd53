/// Adds the center to decoded rows and undoes tap prediction (docs/formats/weight-stream.md, section 5), a row per cycle, `Latency`
/// cycles later:
///
///   w = (32 * d + 16 + center * (32 - c0 - c1 - c2) + c0 * left + c1 * top + c2 * corner) / 32, floor      mod 256
///
/// `coefficients_i` of a tap hold the constant term of that, c2, c1 and c0. The neighbours are earlier rows of the tile: one,
/// `width` and `width` + 1 taps of `channels` rows back. The last `Rows` rows are kept for the top one, half as many for the left
/// one (a kernel with a left neighbour is two taps wide), and as many top neighbours for the corner: the corner of a row is the
/// top of its left neighbour. A row is a neighbour `Spacing` cycles after it went in, so rows of fewer channels have to be
/// apart (the owner sees to it).
module tap_predictor #(
  parameter int Outputs = 16,
  parameter int Rows    = 1024
) (
  input  logic                     clk_i,
  input  logic                     start_i,        // of a layer, with its channels and width
  input  logic                     enable_i,       // else the coefficients of tap 0 are for all rows
  input  logic [$clog2(Rows)-1:0]  channels_i,     // rows of a tap
  input  logic [$clog2(Rows)-1:0]  top_rows_i,     // rows of a kernel row's taps
  output logic [7:0]               tap_o,          // whose coefficients are wanted ...
  input  logic [33:0]              coefficients_i, // ... in the next cycle
  input  logic                     valid_i,
  input  logic                     tile_last_i,    // last row of its tile
  input  logic [Outputs-1:0][7:0]  row_i,
  output logic                     valid_o,
  output logic [Outputs-1:0][7:0]  row_o
);
  localparam int Bits = $clog2(Rows);
  // Cycles since a row went in at which things happen to it.
  localparam int Corner = 2;                       // its corner is read,
  localparam int Top = 3;
  localparam int Left = 4;                         // and its top kept as a corner
  localparam int Done = 8;
  logic [Outputs*8-1:0] left_rows [Rows/2];
  logic [Outputs*8-1:0] top_rows [Rows];
  logic [Outputs*8-1:0] corner_rows [Rows/2];
  logic [Outputs-1:0][7:0] row_q, left_q, top_q, corner_q;
  logic signed [15:0] constant;
  logic signed [5:0] c2_q, c2_qq, c1_q, c1_qq, c1_qqq, c0_q, c0_qq, c0_qqq, c0_qqqq;
  logic [Done:1] valid_q;
  logic [Bits-2:0] corner_at_q, left_at_q, corner_write_q;
  logic [Bits-1:0] top_at_q, write_q, channel_q;
  logic [7:0] tap_q;
  logic channel_last_q;                            // the next row is the last of its tap

  assign tap_o = tap_q;
  assign valid_o = valid_q[Done];
  assign constant = coefficients_i[33:18];
  for (genvar at = 0; at < Outputs; at += 1) begin : gen_sum
    tap_sum u_sum (
      .clk_i, .row_i(row_q[at]), .constant_i(constant), .corner_i(corner_q[at]), .c2_i(c2_qq), .top_i(top_q[at]),
      .c1_i(c1_qqq), .left_i(left_q[at]), .c0_i(c0_qqqq), .sum_o(row_o[at])
    );
  end

  always_ff @(posedge clk_i) begin
    row_q <= row_i;
    {c2_q, c1_q, c0_q} <= coefficients_i[17:0];
    {c2_qq, c1_qq, c0_qq} <= {c2_q, c1_q, c0_q};
    {c1_qqq, c0_qqq} <= {c1_qq, c0_qq};
    c0_qqqq <= c0_qqq;
    corner_q <= corner_rows[corner_at_q];
    top_q <= top_rows[top_at_q];
    left_q <= left_rows[left_at_q];
    if (valid_q[Left]) corner_rows[corner_write_q] <= top_q;
    if (valid_q[Done]) begin
      left_rows[write_q[Bits-2:0]] <= row_o;
      top_rows[write_q] <= row_o;
    end
    if (start_i) begin
      valid_q <= '0;
      tap_q <= '0;
      channel_q <= '0;
      channel_last_q <= channels_i == Bits'(1);
      write_q <= '0;
      corner_write_q <= '0;
      top_at_q <= -top_rows_i;
      corner_at_q <= (Bits-1)'(-channels_i);
      left_at_q <= (Bits-1)'(-channels_i);
    end else begin
      valid_q <= {valid_q[Done-1:1], valid_i};
      if (valid_q[Corner]) corner_at_q <= corner_at_q + 1'b1;
      if (valid_q[Top]) top_at_q <= top_at_q + 1'b1;
      if (valid_q[Left]) begin
        left_at_q <= left_at_q + 1'b1;
        corner_write_q <= corner_write_q + 1'b1;
      end
      if (valid_q[Done]) write_q <= write_q + 1'b1;
      if (valid_i && enable_i) begin
        if (tile_last_i || channel_last_q) begin
          channel_q <= '0;
          channel_last_q <= channels_i == Bits'(1);
          tap_q <= tile_last_i ? '0 : tap_q + 8'd1;
        end else begin
          channel_q <= channel_q + 1'b1;
          channel_last_q <= channel_q + Bits'(2) == channels_i;
        end
      end
    end
  end
endmodule
