/// The activation memory: `Pixels` banks of `Rows` words of `Inputs` bytes, one read and one write per bank and cycle.
/// Layout: sdk/src/overlay/activation-layout.ts. Read latency two cycles (URAM with its output register).
module activation_memory #(
  parameter int Pixels = 8,
  parameter int Inputs = 8,
  parameter int Rows   = 24576
) (
  input  logic                               clk_i,
  input  logic [Pixels-1:0][15:0]            read_row_i,
  output logic [Pixels-1:0][Inputs*8-1:0]    read_data_o,
  input  logic [Pixels-1:0]                  write_i,
  input  logic [Pixels-1:0][15:0]            write_row_i,
  input  logic [Pixels-1:0][Inputs*8-1:0]    write_data_i
);
  localparam int AddressBits = $clog2(Rows);
  for (genvar bank = 0; bank < Pixels; bank += 1) begin : gen_bank
    (* ram_style = "ultra" *) logic [Inputs*8-1:0] memory [Rows];
    logic [Inputs*8-1:0] read_q;
    always_ff @(posedge clk_i) begin
      if (write_i[bank]) memory[write_row_i[bank][AddressBits-1:0]] <= write_data_i[bank];
      read_q <= memory[read_row_i[bank][AddressBits-1:0]];
      read_data_o[bank] <= read_q;
    end
  end
endmodule
