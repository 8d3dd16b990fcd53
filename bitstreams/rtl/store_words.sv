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
  input  logic [Pixels-1:0][Inputs*8-1:0] data_i,       // four cycles after row_o
  input  logic [5:0]                      free_i,       // beats the FIFO can take
  output logic                            push_o,
  output logic [143:0]                    beat_o        // strobes, data
);
  localparam int PixelBits = $clog2(Pixels);
  localparam int Latency = 4;                    // of a read
  logic [1:0] setup_q;
  logic [31:0] pixels_q, total_q;
  logic running_q, last, room_q;
  logic [Pixels-1:0] bank;
  logic [Latency:1] valid_q, last_q;
  logic [Latency:1][PixelBits-1:0] bank_q;
  logic half_q;
  logic [Inputs*8-1:0] low_q;
  wire step = running_q && room_q;
  word_walker #(.Pixels(Pixels)) u_walker (
    .clk_i, .start_i(setup_q[0]), .base_i(command_i.in_base), .pitch_i(command_i.in_pitch),
    .height_i(command_i.in_height), .width_i(command_i.in_width), .words_i, .step_i(step), .row_o, .bank_o(bank),
    .last_o(last)
  );

  wire taken = valid_q[Latency];
  wire taken_last = last_q[Latency];
  wire [Inputs*8-1:0] word = data_i[bank_q[Latency]];

  assign active_o = running_q || valid_q != 0;
  assign busy_o = start_i || setup_q != 0 || active_o || push_o;
  assign job_start_o = setup_q[1];
  assign beats_o = 28'((total_q + 32'd1) >> 1);

  function automatic logic [PixelBits-1:0] index_of(input logic [Pixels-1:0] one);
    index_of = '0;
    for (int pixel = 0; pixel < Pixels; pixel += 1) if (one[pixel]) index_of |= PixelBits'(pixel);
  endfunction

  always_ff @(posedge clk_i) begin
    setup_q <= clear_i ? '0 : {setup_q[0], start_i};
    pixels_q <= command_i.in_height * command_i.in_width;
    total_q <= pixels_q * 32'(words_i);
    // Room for every word that is on its way when it runs short: half a beat each.
    room_q <= free_i > 6'd6;
    valid_q <= clear_i ? '0 : {valid_q[Latency-1:1], step};
    last_q <= {last_q[Latency-1:1], last};
    bank_q <= {bank_q[Latency-1:1], index_of(bank)};
    push_o <= taken && (half_q || taken_last) && !clear_i;
    if (taken) begin
      beat_o <= half_q ? {16'hffff, word, low_q} : {16'h00ff, {Inputs*8{1'b0}}, word};
      low_q <= word;
    end
    if (clear_i || setup_q[0]) half_q <= 1'b0;
    else if (taken) half_q <= !half_q && !taken_last;
    if (clear_i) running_q <= 1'b0;
    else if (setup_q[0]) running_q <= 1'b1;
    else if (step && last) running_q <= 1'b0;
  end

`ifndef SYNTHESIS
  RoomForBeat_A: assert property (@(posedge clk_i) disable iff (clear_i) push_o |-> free_i != 0);
`endif
endmodule
