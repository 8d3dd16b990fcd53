/// The last source bytes of a LOAD with taps, in a ring of `Lines` lines of `Window` bytes: takes a beat and gives `Bytes`
/// neighbouring bytes from any address in every cycle.
///
/// A bank holds four bytes of a line. A read takes the banks in front of the first byte from the next line, and turns
/// what they bring to its place: by beats and words at once, by bytes a cycle later. Three of `Window` bytes are lost to
/// that. Reads answer after three cycles.
module tap_store #(
  parameter int Window = 64,
  parameter int Lines  = 512,
  parameter int Bytes  = 57     // at most Window - 3
) (
  input  logic                                clk_i,
  input  logic                                write_i,
  input  logic [$clog2(Window*Lines/16)-1:0]  beat_i,     // of the ring
  input  logic [127:0]                        data_i,
  input  logic                                read_i,
  input  logic [$clog2(Window*Lines)-1:0]     address_i,  // of the first byte
  output logic [Bytes-1:0][7:0]               bytes_o
);
  localparam int Banks = Window / 4;
  localparam int BankBits = $clog2(Banks);
  localparam int LineBits = $clog2(Lines);
  localparam int GroupBits = BankBits - 2;      // a beat fills four banks
  localparam int Bits = Window * 8;

  // ---- 1: the banks read
  wire [LineBits-1:0] line = address_i[BankBits+2 +: LineBits];
  wire [LineBits-1:0] next_line = line + 1'b1;
  wire [BankBits-1:0] first_bank = address_i[2 +: BankBits];
  logic [Bits-1:0] stored;
  for (genvar bank = 0; bank < Banks; bank += 1) begin : gen_bank
    (* ram_style = "block" *) logic [31:0] memory [Lines];
    logic [31:0] read_q;
    wire [LineBits-1:0] address = 32'(first_bank) > bank ? next_line : line;
    always_ff @(posedge clk_i) begin
      if (write_i && beat_i[GroupBits-1:0] == GroupBits'(bank / 4)) begin
        memory[beat_i[GroupBits +: LineBits]] <= data_i[bank%4*32 +: 32];
      end
      if (read_i) read_q <= memory[address];
    end
    assign stored[bank*32 +: 32] = read_q;
  end

  function automatic logic [Bits-1:0] rotated(input logic [Bits-1:0] value, input int bytes);
    rotated = bytes % Window == 0 ? value : (value >> (bytes % Window * 8)) | (value << (Bits - bytes % Window * 8));
  endfunction
  function automatic logic [Bits-1:0] turned(input logic [Bits-1:0] value, input logic [1:0] places, input int step);
    case (places)
      2'd0: turned = value;
      2'd1: turned = rotated(value, step);
      2'd2: turned = rotated(value, 2 * step);
      default: turned = rotated(value, 3 * step);
    endcase
  endfunction

  // ---- 2: by beats and by words; 3: by bytes
  logic [2:1] read_q;
  logic [1:0] by_beats_q, by_words_q;
  logic [2:1][1:0] by_bytes_q;
  logic [Bits-1:0] words_q;
  wire [Bits-1:0] bytes = turned(words_q, by_bytes_q[2], 1);
  always_ff @(posedge clk_i) begin
    read_q <= {read_q[1], read_i};
    by_beats_q <= 2'(address_i[BankBits+1:4]);
    by_words_q <= address_i[3:2];
    by_bytes_q <= {by_bytes_q[1], address_i[1:0]};
    if (read_q[1]) words_q <= turned(turned(stored, by_beats_q, 16), by_words_q, 4);
    if (read_q[2]) bytes_o <= bytes[Bytes*8-1:0];
  end
endmodule
