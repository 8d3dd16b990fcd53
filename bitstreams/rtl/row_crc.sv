/// CRC-32C of the rows of a layer, each `width` bytes long: compares it with the one expected when the last row is in.
///
/// A row of any width goes through the matrix of a full one, which takes its bytes for the first of `Outputs` and so leaves
/// the sum multiplied by x^8 for every byte that is not there. That factor stays: the first row of a tile advances the sum by
/// a full row, the others by `width` bytes, and the expected value is advanced by the missing bytes of the last tile.
/// A narrow row takes as many cycles as it has bytes, less 7 if it has 8 or more: the owner keeps them apart.
///
/// All of that is one matrix: the sum goes through it together with the row, with its first bytes to advance by all of a row,
/// with those from the middle of 16 on to advance by 8. To advance by one its lowest byte goes with the row's last, and the
/// others are added behind. A bit of the sum is the parity of what its row of the matrix picks: one DSP slice.
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

  // The bits of a mask side by side, behind the two that are not from the row.
  function automatic logic [95:0] picked(input logic [Bits-1:0] bits, input logic [Bits-1:0] mask, input logic [1:0] others);
    int taken;
    picked = 96'(others);
    taken = 2;
    for (int at = 0; at < Bits; at += 1) begin
      if (mask[at]) begin
        picked[taken] = bits[at];
        taken += 1;
      end
    end
  endfunction
  for (genvar at = 0; at < 32; at += 1) begin : gen_fits
    initial if ($countones(Matrix[at]) > 94) $fatal(1, "row_crc: more bits than a DSP slice takes");
  end

  logic [Outputs-1:0][7:0] row_q, added_q;         // the one at hand; the one that is added now, or zeros
  logic valid_q, first_q, narrow_q, last_q;        // with the row
  logic full_q, words_q, bytes_q, enable_q;        // what the sum advances by, and whether it does
  logic [31:0] inverted, expected_q;               // the sum inverted; the one expected
  logic [3:0] left_q, missing_q;                   // bytes still to advance the sum, the expected value by
  logic last2_q, done_q;

  wire is_narrow = last_width_i != 5'(Outputs);
  wire by_words = Outputs == 16 && last_width_i[3];
  wire [3:0] more = by_words ? {1'b0, last_width_i[2:0]} : last_width_i[3:0] - 4'd1;
  wire narrow = narrow_q && !first_q;
  // The last cycle of a row brings its bytes in; before it the sum advances by a byte in each.
  wire add = valid_q ? !narrow || more == 0 : left_q == 4'd1;
  wire [31:0] sum = ~inverted;
  wire [31:0] behind = bytes_q ? sum >> 8 : 32'd0;
  logic [Bits-1:0] bits;
  always_comb begin
    bits = added_q ^ Bits'({words_q ? sum : 32'd0, 32'd0, full_q ? sum : 32'd0});
    bits[Bits-1 -: 8] ^= bytes_q ? sum[7:0] : 8'd0;
  end
  for (genvar at = 0; at < 32; at += 1) begin : gen_sum
    logic [95:0] taken;
`ifdef SYNTHESIS
    assign taken = picked(bits, Matrix[at], {behind[at], 1'b1});
`else
    // Other bits of the same parity: a simulation would spend half of its time on the loop.
    assign taken = {93'd0, ^(bits & Matrix[at]), behind[at], 1'b1};
    SameParity_A: assert property (@(posedge clk_i) disable iff (start_i) ^taken == ^picked(bits, Matrix[at], {behind[at], 1'b1}));
`endif
    // Cleared, the sum is all ones.
    dsp_parity u_parity (
      .clk_i, .clear_i(start_i), .enable_i(enable_q), .bits_i(taken), .parity_o(inverted[at])
    );
  end

  assign done_o = done_q;
  assign good_o = sum == expected_q;

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      for (int at = 0; at < Outputs; at += 1) row_q[at] <= last_tile_i && 5'(at) >= last_width_i ? 8'd0 : row_i[at];
      first_q <= tile_first_i;
      narrow_q <= last_tile_i && is_narrow;
    end
    valid_q <= valid_i;
    last_q <= valid_i && last_i;
    added_q <= add ? row_q : '0;
    full_q <= add && !narrow;
    words_q <= add && narrow && by_words;
    bytes_q <= narrow && !(add && by_words);
    enable_q <= (valid_q || left_q != 0) && !start_i;
    // A CRC-32C is the sum inverted.
    if (expect_i[0]) expected_q[15:0] <= ~expected_i;
    if (expect_i[1]) expected_q[31:16] <= ~expected_i;
    else if (missing_q != 0) expected_q <= crc32c_skip(expected_q, 5'd1);
    if (start_i) begin
      left_q <= '0;
      missing_q <= '0;
      done_q <= 1'b0;
      last2_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (expect_i[1]) missing_q <= 4'(5'(Outputs) - last_width_i);
      else if (missing_q != 0) missing_q <= missing_q - 4'd1;
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
