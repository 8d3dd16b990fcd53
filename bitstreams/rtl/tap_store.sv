/// The last bytes of the source image for two tap gatherers, in one true dual-port memory. Each gatherer reads through a port
/// of its own; arriving beats take the two ports in turn, and the gatherer whose port is taken asks again.
module tap_store #(
  parameter int Beats = 1024
) (
  input  logic                          clk_i,
  input  logic                          write_i,
  input  logic [$clog2(Beats)-1:0]      write_address_i,
  input  logic [127:0]                  data_i,
  input  logic [1:0][$clog2(Beats)-1:0] address_i,
  output logic [1:0]                    granted_o,  // the address of this cycle is read
  output logic [1:0][127:0]             data_o      // one cycle later
);
  wire [1:0] taken = {write_i && write_address_i[0], write_i && !write_address_i[0]};
  wire [$clog2(Beats)-1:0] address_a = taken[0] ? write_address_i : address_i[0];
  wire [$clog2(Beats)-1:0] address_b = taken[1] ? write_address_i : address_i[1];
  assign granted_o = ~taken;
  // In words of 32 bits, the width of a block RAM with two ports that both write; tools choose worse for 128.
  for (genvar word = 0; word < 4; word += 1) begin : gen_word
    (* ram_style = "block" *) logic [31:0] memory [Beats];
    logic [31:0] first_q, second_q;
    always_ff @(posedge clk_i) begin
      if (taken[0]) memory[address_a] <= data_i[word*32 +: 32];
      else first_q <= memory[address_a];
      if (taken[1]) memory[address_b] <= data_i[word*32 +: 32];
      else second_q <= memory[address_b];
    end
    assign data_o[0][word*32 +: 32] = first_q;
    assign data_o[1][word*32 +: 32] = second_q;
  end
endmodule
