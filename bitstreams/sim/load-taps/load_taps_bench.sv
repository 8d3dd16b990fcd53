/// load_taps with the command as its 16 words, and the sizes of its ports as the bench wants them.
module load_taps_bench
  import sluice_pkg::*;
(
  input  logic          clk_i,
  input  logic          clear_i,
  input  logic          start_i,
  input  logic [511:0]  command_i,
  output logic          busy_o,
  output logic          job_start_o,
  output logic [27:0]   beats_o,
  output logic [7:0]    free_o,
  input  logic          beat_i,
  input  logic [127:0]  data_i,
  output logic [7:0]    write_o,
  output logic [15:0]   write_row_o,
  output logic [7:0][63:0] write_data_o
);
  load_taps #(.Pixels(8), .Inputs(8)) u_taps (
    .clk_i, .clear_i, .start_i, .command_i(unpack_command(command_i)), .busy_o, .job_start_o, .beats_o, .free_o, .beat_i,
    .data_i, .write_o, .write_row_o, .write_data_o
  );
endmodule
