/// Bits of a word pair from an offset on; by fours first, since that leaves fewer bits to shift by less. A module of its own so
/// that synthesis keeps it that way: two levels of 4:1 multiplexers.
module bit_window #(
  parameter int Bits = 16
) (
  input  logic [Bits+14:0] bits_i,
  input  logic [3:0]       offset_i,
  output logic [Bits-1:0]  window_o
);
  logic [Bits+2:0] coarse;
  always_comb begin
    for (int at = 0; at < Bits + 3; at += 1) begin
      case (offset_i[3:2])
        2'd0: coarse[at] = bits_i[at];
        2'd1: coarse[at] = bits_i[at+4];
        2'd2: coarse[at] = bits_i[at+8];
        default: coarse[at] = bits_i[at+12];
      endcase
    end
    for (int at = 0; at < Bits; at += 1) begin
      case (offset_i[1:0])
        2'd0: window_o[at] = coarse[at];
        2'd1: window_o[at] = coarse[at+1];
        2'd2: window_o[at] = coarse[at+2];
        default: window_o[at] = coarse[at+3];
      endcase
    end
  end
endmodule
