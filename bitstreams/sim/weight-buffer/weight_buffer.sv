/// Rows of weights into lines, lines into the ring, as in the overlay: a small ring whose length is no power of two.
module weight_buffer
  import sluice_pkg::*;
#(
  parameter int Inputs  = 8,
  parameter int Outputs = 16,
  parameter int Lines   = 96
) (
  input  logic          clk_i,
  input  logic          clear_i,
  input  logic          start_i,
  input  logic          depthwise_i,
  input  logic [15:0]   in_channels_i,
  input  logic [15:0]   out_channels_i,
  input  logic [7:0]    kernel_height_i,
  input  logic [7:0]    kernel_width_i,
  output logic          busy_o,
  output logic          last_row_o,
  output logic          ready_o,
  input  logic          valid_i,
  input  logic [127:0]  row_i,
  input  logic [15:0]   index_i,
  output logic          available_o,
  output logic [1023:0] line_o,
  input  logic          release_i,
  input  logic [15:0]   release_lines_i
);
  command_t command;
  always_comb begin
    command = '0;
    command.opcode = depthwise_i ? OP_DEPTHWISE : OP_CONV;
    command.in_channels = in_channels_i;
    command.out_channels = out_channels_i;
    command.kernel_height = kernel_height_i;
    command.kernel_width = kernel_width_i;
  end
  logic line_free, line_write;
  logic [4:0] width;
  logic [1023:0] line;
  weight_lines #(.Inputs(Inputs), .Outputs(Outputs)) u_lines (
    .clk_i, .clear_i, .start_i, .command_i(command), .busy_o, .width_o(width), .last_row_o, .ready_o, .valid_i, .row_i,
    .line_free_i(line_free), .line_write_o(line_write), .line_o(line)
  );
  weight_ring #(.LineBits(1024), .Lines(Lines), .Delay(6)) u_ring (
    .clk_i, .clear_i, .write_i(line_write), .line_i(line), .free_o(line_free), .index_i, .available_o, .line_o, .release_i,
    .release_lines_i
  );
endmodule
