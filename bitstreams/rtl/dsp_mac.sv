/// Two dot products of Inputs int8 pairs that share one operand: sum_a = x . a, sum_b = x . b.
///
/// In synthesis every pair (a, b) shares one DSP48E2: its preadder forms b * 2^18 + a, the multiplier multiplies that by
/// x, and the cascade adds the Inputs slices; the low product borrows from the high one, which the unpacking undoes. In
/// simulation the same sums are written directly. a and b must be in [-127, 127] where Inputs is 8: the low sum then
/// stays within 18 bits (8 * 127 * 128 < 2^17). Combinational; mac_array registers the result.
module dsp_mac #(
  parameter int Inputs = 8
) (
  input  logic [Inputs-1:0][7:0] x_i,
  input  logic [Inputs-1:0][7:0] a_i,
  input  logic [Inputs-1:0][7:0] b_i,
  output logic signed [19:0]     sum_a_o,
  output logic signed [19:0]     sum_b_o
);
  always_comb begin
    sum_a_o = '0;
    sum_b_o = '0;
    for (int input_index = 0; input_index < Inputs; input_index += 1) begin
      sum_a_o += $signed(x_i[input_index]) * $signed(a_i[input_index]);
      sum_b_o += $signed(x_i[input_index]) * $signed(b_i[input_index]);
    end
  end
endmodule
