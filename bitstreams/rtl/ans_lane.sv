/// One lane of the weight decoder: one tANS symbol per step (docs/formats/weight-stream.md, section 4), tables of 256 states.
///
/// An entry is {raw kind 2, value 8, base 8, bits 4}, the low `bits` of the base 0. The raw kind tells how many bits follow: 0 those of
/// a narrow symbol of the class, 1 those of a wide one, 2 the 8 of the escape, whose value is 0. Of a pair the value is its two nibbles. The state loop: entry -> low bits of the
/// reservoir added to the base -> address of the next entry. A step takes at most 16 bits (the table builder sees to it), so they lie in the first two of three words, `offset` bits in. With an offset of
/// 0 the lane holds two words, else three, the last of which may still be on its way: a lane that falls below 32 bits asks
/// for a word and gets it with or before the next step, one before its bits can be needed.
///
/// A segment begins with `arm_i`; then two words with `fill_i` and `fill_first_i`, the state with `begin_i`, and the third word with the
/// first step. A weight is there two cycles after its step; of a pair the second one is made in the cycle in which `second_i` is high,
/// the cycle after the first one, while no step may change the symbol.
module ans_lane (
  input  logic        clk_i,
  input  logic        arm_i,           // start of a segment
  input  logic        exists_i,        // then: the lane asks for words,
  input  logic        peek_i,          // or all of them do, to look at the next ones
  input  logic        fill_i,          // words come before there is a state ...
  input  logic        fill_first_i,    // ... the first of them
  input  logic        begin_i,         // take the state
  input  logic        step_i,
  input  logic        in_step_i,
  input  logic        give_i,          // what was asked for is there
  input  logic [15:0] word_i,
  input  logic        blank_i,         // of the word: a zero instead
  output logic        ask_o,
  input  logic        pairs_i,
  input  logic [2:0]  narrow_i,        // raw bits of the class of this step
  input  logic [2:0]  wide_i,
  input  logic [21:0] entry_i,
  output logic [7:0]  state_o,         // of the entry to read
  input  logic        second_i,
  output logic [7:0]  weight_o         // before the center
);
  logic [15:0] word0_q, word1_q, word2_q;
  logic [3:0] offset_q;
  logic [7:0] state_q;
  logic ask_q;
  logic [15:0] window;
  bit_window u_window (.bits_i({word1_q[14:0], word0_q}), .offset_i(offset_q), .window_o(window));

  // ---- the state loop
  wire [3:0] bits = entry_i[3:0];
  wire [7:0] base = entry_i[11:4];
  wire [7:0] value = entry_i[19:12];
  wire wide = entry_i[20];
  wire escape = entry_i[21];
  wire mine = step_i && in_step_i;
  logic [7:0] state;
  always_comb begin
    for (int at = 0; at < 8; at += 1) begin
      state[at] = begin_i ? window[at] : !mine ? state_q[at] : base[at] || (bits > 4'(at) && window[at]);
    end
  end
  assign state_o = state;

  // ---- what the step takes
  wire special = pairs_i && (value[3:0] == 4'd8 || value[7:4] == 4'd8);
  wire [3:0] raw_bits = escape || special ? 4'd8 : {1'b0, wide ? wide_i : narrow_i};
  wire [4:0] end_offset = 5'(offset_q) + 5'(bits) + 5'(raw_bits);
  wire advance = mine && end_offset[4];
  // It asks when it enters a new word, that is when it has bits of one word more behind it.
  wire ask = mine && (offset_q == 0 ? end_offset != 0 : end_offset > 5'd16);
  wire insert1 = give_i && ask_q && offset_q == 0;
  wire insert2 = give_i && ask_q && offset_q != 0;
  assign ask_o = ask_q;

  always_ff @(posedge clk_i) begin
    if (advance || fill_first_i) word0_q <= insert1 ? word_i & ~{16{blank_i}} : word1_q;
    if (advance || insert1) word1_q <= advance && !insert2 ? word2_q : word_i & ~{16{blank_i}};
    if (insert2 && blank_i) word2_q <= '0;
    else if (insert2) word2_q <= word_i;
    state_q <= state;
    if (arm_i) offset_q <= '0;
    else if (begin_i) offset_q <= 4'd8;
    else if (mine) offset_q <= end_offset[3:0];
    if (arm_i) ask_q <= exists_i || peek_i;
    else if (give_i && !fill_i) ask_q <= ask;
  end

  // ---- what the symbol means
  logic escape_q;
  logic [3:0] bits_q, raw_bits_q;
  logic [7:0] value_q, raw, counted;
  logic [15:0] window_q;
  bit_window #(.Bits(8)) u_raw (.bits_i(23'(window_q)), .offset_i(bits_q), .window_o(raw));
  always_comb begin
    for (int at = 0; at < 8; at += 1) counted[at] = 4'(at) < raw_bits_q && raw[at];
  end
  wire [7:0] single = value_q + counted;
  wire [3:0] nibble = second_i ? (escape_q ? raw[7:4] : value_q[7:4]) : (escape_q ? raw[3:0] : value_q[3:0]);
  wire [7:0] of_pair = !escape_q && nibble == 4'd8 ? raw : 8'($signed(nibble));
  always_ff @(posedge clk_i) begin
    if (step_i) begin
      escape_q <= escape;
      value_q <= value;
      window_q <= window;
      bits_q <= bits;
      raw_bits_q <= raw_bits;
    end
    weight_o <= pairs_i ? of_pair : single;
  end
endmodule
