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
  localparam int PixelBits = $clog2(Pixels);
  logic [1:0] setup_q;
  logic [31:0] pixels_q, total_q;
  logic running_q, half_q;
  logic [15:0] x_q, y_q, group_row_q;
  logic [12:0] word_q;

  wire at_word = word_q + 13'd1 == words_i;
  wire at_x = x_q + 16'd1 == command_i.out_width;
  wire at_y = y_q + 16'd1 == command_i.out_height;
  wire at_bank = x_q[PixelBits-1:0] == PixelBits'(Pixels - 1);
  wire step = running_q && valid_i;
  wire last = at_word && at_x && at_y;

  assign busy_o = start_i || setup_q != 0 || running_q || write_o != 0;
  assign job_start_o = setup_q[1];
  assign beats_o = 28'((total_q + 32'd1) >> 1);
  assign pop_o = step && (half_q || last);

  always_ff @(posedge clk_i) begin
    setup_q <= clear_i ? '0 : {setup_q[0], start_i};
    pixels_q <= command_i.out_height * command_i.out_width;
    total_q <= pixels_q * 32'(words_i);
    write_o <= '0;
    if (clear_i) running_q <= 1'b0;
    else if (start_i) begin
      running_q <= 1'b1;
      half_q <= 1'b0;
      x_q <= '0;
      y_q <= '0;
      word_q <= '0;
      group_row_q <= command_i.out0_base;
    end else if (step) begin
      half_q <= !half_q;
      write_o[x_q[PixelBits-1:0]] <= 1'b1;
      write_row_o <= group_row_q + 16'(word_q);
      write_data_o <= data_i[32'(half_q)*Inputs*8 +: Inputs*8];
      word_q <= at_word ? '0 : word_q + 13'd1;
      if (at_word) begin
        x_q <= at_x ? '0 : x_q + 16'd1;
        if (at_x || at_bank) group_row_q <= group_row_q + command_i.out0_pitch;
        if (at_x) begin
          y_q <= y_q + 16'd1;
          if (at_y) running_q <= 1'b0;
        end
      end
    end
  end
endmodule
