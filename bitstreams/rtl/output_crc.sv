/// CRC-32C of a layer's output in engine order (sdk/src/overlay/engine-order.ts).
///
/// Takes the requantiser's beats (half of a block's pixels, one word of channels each), reduces every word to its remainder,
/// keeps those of the block, and goes through it pixel by pixel while the next one arrives, 2 pixels of 2 words or 4 of 1
/// per cycle. Remainders are in coordinates in which a further word shifts them by one place (sluice_pkg), so that they
/// are put together almost for nothing. Words of a chunk are moved to its end: zero words in front change nothing.
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

  // ---- remainders of a beat's words
  logic beat_q, word_q, half_q, last_q, beat_two_q;
  logic [3:0] beat_columns_q;
  logic [PixelsPerBeat-1:0][31:0] words_q;
  always_ff @(posedge clk_i) begin
    beat_q <= beat_i && !clear_i;
    word_q <= beat_word_i;
    half_q <= beat_half_i;
    last_q <= beat_last_i;
    beat_columns_q <= columns_i;
    beat_two_q <= two_words_i;
    if (beat_i) begin
      for (int pixel = 0; pixel < PixelsPerBeat; pixel += 1) words_q[pixel] <= crc32c_word(beat_codes_i[pixel*WordBits +: WordBits]);
    end
  end

  // A beat writes one word of PixelsPerBeat pixels; a chunk is words of pixels of one half. So a memory for each pixel of a
  // half and word of the tile, with a place for each half of two blocks, needs one write and one read.
  logic [PixelsPerBeat-1:0][WordsPerTile-1:0][31:0] stored;
  wire walk_half = next_q >= 4'(PixelsPerBeat);
  for (genvar pixel = 0; pixel < PixelsPerBeat; pixel += 1) begin : gen_pixel
    for (genvar word = 0; word < WordsPerTile; word += 1) begin : gen_word
      logic [31:0] block [4];
      always_ff @(posedge clk_i) begin
        if (beat_q && (WordsPerTile == 1 || word_q == 1'(word))) block[{write_side_q, half_q}] <= words_q[pixel];
      end
      assign stored[pixel][word] = block[{walk_side_q, walk_half}];
    end
  end

  // ---- a chunk: its words, put together, added to the state
  logic [3:0][31:0] values, values_q, chunk;
  logic [3:0] left;
  logic [2:0] count;
  // Two words: the first or the second pair of pixels of the half.
  wire upper_pair = PixelsPerBeat == 4 && next_q[1];
  wire [3:0] pixels_per_chunk = two_q ? 4'd2 : 4'(PixelsPerBeat);
  logic [31:0] remainder, advanced;
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
    remainder = chunk[0];
    for (int position = 1; position < 4; position += 1) remainder = crc32c_step(remainder) ^ chunk[position];
    case (remainder_count_q)
      3'd1: advanced = crc32c_step(state_q);
      3'd2: advanced = crc32c_step(crc32c_step(state_q));
      3'd3: advanced = crc32c_step(crc32c_step(crc32c_step(state_q)));
      default: advanced = crc32c_step(crc32c_step(crc32c_step(crc32c_step(state_q))));
    endcase
  end

  assign busy_o = beat_q || walking_q || values_valid_q || remainder_valid_q;
  assign crc_o = ~crc32c_state(state_q);

  always_ff @(posedge clk_i) begin
    values_valid_q <= walking_q;
    values_q <= values;
    count_q <= count;
    remainder_valid_q <= values_valid_q;
    remainder_count_q <= count_q;
    remainder_q <= remainder;
    if (remainder_valid_q) state_q <= advanced ^ remainder_q;

    if (walking_q) begin
      next_q <= next_q + pixels_per_chunk;
      if (left <= pixels_per_chunk) walking_q <= 1'b0;
    end
    if (beat_q && last_q) begin
      walking_q <= 1'b1;
      walk_side_q <= write_side_q;
      write_side_q <= !write_side_q;
      next_q <= '0;
      columns_q <= beat_columns_q;
      two_q <= beat_two_q;
    end
    if (clear_i) begin
      walking_q <= 1'b0;
      values_valid_q <= 1'b0;
      remainder_valid_q <= 1'b0;
      write_side_q <= 1'b0;
      state_q <= CRC32C_START;
    end
  end

  initial if (WordBits != 64) $fatal(1, "output_crc: remainders are those of words of 64 bits");
`ifndef SYNTHESIS
  KeepsUp_A: assert property (@(posedge clk_i) disable iff (clear_i)
      beat_q && last_q && walking_q |-> left <= pixels_per_chunk);
`endif
endmodule
