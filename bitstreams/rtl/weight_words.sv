/// The words of one byte stream: a window of the next 32 words of 16 bits, of which up to 16 are taken per cycle.
///
/// `held_o` words of the window are real; once `ended_o`, everything behind them is zero and may be taken as well.
module weight_words (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [31:0]  bytes_i,
  input  logic         valid_i,
  input  logic [127:0] data_i,
  output logic         pop_o,
  output logic [511:0] window_o,
  output logic [5:0]   held_o,
  output logic         ended_o,       // no further beats
  input  logic [4:0]   take_i         // words, at most held_o unless ended_o
);
  logic [511:0] window_q;
  logic [5:0] held_q;
  logic [31:0] bytes_left_q;          // in beats not yet taken

  wire [5:0] taken = 6'(take_i) > held_q ? held_q : 6'(take_i);
  wire [5:0] kept = held_q - taken;
  wire [511:0] shifted = window_q >> {take_i, 4'b0000};
  wire [5:0] fresh = bytes_left_q >= 32'd16 ? 6'd8 : 6'((bytes_left_q[4:0] + 5'd1) >> 1);
  // Bytes of a last beat behind the end of the stream are not part of it.
  logic [127:0] masked;
  always_comb begin
    for (int index = 0; index < 16; index += 1) begin
      masked[index*8 +: 8] = 32'(index) < bytes_left_q ? data_i[index*8 +: 8] : 8'd0;
    end
  end

  assign window_o = window_q;
  assign held_o = held_q;
  assign ended_o = bytes_left_q == 0;
  assign pop_o = valid_i && bytes_left_q != 0 && kept <= 6'd24 && !start_i && !clear_i;

  always_ff @(posedge clk_i) begin
    if (clear_i || start_i) begin
      window_q <= '0;
      held_q <= '0;
      bytes_left_q <= clear_i ? '0 : bytes_i;
    end else begin
      window_q <= shifted | (pop_o ? 512'(masked) << {kept[4:0], 4'b0000} : 512'd0);
      held_q <= kept + (pop_o ? fresh : 6'd0);
      if (pop_o) bytes_left_q <= bytes_left_q < 32'd16 ? 32'd0 : bytes_left_q - 32'd16;
    end
  end
endmodule
