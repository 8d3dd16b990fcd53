/// First-word-fall-through FIFO of a power-of-two depth.
///
/// Promises: `data_o` is the oldest word while `valid_o`; a push while `free_o` is 0 is an error of the caller.
module fifo #(
  parameter int Width = 128,
  parameter int Depth = 32
) (
  input  logic                     clk_i,
  input  logic                     clear_i,  // synchronous; empties the FIFO
  input  logic                     push_i,
  input  logic [Width-1:0]         data_i,
  output logic [$clog2(Depth):0]   free_o,   // words that still fit
  output logic                     valid_o,
  output logic [Width-1:0]         data_o,
  input  logic                     pop_i
);
  localparam int AddressBits = $clog2(Depth);
  logic [Width-1:0] memory [Depth];
  logic [AddressBits:0] write_q, read_q;

  assign valid_o = write_q != read_q;
  assign data_o = memory[read_q[AddressBits-1:0]];
  assign free_o = (AddressBits+1)'(Depth) - (write_q - read_q);

  always_ff @(posedge clk_i) begin
    if (push_i) memory[write_q[AddressBits-1:0]] <= data_i;
    if (clear_i) begin
      write_q <= '0;
      read_q <= '0;
    end else begin
      if (push_i) write_q <= write_q + 1'b1;
      if (pop_i) read_q <= read_q + 1'b1;
    end
  end

`ifndef SYNTHESIS
  NoOverflow_A: assert property (@(posedge clk_i) disable iff (clear_i) push_i |-> free_o != 0);
  NoUnderflow_A: assert property (@(posedge clk_i) disable iff (clear_i) pop_i |-> valid_o);
`endif
endmodule
