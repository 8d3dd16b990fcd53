/// LOAD without taps: words of Inputs bytes from DDR, row-major pixels with their channel words, into a tensor. One word
/// per cycle.
module load_words
  import sluice_pkg::*;
#(
  parameter int Pixels = 8,
  parameter int Inputs = 8
) (
  input  logic                    clk_i,
  input  logic                    clear_i,
  input  logic                    start_i,
  input  command_t                command_i,
  input  logic [12:0]             words_i,      // of a pixel
  output logic                    busy_o,
  output logic                    job_start_o,  // one cycle; beats_o is valid
  output logic [27:0]             beats_o,
  input  logic                    valid_i,
  input  logic [127:0]            data_i,
  output logic                    pop_o,
  output logic [Pixels-1:0]       write_o,
  output logic [15:0]             write_row_o,  // the same for every bank
  output logic [Inputs*8-1:0]     write_data_o
);
  logic [1:0] setup_q;
  logic [31:0] pixels_q, total_q;
  logic running_q, half_q, last;
  logic [15:0] row;
  logic [Pixels-1:0] bank;
  wire step = running_q && valid_i;
  word_walker #(.Pixels(Pixels)) u_walker (
    .clk_i, .start_i(setup_q[0]), .base_i(command_i.out0_base), .pitch_i(command_i.out0_pitch),
    .height_i(command_i.out_height), .width_i(command_i.out_width), .words_i, .step_i(step), .row_o(row), .bank_o(bank),
    .last_o(last)
  );

  assign busy_o = start_i || setup_q != 0 || running_q || write_o != 0;
  assign job_start_o = setup_q[1];
  assign beats_o = 28'((total_q + 32'd1) >> 1);
  assign pop_o = step && (half_q || last);

  always_ff @(posedge clk_i) begin
    setup_q <= clear_i ? '0 : {setup_q[0], start_i};
    pixels_q <= command_i.out_height * command_i.out_width;
    total_q <= pixels_q * 32'(words_i);
    write_o <= step && !clear_i ? bank : '0;
    write_row_o <= row;
    write_data_o <= half_q ? data_i[Inputs*8 +: Inputs*8] : data_i[0 +: Inputs*8];
    if (clear_i || setup_q[0]) half_q <= 1'b0;
    else if (step) half_q <= !half_q;
    if (clear_i) running_q <= 1'b0;
    else if (setup_q[0]) running_q <= 1'b1;
    else if (step && last) running_q <= 1'b0;
  end
endmodule
