/// The last bytes of the source image for two tap gatherers, in one true dual-port memory. Each gatherer reads through a port
/// of its own; an arriving beat takes the first one, whose gatherer asks again.
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
  (* ram_style = "block" *) logic [127:0] memory [Beats];
  wire [$clog2(Beats)-1:0] address_a = write_i ? write_address_i : address_i[0];
  assign granted_o = {1'b1, !write_i};
  always_ff @(posedge clk_i) begin
    if (write_i) memory[address_a] <= data_i;
    else data_o[0] <= memory[address_a];
    data_o[1] <= memory[address_i[1]];
  end
endmodule
