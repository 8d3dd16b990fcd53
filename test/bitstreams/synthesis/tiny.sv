/// A module whose mapping is known: two levels of LUT6, a carry chain, a multiplier, a block RAM and LUT memory.
package tiny_pkg;
  typedef struct packed {
    logic [7:0] a;
    logic [7:0] b;
  } pair_t;
endpackage
module tiny_parity (
  input  logic        clk_i,
  input  logic [35:0] bits_i,
  output logic        parity_o
);
  logic [35:0] bits_q;
  (* keep *) logic [5:0] part;  // kept, so that the mapper may not share logic between the levels
  for (genvar index = 0; index < 6; index += 1) begin : gen_part
    assign part[index] = ^bits_q[6*index +: 6];
  end
  always_ff @(posedge clk_i) begin
    bits_q <= bits_i;
    parity_o <= ^part;
  end
endmodule
module tiny
  import tiny_pkg::*;
#(
  parameter int Words = 16
) (
  input  logic             clk_i,
  input  pair_t            pair_i,
  input  logic [1:0][35:0] bits_i,
  input  logic             write_i,
  input  logic [9:0]       address_i,
  output logic [1:0]       parity_o,
  output logic [15:0]      product_o,
  output logic [35:0]      block_o
);
  logic [35:0] memory [Words];
  pair_t pair_q;
  always_ff @(posedge clk_i) begin
    pair_q <= pair_i;
    product_o <= $signed(pair_q.a) * $signed(pair_q.b);
    if (write_i) memory[address_i] <= bits_i[0];
    block_o <= memory[address_i];
  end
  for (genvar way = 0; way < 2; way += 1) begin : gen_way
    tiny_parity u_parity (.clk_i, .bits_i(bits_i[way]), .parity_o(parity_o[way]));
  end
endmodule
