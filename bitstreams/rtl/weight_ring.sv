/// The weight tile buffer: a ring of lines of Inputs x Outputs weights, written once per line and replayed by the array.
///
/// The two halves of the contract are one ring here: the writer may run ahead as far as lines are free, over tile and
/// layer borders, and the array may start on a tile whose last lines have not arrived.
/// The line asked for in cycle t is on `line_o` in cycle t + Delay + 2; Delay matches the address path of the activations.
module weight_ring #(
  parameter int LineBits = 1024,
  parameter int Lines    = 4096,
  parameter int Delay    = 6
) (
  input  logic                     clk_i,
  input  logic                     clear_i,
  input  logic                     write_i,
  input  logic [LineBits-1:0]      line_i,
  output logic                     free_o,      // a line can be written, beside the two that may be on their way
  input  logic [15:0]              index_i,     // line of the current tile to read
  output logic                     available_o, // that line has arrived
  output logic [LineBits-1:0]      line_o,
  input  logic                     release_i,   // the last line of the tile is being asked for
  input  logic [15:0]              release_lines_i
);
  localparam int AddressBits = $clog2(Lines);
  localparam int OnTheWay = 2;                 // lines the writer has begun before free_o tells of them
  (* ram_style = "ultra" *) logic [LineBits-1:0] memory [Lines];
  logic [LineBits-1:0] read_q;
  logic [AddressBits:0] unread_q, held_q;      // lines ahead of the array's tile; lines that may not be overwritten
  logic [AddressBits-1:0] write_q, base_q;
  logic [Delay-1:0][AddressBits-1:0] address_q;
  // The writer may reuse a tile's lines only after the last delayed read of them.
  logic [Delay:0][AddressBits:0] freed_q;

  function automatic logic [AddressBits-1:0] wrapped(input logic [AddressBits-1:0] base, input logic [15:0] step);
    logic [AddressBits+1:0] sum;
    sum = (AddressBits+2)'(base) + (AddressBits+2)'(step);
    return sum >= (AddressBits+2)'(Lines) ? AddressBits'(sum - (AddressBits+2)'(Lines)) : AddressBits'(sum);
  endfunction

  assign available_o = index_i < 16'(unread_q);

  always_ff @(posedge clk_i) begin
    if (write_i) memory[write_q] <= line_i;
    address_q <= {address_q[Delay-2:0], wrapped(base_q, index_i)};
    read_q <= memory[address_q[Delay-1]];
    line_o <= read_q;
    if (clear_i) begin
      unread_q <= '0;
      held_q <= '0;
      freed_q <= '0;
      write_q <= '0;
      base_q <= '0;
      free_o <= 1'b0;
    end else begin
      freed_q <= {freed_q[Delay-1:0], release_i ? (AddressBits+1)'(release_lines_i) : (AddressBits+1)'(0)};
      unread_q <= unread_q + (AddressBits+1)'(write_i) - (release_i ? (AddressBits+1)'(release_lines_i) : '0);
      free_o <= held_q < (AddressBits+1)'(Lines - OnTheWay);
      held_q <= held_q + (AddressBits+1)'(write_i) - freed_q[Delay];
      if (write_i) write_q <= wrapped(write_q, 16'd1);
      if (release_i) base_q <= wrapped(base_q, release_lines_i);
    end
  end

`ifndef SYNTHESIS
  NoOverwrite_A: assert property (@(posedge clk_i) disable iff (clear_i) write_i |-> held_q < (AddressBits+1)'(Lines));
  ReleaseWhatArrived_A: assert property (@(posedge clk_i) disable iff (clear_i)
      release_i |-> release_lines_i <= 16'(unread_q));
`endif
endmodule
