/// First-word-fall-through FIFO of a power-of-two depth. All outputs are registers; a word pushed into an empty FIFO is
/// there two cycles later.
///
/// Promises: `data_o` is the oldest word while `valid_o`; a push while `free_o` is 0 is an error of the caller. Up to 64
/// words lie in LUT memory, more in block RAM; the oldest one waits in the output register.
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
  logic [AddressBits-1:0] write_q, read_q;
  logic [AddressBits:0] stored_q;              // words in the memory
  logic more_q;                                // stored_q != 0
  wire fetch = more_q && (pop_i || !valid_o);

  if (Depth <= 64) begin : gen_lut
    (* ram_style = "distributed" *) logic [Width-1:0] memory [Depth];
    always_ff @(posedge clk_i) begin
      if (push_i) memory[write_q] <= data_i;
      if (fetch) data_o <= memory[read_q];
    end
  end else begin : gen_block
    // A word is read a cycle after it was written at the earliest: never both in one cycle.
    (* ram_style = "block", no_rw_check *) logic [Width-1:0] memory [Depth];
    always_ff @(posedge clk_i) begin
      if (push_i) memory[write_q] <= data_i;
      if (fetch) data_o <= memory[read_q];
    end
  end

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      write_q <= '0;
      read_q <= '0;
      stored_q <= '0;
      more_q <= 1'b0;
      valid_o <= 1'b0;
      free_o <= (AddressBits+1)'(Depth);
    end else begin
      if (push_i) write_q <= write_q + 1'b1;
      if (fetch) read_q <= read_q + 1'b1;
      if (push_i != fetch) begin
        stored_q <= push_i ? stored_q + 1'b1 : stored_q - 1'b1;
        more_q <= push_i || stored_q != (AddressBits+1)'(1);
      end
      if (push_i != pop_i) free_o <= push_i ? free_o - 1'b1 : free_o + 1'b1;
      if (fetch) valid_o <= 1'b1;
      else if (pop_i) valid_o <= 1'b0;
    end
  end

`ifndef SYNTHESIS
  NoOverflow_A: assert property (@(posedge clk_i) disable iff (clear_i) push_i |-> free_o != 0);
  NoUnderflow_A: assert property (@(posedge clk_i) disable iff (clear_i) pop_i |-> valid_o);
  FreeCountsAll_A: assert property (@(posedge clk_i) disable iff (clear_i)
      free_o + stored_q + (AddressBits+1)'(valid_o) == (AddressBits+1)'(Depth));
`endif
endmodule
