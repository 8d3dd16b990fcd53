/// Finds the code at the head of a bit string in a canonical Huffman code of lengths 1..15 (RFC 1951, 3.2.2).
/// Combinational. `found_o` low: no code of the set begins so. `index_o` counts symbols by length, then by value.
module huffman_match (
  input  logic [14:0]       bits_i,      // first bit in bit 0
  input  logic [15:0][15:0] first_i,     // first code of each length
  input  logic [15:0][8:0]  count_i,
  input  logic [15:0][8:0]  offset_i,    // index of the first symbol of each length
  output logic              found_o,
  output logic [3:0]        length_o,
  output logic [8:0]        index_o
);
  always_comb begin
    automatic logic [15:0] code = '0;
    found_o = 1'b0;
    length_o = '0;
    index_o = '0;
    for (int length = 1; length <= 15; length += 1) begin
      code = {code[14:0], bits_i[length-1]};
      if (!found_o && code < first_i[length] + 16'(count_i[length])) begin
        found_o = 1'b1;
        length_o = 4'(length);
        index_o = offset_i[length] + 9'(code - first_i[length]);
      end
    end
  end
endmodule
