/// CRC-32C of the rows of a layer, each `width` bytes long: compares it with the one expected when the last row is in.
///
/// A row of any width goes through the matrix of a full one, which takes its bytes for the first of `Outputs` and so leaves
/// the sum multiplied by x^8 for every byte that is not there. That factor stays: the first row of a tile advances the sum by
/// a full row, the others by `width` bytes, and the expected value is advanced by the missing bytes of the last tile.
/// A narrow row takes as many cycles as it has bytes, less 7 if it has 8 or more: the owner keeps them apart.
module row_crc
  import sluice_pkg::*;
#(
  parameter int Outputs = 16
) (
  input  logic                    clk_i,
  input  logic                    start_i,         // of a layer
  input  logic [4:0]              last_width_i,    // of rows of the last tile
  input  logic [1:0]              expect_i,        // low and high half of the expected value
  input  logic [15:0]             expected_i,
  input  logic                    valid_i,
  input  logic [Outputs-1:0][7:0] row_i,
  input  logic                    tile_first_i,    // first row of its tile
  input  logic                    last_tile_i,
  input  logic                    last_i,          // row of the layer
  output logic                    done_o,          // the last row is in ...
  output logic                    good_o           // ... and the sum is the one expected
);
  localparam int Bits = 8 * Outputs;
  typedef logic [31:0][Bits-1:0] matrix_t;

  // What each bit of a row adds to the sum.
  function automatic matrix_t row_matrix();
    for (int at = 0; at < Bits; at += 1) begin
      logic [31:0] column;
      column = crc32c_data(256'd1 << (256 - Bits + at));
      for (int bit_at = 0; bit_at < 32; bit_at += 1) row_matrix[bit_at][at] = column[bit_at];
    end
  endfunction
  localparam matrix_t Matrix = row_matrix();

  // Parity of the bits of a mask, six at a time: what a LUT takes.
  function automatic logic parity(input logic [Bits-1:0] bits, input logic [Bits-1:0] mask);
    logic [Bits/6:0] sixes;
    int taken;
    sixes = '0;
    taken = 0;
    for (int at = 0; at < Bits; at += 1) begin
      if (mask[at]) begin
        sixes[taken/6] ^= bits[at];
        taken += 1;
      end
    end
    parity = (^sixes[5:0]) ^ (^sixes[Bits/6:6]);
  endfunction

  logic [Outputs-1:0][7:0] row_q;
  logic valid_q, first_q, narrow_q, last_q;        // with the row
  logic [31:0] sum_q, expected_q;                  // the expected one inverted, as a CRC-32C leaves it
  logic [3:0] left_q, missing_q;                   // bytes still to advance the sum, the expected value by
  logic last2_q, done_q;

  wire is_narrow = last_width_i != 5'(Outputs);
  wire by_words = Outputs == 16 && last_width_i[3];
  wire [3:0] more = by_words ? {1'b0, last_width_i[2:0]} : last_width_i[3:0] - 4'd1;
  wire narrow = narrow_q && !first_q;
  // The last cycle of a row brings its bytes in; before it the sum advances by a byte in each.
  wire add = valid_q ? !narrow || more == 0 : left_q == 4'd1;
  wire [31:0] byte_sum = crc32c_skip(sum_q, 5'd1);
  // The sum goes through the matrix together with the row: with its first bytes that advances it by all of a row, with those
  // from the middle of 16 on by 8.
  wire [31:0] sum_first = narrow ? 32'd0 : sum_q;
  wire [31:0] sum_middle = narrow && by_words ? sum_q : 32'd0;
  wire [Bits-1:0] bits = row_q ^ Bits'({sum_middle, 32'd0, sum_first});
  logic [31:0] part;
  for (genvar at = 0; at < 32; at += 1) begin : gen_part
    assign part[at] = parity(bits, Matrix[at]);
  end

  assign done_o = done_q;
  assign good_o = sum_q == expected_q;

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      for (int at = 0; at < Outputs; at += 1) row_q[at] <= last_tile_i && 5'(at) >= last_width_i ? 8'd0 : row_i[at];
      first_q <= tile_first_i;
      narrow_q <= last_tile_i && is_narrow;
    end
    valid_q <= valid_i;
    last_q <= valid_i && last_i;
    if (expect_i[0]) expected_q[15:0] <= ~expected_i;
    if (expect_i[1]) expected_q[31:16] <= ~expected_i;
    else if (missing_q != 0) expected_q <= crc32c_skip(expected_q, 5'd1);
    if (start_i) begin
      sum_q <= '1;
      left_q <= '0;
      missing_q <= '0;
      done_q <= 1'b0;
      last2_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (expect_i[1]) missing_q <= 4'(5'(Outputs) - last_width_i);
      else if (missing_q != 0) missing_q <= missing_q - 4'd1;
      if (valid_q || left_q != 0) begin
        sum_q <= (add && (!narrow || by_words) ? 32'd0 : byte_sum) ^ (add ? part : 32'd0);
      end
      if (valid_q) left_q <= narrow ? more : '0;
      else if (left_q != 0) left_q <= left_q - 4'd1;
      last2_q <= last_q || (last2_q && left_q != 0);
      done_q <= last2_q && left_q == 0;
    end
  end

`ifndef SYNTHESIS
  RowsAreApart_A: assert property (@(posedge clk_i) disable iff (start_i) valid_q |-> left_q == 0);
`endif
endmodule
