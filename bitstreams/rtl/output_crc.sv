/// CRC-32C of a layer's output in engine order (sdk/src/overlay/engine-order.ts).
///
/// Takes the requantiser's beats (half of a block's pixels, one word of channels each), keeps the block, and goes through it
/// pixel by pixel while the next one arrives, 2 pixels of 2 words or 4 of 1 per cycle. Words of a chunk are moved to its
/// end: zero words in front do not change a remainder, so one matrix serves every count.
module output_crc
  import sluice_pkg::*;
#(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16,
  parameter int Lanes   = 32
) (
  input  logic                        clk_i,
  input  logic                        clear_i,      // a new layer begins
  input  logic                        beat_i,
  input  logic                        beat_word_i,  // word of the tile
  input  logic                        beat_half_i,
  input  logic [Lanes*8-1:0]          beat_codes_i, // pixel-major within the half
  input  logic                        beat_last_i,  // of its block
  input  logic [3:0]                  columns_i,    // of the block
  input  logic                        two_words_i,  // the tile has two words
  output logic                        busy_o,
  output logic [31:0]                 crc_o
);
  localparam int WordBits = Inputs * 8;
  localparam int PixelsPerBeat = Lanes / Inputs;
  localparam int WordsPerTile = Outputs / Inputs;

  logic write_side_q, walk_side_q, walking_q, two_q;
  logic [3:0] columns_q, next_q;
  logic values_valid_q, remainder_valid_q;
  logic [2:0] count_q, remainder_count_q;
  logic [31:0] state_q, remainder_q;

  // A beat writes one word of PixelsPerBeat pixels; a chunk is words of pixels of one half. So a memory for each pixel of a
  // half and word of the tile, with a place for each half of two blocks, needs one write and one read.
  logic [PixelsPerBeat-1:0][WordsPerTile-1:0][WordBits-1:0] stored;
  wire walk_half = next_q >= 4'(PixelsPerBeat);
  for (genvar pixel = 0; pixel < PixelsPerBeat; pixel += 1) begin : gen_pixel
    for (genvar word = 0; word < WordsPerTile; word += 1) begin : gen_word
      logic [WordBits-1:0] block [4];
      always_ff @(posedge clk_i) begin
        if (beat_i && (WordsPerTile == 1 || beat_word_i == 1'(word))) begin
          block[{write_side_q, beat_half_i}] <= beat_codes_i[pixel*WordBits +: WordBits];
        end
      end
      assign stored[pixel][word] = block[{walk_side_q, walk_half}];
    end
  end

  logic [3:0][WordBits-1:0] values, values_q, chunk;
  logic [3:0] left;
  logic [2:0] count;
  // Two words: the first or the second pair of pixels of the half.
  wire upper_pair = PixelsPerBeat == 4 && next_q[1];
  assign left = columns_q - next_q;
  always_comb begin
    values = '0;
    if (two_q) begin
      count = left > 1 && PixelsPerBeat > 1 ? 3'd4 : 3'd2;
      for (int position = 0; position < 4; position += 1) begin
        if (position / 2 < PixelsPerBeat) begin
          values[position] = upper_pair ? stored[(position / 2 + 2) % PixelsPerBeat][position % WordsPerTile]
                                        : stored[(position / 2) % PixelsPerBeat][position % WordsPerTile];
        end
      end
    end else begin
      count = left > 4'(PixelsPerBeat) ? 3'(PixelsPerBeat) : left[2:0];
      for (int position = 0; position < PixelsPerBeat; position += 1) values[position] = stored[position][0];
    end
    chunk = '0;
    for (int position = 0; position < 4; position += 1) begin
      if (position + 32'(count_q) >= 4) chunk[position] = values_q[2'(position + 32'(count_q))];
    end
  end

  assign busy_o = walking_q || values_valid_q || remainder_valid_q;
  assign crc_o = ~state_q;

  always_ff @(posedge clk_i) begin
    values_valid_q <= walking_q;
    values_q <= values;
    count_q <= count;
    remainder_valid_q <= values_valid_q;
    remainder_count_q <= count_q;
    if (values_valid_q) remainder_q <= crc32c_data(chunk);
    if (remainder_valid_q) state_q <= crc32c_advance(state_q, remainder_count_q) ^ remainder_q;

    if (walking_q) begin
      next_q <= next_q + (two_q ? 4'd2 : 4'(PixelsPerBeat));
      if (left <= (two_q ? 4'd2 : 4'(PixelsPerBeat))) walking_q <= 1'b0;
    end
    if (beat_i && beat_last_i) begin
      walking_q <= 1'b1;
      walk_side_q <= write_side_q;
      write_side_q <= !write_side_q;
      next_q <= '0;
      columns_q <= columns_i;
      two_q <= two_words_i;
    end
    if (clear_i) begin
      walking_q <= 1'b0;
      values_valid_q <= 1'b0;
      remainder_valid_q <= 1'b0;
      write_side_q <= 1'b0;
      state_q <= '1;
    end
  end

`ifndef SYNTHESIS
  KeepsUp_A: assert property (@(posedge clk_i) disable iff (clear_i)
      beat_i && beat_last_i && walking_q |-> left <= (two_q ? 4'd2 : 4'(PixelsPerBeat)));
`endif
endmodule
