/// Undoes tap prediction (docs/formats/weight-stream.md, section 5), a row of weights per cycle:
///
///   w = d + floor((c0 * (left - center) + c1 * (top - center) + c2 * (corner - center) + 16) / 32)      mod 256
///
/// The neighbours are earlier rows of the tile: one, `width` and `width` + 1 taps of `channels` rows back. The last `Rows`
/// rows are kept for the top one, half as many for the left one (a kernel with a left neighbour is two taps wide), and as
/// many top neighbours for the corner: the corner of a row is the top of its left neighbour. Rows come out one cycle after they went in; with one channel, two
/// rows must be a cycle apart (the owner sees to it). With all coefficients 0 rows pass unchanged.
module tap_predictor #(
  parameter int Outputs = 16,
  parameter int Rows    = 2048
) (
  input  logic                      clk_i,
  input  logic                      start_i,       // of a layer
  input  logic                      enable_i,
  input  logic [11:0]               channels_i,    // rows of a tap
  input  logic [7:0]                width_i,       // taps of a kernel row
  input  logic [31:0]               tile_rows_i,
  input  logic [7:0]                center_i,
  output logic [7:0]                tap_o,         // whose coefficients are wanted, now
  input  logic signed [2:0][5:0]    coefficients_i,
  input  logic                      valid_i,
  input  logic [Outputs-1:0][7:0]   row_i,
  output logic                      valid_o,
  output logic [Outputs-1:0][7:0]   row_o
);
  localparam int AddressBits = $clog2(Rows);
  logic [Outputs*8-1:0] left_rows [Rows/2];
  logic [Outputs*8-1:0] top_rows [Rows];
  logic [Outputs*8-1:0] corner_rows [Rows/2];
  logic [Outputs-1:0][7:0] row_q, left_q, top_q, corner_q;
  logic [2:0][5:0] coefficients_q;
  logic [AddressBits-1:0] at_q, write_q, back_top_q;
  logic [11:0] channel_q;
  logic [7:0] tap_q;
  logic [31:0] tile_row_q;
  logic valid_q;

  wire [AddressBits-2:0] at_left = (AddressBits-1)'(at_q) - (AddressBits-1)'(channels_i);
  assign tap_o = tap_q;
  assign valid_o = valid_q;

  always_comb begin
    for (int lane = 0; lane < Outputs; lane += 1) begin
      logic signed [17:0] sum;
      sum = 18'($signed(coefficients_q[0])) * (18'($signed(left_q[lane])) - 18'($signed(center_i)))
          + 18'($signed(coefficients_q[1])) * (18'($signed(top_q[lane])) - 18'($signed(center_i)))
          + 18'($signed(coefficients_q[2])) * (18'($signed(corner_q[lane])) - 18'($signed(center_i))) + 18'sd16;
      row_o[lane] = row_q[lane] + 8'(sum >>> 5);
    end
  end

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    row_q <= row_i;
    write_q <= at_q;
    coefficients_q <= enable_i ? coefficients_i : '0;
    back_top_q <= AddressBits'(20'(channels_i) * 20'(width_i));
    left_q <= left_rows[at_left];
    top_q <= top_rows[at_q - back_top_q];
    corner_q <= corner_rows[at_left];
    if (valid_q) begin
      left_rows[write_q[AddressBits-2:0]] <= row_o;
      top_rows[write_q] <= row_o;
      corner_rows[write_q[AddressBits-2:0]] <= top_q;
    end
    if (start_i) begin
      at_q <= '0;
      channel_q <= '0;
      tap_q <= '0;
      tile_row_q <= '0;
      valid_q <= 1'b0;
    end else if (valid_i) begin
      at_q <= at_q + 1'b1;
      channel_q <= channel_q + 12'd1 == channels_i ? '0 : channel_q + 12'd1;
      if (channel_q + 12'd1 == channels_i) tap_q <= tap_q + 8'd1;
      tile_row_q <= tile_row_q + 32'd1;
      if (tile_row_q + 32'd1 == tile_rows_i) begin
        channel_q <= '0;
        tap_q <= '0;
        tile_row_q <= '0;
      end
    end
  end
endmodule
