/// Turns 16-byte words into a window of bits, 32 or more of them unless the stream ends; up to 32 can be taken a cycle.
/// `bytes_i` at `start_i` is the length of the stream; what the last word holds beyond it is dropped.
module inflate_bits (
  input  logic         clk_i,
  input  logic         start_i,
  input  logic [31:0]  bytes_i,
  input  logic         valid_i,
  input  logic [127:0] data_i,
  output logic         pop_o,
  output logic [31:0]  bits_o,     // zeros beyond `held_o`
  output logic [6:0]   held_o,
  output logic         ended_o,    // nothing comes after what is held
  input  logic [5:0]   take_i      // bits used up, at most held_o
);
  logic [63:0] buffer_q;
  logic [127:0] word_q;
  logic [2:0] parts_q;               // 32-bit parts left in the word
  logic [31:0] left_q;               // bytes not yet in the buffer
  logic [28:0] words_q;              // words not yet taken

  wire [6:0] kept = held_o - 7'(take_i);
  wire refill = parts_q != 0 && left_q != 0 && kept <= 7'd32;
  wire [2:0] bytes = left_q < 32'd4 ? left_q[2:0] : 3'd4;
  wire [31:0] mask = ~(32'hffff_ffff << {bytes, 3'b000});
  wire [63:0] part = {32'd0, word_q[31:0] & mask};
  assign bits_o = buffer_q[31:0];
  assign ended_o = left_q == 0;
  assign pop_o = valid_i && words_q != 0 && (parts_q == 0 || refill && parts_q == 3'd1) && !start_i;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      buffer_q <= '0;
      held_o <= '0;
      parts_q <= '0;
      left_q <= bytes_i;
      words_q <= 29'((33'(bytes_i) + 33'd15) >> 4);
    end else begin
      buffer_q <= (buffer_q >> take_i) | (refill ? part << kept : 64'd0);
      held_o <= kept + (refill ? 7'({bytes, 3'b000}) : 7'd0);
      if (refill) left_q <= left_q - 32'(bytes);
      if (pop_o) begin
        word_q <= data_i;
        parts_q <= 3'd4;
        words_q <= words_q - 29'd1;
      end else if (refill) begin
        word_q <= word_q >> 32;
        parts_q <= parts_q - 3'd1;
      end
    end
  end
endmodule
