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
  localparam int SegmentRows = 4096;             // of an UltraRAM
  localparam int Segments = (Rows + SegmentRows - 1) / SegmentRows;
  for (genvar bank = 0; bank < Pixels; bank += 1) begin : gen_bank
    // A segment that is not read gives 0, so that the word is the OR of all.
    logic [Segments-1:0][Inputs*8-1:0] read_q;
    logic [Inputs*8-1:0] word;
    for (genvar segment = 0; segment < Segments; segment += 1) begin : gen_segment
      localparam int Words = Rows - segment * SegmentRows < SegmentRows ? Rows - segment * SegmentRows : SegmentRows;
      localparam int AddressBits = $clog2(Words);
      (* ram_style = "ultra" *) logic [Inputs*8-1:0] memory [Words];
      wire write = write_i[bank] && write_row_i[bank][15:12] == 4'(segment);
      wire read = read_row_i[bank][15:12] == 4'(segment);
      always_ff @(posedge clk_i) begin
        if (write) memory[write_row_i[bank][AddressBits-1:0]] <= write_data_i[bank];
        if (read) read_q[segment] <= memory[read_row_i[bank][AddressBits-1:0]];
        else read_q[segment] <= '0;
      end
    end
    always_comb begin
      word = '0;
      for (int segment = 0; segment < Segments; segment += 1) word |= read_q[segment];
    end
    always_ff @(posedge clk_i) read_data_o[bank] <= word;
  end

`ifndef SYNTHESIS
  for (genvar bank = 0; bank < Pixels; bank += 1) begin : gen_assert
    WriteInside_A: assert property (@(posedge clk_i) write_i[bank] |-> 32'(write_row_i[bank]) < Rows);
  end
`endif
endmodule
