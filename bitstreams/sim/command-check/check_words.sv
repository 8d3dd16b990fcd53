/// The command check of the small geometry on the 16 words of a command.
module check_words
  import sluice_pkg::*;
(
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [511:0] words_i,
  input  logic         final_i,
  output logic         done_o,
  output logic [7:0]   error_o
);
  command_check #(
    .Pixels(4), .Inputs(8), .Outputs(8), .Rows(2048), .WeightLines(1152), .MaxLayers(256), .Codecs(16'h0005)
  ) u_check (
    .clk_i, .clear_i, .start_i, .words_i, .command_i(unpack_command(words_i)), .final_i, .done_o, .error_o
  );
endmodule
