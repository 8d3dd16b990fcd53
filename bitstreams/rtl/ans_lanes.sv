/// The lanes of the weight decoder: one tANS symbol per lane and step, all lanes in lockstep, one step per cycle
/// (docs/formats/weight-stream.md, section 4).
///
/// An entry is {escape, value 8, code 12}: `bits` zeros and a one at the low end of the code, the base above. The state loop:
/// entry -> low bits of the reservoir where the code says so, else base -> address of the next entry. A step takes at most
/// 16 bits of a lane (the table builder sees to it), so the unused part of a lane's stream begins in the first of three
/// words: with an offset of 0 the lane holds two of them, else three, the last of which may still be on its way. A lane
/// that falls below 32 bits asks for a word; the words asked for in one cycle are handed out by rank and inserted in the
/// next, a step before their bits can be needed. `words_ok_i` low stalls everything. Weights appear a cycle after their step.
module ans_lanes #(
  parameter int Lanes   = 16,
  parameter int Entries = 8192
) (
  input  logic                       clk_i,
  input  logic                       clear_i,
  input  logic                       table_write_i,
  input  logic [$clog2(Entries)-2:0] table_address_i, // of a pair of neighbouring entries; never in a step
  input  logic [1:0][20:0]           table_entries_i,
  input  logic [3:0]                 log_i,
  input  logic                       pairs_i,

  input  logic                       arm_i,           // start of a segment: the lanes in exists_i want words ...
  input  logic                       fill_i,          // ... one each a cycle
  input  logic                       begin_i,         // after three of them: take the states
  input  logic [Lanes-1:0]           exists_i,

  input  logic                       step_i,          // decode this step (words_ok_i is high)
  input  logic [Lanes-1:0]           in_step_i,
  input  logic [Lanes-1:0][2:0]      shift_i,         // of the classes of this step
  input  logic [Lanes-1:0][3:0]      table_i,         // tables of this step ...
  input  logic [Lanes-1:0][3:0]      table_next_i,    // ... and of the step after it
  output logic [Lanes-1:0][7:0]      first_o,         // weights of the step before this cycle, before the center
  output logic [Lanes-1:0][7:0]      second_o,        // pairs: of the second row

  input  logic [255:0]               words_i,         // the next 16 words
  output logic [4:0]                 asked_o,         // words this cycle inserts
  input  logic                       words_ok_i
);
  localparam int AddressBits = $clog2(Entries);
  logic [Lanes-1:0] pending_q;
  logic [Lanes-1:0][AddressBits-1:0] address;
  logic [Lanes-1:0][20:0] entries;
  for (genvar pair = 0; pair < Lanes / 2; pair += 1) begin : gen_pair
    lane_tables #(.Entries(Entries)) u_tables (
      .clk_i, .write_i(table_write_i), .pair_i(table_address_i), .entries_i(table_entries_i),
      .address_i(address[2*pair +: 2]), .entry_o(entries[2*pair +: 2])
    );
  end

  // ---- ranks: lanes below that ask, in groups of four
  function automatic logic [2:0] ones(input logic [3:0] flags);
    case (flags)
      4'd0: ones = 3'd0;
      4'd1, 4'd2, 4'd4, 4'd8: ones = 3'd1;
      4'd7, 4'd11, 4'd13, 4'd14: ones = 3'd3;
      4'd15: ones = 3'd4;
      default: ones = 3'd2;
    endcase
  endfunction
  logic [Lanes-1:0][4:0] rank;
  always_comb begin
    logic [4:0] below;
    below = '0;
    for (int group = 0; group < Lanes / 4; group += 1) begin
      for (int lane = 0; lane < 4; lane += 1) begin
        rank[group*4+lane] = below + 5'(ones(pending_q[group*4 +: 4] & ~(4'hf << lane)));
      end
      below = below + 5'(ones(pending_q[group*4 +: 4]));
    end
    asked_o = below;
  end

  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    // ---- the words: the rank of a lane is at most its number
    localparam int Choices = 1 << $clog2(lane + 1);
    logic [Choices-1:0][15:0] choices;
    for (genvar choice = 0; choice < Choices; choice += 1) begin : gen_choice
      assign choices[choice] = choice <= lane ? words_i[choice*16 +: 16] : 16'd0;
    end
    logic [15:0] word;
    if (Choices == 1) assign word = choices[0];
    else assign word = choices[rank[lane][$clog2(Choices)-1:0]];

    // ---- the reservoir
    logic [15:0] word0_q, word1_q, word2_q;
    logic [3:0] offset_q;
    logic [10:0] state_q;
    wire [15:0] window = 16'({word1_q, word0_q} >> offset_q);

    // ---- the state loop
    wire [11:0] code = entries[lane][11:0];
    wire [7:0] value = entries[lane][19:12];
    wire escape = entries[lane][20];
    wire mine = step_i && in_step_i[lane];
    logic [10:0] state_next;
    logic [3:0] bits;
    always_comb begin
      for (int index = 0; index < 11; index += 1) begin
        state_next[index] = (code & ~(12'hffe << index)) == 0 ? window[index] : code[index+1];
      end
      bits = '0;
      for (int index = 11; index >= 0; index -= 1) if (code[index]) bits = 4'(index);
    end
    wire [10:0] state_first = word0_q[10:0] & ~(11'h7ff << log_i);
    wire [10:0] state_read = begin_i ? state_first : mine ? state_next : state_q;
    wire [3:0] table_now = step_i ? table_next_i[lane] : table_i[lane];
    assign address[lane] = AddressBits'(16'(table_now) << log_i) | AddressBits'(state_read);

    // ---- what the step takes
    wire special = value[3:0] == 4'd8 || value[7:4] == 4'd8;
    wire [3:0] raw_bits = escape || (pairs_i && special) ? 4'd8 : pairs_i ? 4'd0 : {1'b0, shift_i[lane]};
    wire [4:0] end_offset = 5'(offset_q) + 5'(bits) + 5'(raw_bits);
    wire advance = mine && end_offset[4];
    // A lane asks when it enters a new word, that is when it has bits of one word more behind it.
    wire ask = mine && (offset_q == 0 ? end_offset != 0 : end_offset > 5'd16);
    wire insert = pending_q[lane] && words_ok_i && !begin_i;
    wire insert1 = insert && offset_q == 0;
    wire insert2 = insert && offset_q != 0;
    wire [15:0] behind = insert1 ? word : word1_q;

    always_ff @(posedge clk_i) begin
      if (fill_i ? pending_q[lane] && words_ok_i : advance) word0_q <= fill_i ? word1_q : behind;
      if (fill_i) begin
        if (pending_q[lane] && words_ok_i) word1_q <= word2_q;
      end else word1_q <= !advance ? behind : insert2 ? word : word2_q;
      if (fill_i ? pending_q[lane] && words_ok_i : insert2) word2_q <= word;
      if (clear_i || begin_i) begin
        pending_q[lane] <= 1'b0;
        offset_q <= log_i;
      end else if (arm_i) pending_q[lane] <= exists_i[lane];
      else begin
        if (mine) offset_q <= end_offset[3:0];
        if (!fill_i && words_ok_i) pending_q[lane] <= ask;
      end
      if (begin_i) state_q <= state_first;
      else if (mine) state_q <= state_next;
    end

    // ---- what the symbol means, a cycle later
    logic escape_q, pairs_q;
    logic [7:0] value_q, raw_q;
    logic [2:0] shift_q;
    always_ff @(posedge clk_i) begin
      escape_q <= escape;
      value_q <= value;
      raw_q <= 8'(window >> bits);
      shift_q <= shift_i[lane];
      pairs_q <= pairs_i;
    end
    wire [7:0] fine = (raw_q & ~(8'hff << shift_q)) - ((8'd1 << shift_q) >> 1);
    always_comb begin
      first_o[lane] = escape_q ? raw_q : (value_q << shift_q) + fine;
      second_o[lane] = escape_q ? {{4{raw_q[7]}}, raw_q[7:4]}
          : value_q[7:4] == 4'd8 ? raw_q : {{4{value_q[7]}}, value_q[7:4]};
      if (pairs_q) begin
        first_o[lane] = escape_q ? {{4{raw_q[3]}}, raw_q[3:0]}
            : value_q[3:0] == 4'd8 ? raw_q : {{4{value_q[3]}}, value_q[3:0]};
      end
    end
  end
endmodule
