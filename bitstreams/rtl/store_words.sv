/// STORE: reads a tensor word by word, row-major pixels with their channel words, and makes 16-byte beats of them.
/// One word per cycle while the beat FIFO behind it has room; an odd last word fills half a beat.
module store_words
  import sluice_pkg::*;
#(
  parameter int Pixels = 8,
  parameter int Inputs = 8
) (
  input  logic                            clk_i,
  input  logic                            clear_i,
  input  logic                            start_i,
  input  command_t                        command_i,
  input  logic [12:0]                     words_i,
  output logic                            busy_o,
  output logic                            active_o,     // owns the read port of the activation memory
  output logic                            job_start_o,
  output logic [27:0]                     beats_o,
  output logic [15:0]                     row_o,
  input  logic [Pixels-1:0][Inputs*8-1:0] data_i,       // two cycles after row_o
  input  logic [5:0]                      free_i,       // beats the FIFO can take
  output logic                            push_o,
  output logic [143:0]                    beat_o        // strobes, data
);
  localparam int PixelBits = $clog2(Pixels);
  logic [1:0] setup_q;
  logic [31:0] pixels_q, total_q;
  logic running_q;
  logic [15:0] x_q, y_q, group_row_q;
  logic [12:0] word_q;
  typedef struct packed {
    logic valid;
    logic last;
    logic [PixelBits-1:0] bank;
  } meta_t;
  meta_t [3:1] meta_q;
  logic half_q;
  logic [Inputs*8-1:0] low_q;

  wire at_word = word_q + 13'd1 == words_i;
  wire at_x = x_q + 16'd1 == command_i.in_width;
  wire at_y = y_q + 16'd1 == command_i.in_height;
  wire at_bank = x_q[PixelBits-1:0] == PixelBits'(Pixels - 1);
  wire step = running_q && free_i > 6'd4;
  wire [Inputs*8-1:0] word = data_i[meta_q[3].bank];

  assign active_o = running_q || meta_q[1].valid || meta_q[2].valid || meta_q[3].valid;
  assign busy_o = start_i || setup_q != 0 || active_o || push_o;
  assign job_start_o = setup_q[1];
  assign beats_o = 28'((total_q + 32'd1) >> 1);

  always_ff @(posedge clk_i) begin
    setup_q <= clear_i ? '0 : {setup_q[0], start_i};
    pixels_q <= command_i.in_height * command_i.in_width;
    total_q <= pixels_q * 32'(words_i);
    meta_q <= {meta_q[2:1], meta_t'('0)};
    push_o <= 1'b0;
    if (meta_q[3].valid) begin
      half_q <= !half_q && !meta_q[3].last;
      if (half_q) beat_o <= {16'hffff, word, low_q};
      else beat_o <= {16'h00ff, {Inputs*8{1'b0}}, word};
      low_q <= word;
      push_o <= half_q || meta_q[3].last;
    end
    if (clear_i) begin
      running_q <= 1'b0;
      meta_q <= '0;
      push_o <= 1'b0;
    end else if (start_i) begin
      running_q <= 1'b1;
      half_q <= 1'b0;
      x_q <= '0;
      y_q <= '0;
      word_q <= '0;
      group_row_q <= command_i.in_base;
    end else if (step) begin
      meta_q[1] <= '{valid: 1'b1, last: at_word && at_x && at_y, bank: x_q[PixelBits-1:0]};
      row_o <= group_row_q + 16'(word_q);
      word_q <= at_word ? '0 : word_q + 13'd1;
      if (at_word) begin
        x_q <= at_x ? '0 : x_q + 16'd1;
        if (at_x || at_bank) group_row_q <= group_row_q + command_i.in_pitch;
        if (at_x) begin
          y_q <= y_q + 16'd1;
          if (at_y) running_q <= 1'b0;
        end
      end
    end
  end
endmodule
