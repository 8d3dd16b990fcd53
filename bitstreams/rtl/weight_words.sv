/// The words of one byte stream, handed out in order: in a cycle the lanes in `ask_i` get the next words by rank, lowest lane
/// first.
///
/// Slot s of a ring holds the words whose number is s mod Lanes, so the words of a cycle come from different slots. Which slot a
/// lane gets is its rank behind the first; ranks that rise by one make two stages of 4:1 multiplexers enough (a reversed
/// banyan network): the first brings to each group of four lanes the four slots that may be theirs.
///
/// While `ready_o` every word asked for is there, or all of the stream is. Words behind the end of the stream, or of the
/// segment in it, are blank: the lane has to take zeros. Taking more than the stream
/// has otherwise, or with a segment that is longer, ends in `short_o`.
module weight_words #(
  parameter int Lanes = 16             // 8 or 16
) (
  input  logic                   clk_i,
  input  logic                   clear_i,
  input  logic                   start_i,
  input  logic [31:0]            bytes_i,
  input  logic                   valid_i,
  input  logic [127:0]           data_i,
  output logic                   pop_o,

  output logic                   ready_o,
  input  logic [Lanes-1:0]       ask_i,
  output logic [Lanes-1:0][15:0] words_o,
  output logic [Lanes-1:0]       blank_o,
  input  logic                   give_i,          // the lanes take what they asked for
  input  logic [3:0]             take_i,          // otherwise: so many words are done with
  input  logic                   few_i,           // now and in the next cycle that is at most 8, and 9 are looked at

  input  logic                   segment_i,       // the next words are a segment ...
  input  logic [31:0]            segment_words_i, // ... of so many
  input  logic                   segmented_i,
  output logic                   segment_empty_o, // nothing left of the segment
  output logic                   empty_o,         // nothing left of the stream
  output logic                   short_o
);
  // Far more than a row: beats come and words go by flags that are two cycles old.
  localparam int Words = 128;
  localparam int Few = 2 * Lanes < 24 ? 2 * Lanes : 24;
  localparam int HeadBits = $clog2(Words);
  localparam int SlotBits = $clog2(Lanes);
  localparam int RowBits = HeadBits - SlotBits;
  localparam int BeatBits = HeadBits - 3;
  localparam int Quads = Lanes / 4;

  logic [HeadBits-1:0] head_q, end_q;             // the end of what may be handed out
  logic [BeatBits-1:0] beat_q;                             // of the ring, to be written next
  logic signed [HeadBits+1:0] real_q;             // words in the ring that are part of the stream (too few before its last beat)
  logic [28:0] beats_q;                           // not yet taken
  logic open_q, ended_q, ready_q;
  logic [31:0] segment_q;
  logic [Lanes-1:0] before_end_q;                 // slots of the end's row
  wire [SlotBits-1:0] slot = head_q[SlotBits-1:0];
  wire [RowBits-1:0] row = head_q[HeadBits-1:SlotBits];

  // ---- the ring
  logic [Lanes-1:0][15:0] slots;
  for (genvar at = 0; at < Lanes; at += 1) begin : gen_slot
    (* ram_style = "distributed" *) logic [15:0] memory [Words/Lanes];
    wire mine = Lanes == 8 || beat_q[0] == 1'(at / 8);
    wire [RowBits-1:0] address = row + RowBits'((SlotBits+1)'(at) < {1'b0, slot});
    assign slots[at] = memory[address];
    always_ff @(posedge clk_i) if (pop_o && mine) memory[beat_q[BeatBits-1 -: RowBits]] <= data_i[16*(at%8) +: 16];
  end

  // ---- how many lanes ask, and the slot each group of four begins at
  function automatic logic [2:0] ones(input logic [3:0] flags);
    case (flags)
      4'd0: ones = 3'd0;
      4'd1, 4'd2, 4'd4, 4'd8: ones = 3'd1;
      4'd7, 4'd11, 4'd13, 4'd14: ones = 3'd3;
      4'd15: ones = 3'd4;
      default: ones = 3'd2;
    endcase
  endfunction
  // A sum bit by bit: as few levels of logic as its inputs need, where a carry chain would begin another.
  function automatic logic [4:0] plus(input logic [4:0] a, input logic [4:0] b);
    logic carry;
    carry = 1'b0;
    for (int at = 0; at < 5; at += 1) begin
      plus[at] = a[at] ^ b[at] ^ carry;
      carry = (a[at] && b[at]) || (carry && (a[at] || b[at]));
    end
  endfunction
  function automatic logic greater(input logic [4:0] a, input logic [4:0] b);
    greater = 1'b0;
    for (int at = 0; at < 5; at += 1) greater = (a[at] && !b[at]) || (a[at] == b[at] && greater);
  endfunction
  logic [Quads-1:0][2:0] counts;
  logic [Quads-1:0][4:0] begins;
  logic [4:0] asked, halves;
  always_comb begin
    for (int quad = 0; quad < Quads; quad += 1) counts[quad] = ones(ask_i[4*quad +: 4]);
    begins[0] = 5'(slot);
    begins[1] = plus(5'(slot), 5'(counts[0]));
    halves = plus(5'(counts[0]), 5'(counts[1]));
    asked = halves;
    if (Lanes == 16) begin
      begins[Quads-2] = plus(5'(slot), halves);
      begins[Quads-1] = plus(plus(5'(slot), 5'(counts[Quads-2])), halves);
      asked = plus(halves, plus(5'(counts[Quads-2]), 5'(counts[Quads-1])));
    end
  end

  // ---- blank slots: when fewer words are left than there are slots, those from the end on
  wire [SlotBits-1:0] left_low = segmented_i ? segment_q[SlotBits-1:0] : real_q[SlotBits-1:0];
  wire plenty = segmented_i ? segment_q[31:SlotBits] != 0 : !ended_q || real_q[HeadBits:SlotBits] != 0;
  wire turns = end_q[SlotBits] != head_q[SlotBits];  // the end lies in the next row
  logic [Lanes-1:0] blank;
  always_comb begin
    for (int at = 0; at < Lanes; at += 1) begin
      logic ahead;                                // in the row of the head, not behind it
      ahead = (SlotBits+1)'(at) >= {1'b0, slot};
      blank[at] = !plenty && !(turns ? ahead || before_end_q[at] : ahead && before_end_q[at]);
    end
  end

  // ---- the network
  for (genvar quad = 0; quad < Quads; quad += 1) begin : gen_quad
    logic [3:0][16:0] near;                       // the four slots from the first one on, by their number mod 4
    for (genvar at = 0; at < 4; at += 1) begin : gen_near
      logic [SlotBits-3:0] group;
      assign group = begins[quad][SlotBits-1:2] + (SlotBits-2)'(3'(at) < {1'b0, begins[quad][1:0]});
      logic [Lanes/4-1:0][16:0] choices;
      for (genvar choice = 0; choice < Lanes / 4; choice += 1) begin : gen_choice
        assign choices[choice] = {blank[4*choice+at], slots[4*choice+at]};
      end
      assign near[at] = choices[group];
    end
    for (genvar lane = 0; lane < 4; lane += 1) begin : gen_lane
      wire [1:0] from = begins[quad][1:0] + 2'(ones(ask_i[4*quad +: 4] & ~(4'hf << lane)));
      assign {blank_o[4*quad+lane], words_o[4*quad+lane]} = near[from];
    end
  end

  // ---- counting
  wire over = !plenty && greater(asked, 5'(left_low));
  wire signed [HeadBits+1:0] real_in = real_q + (pop_o ? (HeadBits+2)'(8) : '0);
  wire [4:0] taken = give_i ? asked : {1'b0, take_i};
  assign pop_o = valid_i && open_q;
  assign ready_o = ready_q;
  assign empty_o = ended_q && real_q == 0;
  assign segment_empty_o = segment_q == 0;
  assign short_o = ended_q && real_q[HeadBits+1];

  always_ff @(posedge clk_i) begin
    if (clear_i || start_i) begin
      head_q <= '0;
      beat_q <= '0;
      // What a last beat holds behind the end is not real.
      real_q <= clear_i ? '0 : (HeadBits+2)'(signed'(-5'(3'(-((bytes_i[3:0] + 4'd1) >> 1)))));
      open_q <= 1'b0;
      ended_q <= 1'b0;
      ready_q <= 1'b0;
    end else begin
      head_q <= !give_i ? head_q + HeadBits'(take_i) : over ? end_q : head_q + HeadBits'(asked);
      real_q <= !give_i ? real_in - (HeadBits+2)'(take_i)
          : over ? real_in - (HeadBits+2)'(left_low) : real_in - (HeadBits+2)'(asked);
      if (pop_o) beat_q <= beat_q + 1'b1;
      // Now and in the next cycle a beat may still come; up to 7 words are not counted.
      open_q <= real_q < (HeadBits+2)'(Words - 24) && (pop_o ? beats_q[28:1] != 0 : beats_q != 0);
      ended_q <= beats_q == 0;
      // What is handed out now is at most a row of the ring, or less: then a beat a cycle comes and goes.
      ready_q <= (!real_q[HeadBits+1] && real_q >= (few_i ? (HeadBits+2)'(Few) : (HeadBits+2)'(2 * Lanes))) || ended_q;
    end
    if (clear_i) beats_q <= '0;
    else if (start_i) beats_q <= {1'b0, bytes_i[31:4]} + 29'(bytes_i[3:0] != 0);
    else if (pop_o) beats_q <= beats_q - 29'd1;
    segment_q <= segment_i ? segment_words_i : give_i && over ? 32'd0 : segment_q - 32'(taken);
    if (start_i) end_q <= HeadBits'(((HeadBits+1)'(bytes_i[HeadBits:0]) + 1'b1) >> 1);
    else if (segment_i) end_q <= head_q + HeadBits'(take_i) + segment_words_i[HeadBits-1:0];
    for (int at = 0; at < Lanes; at += 1) before_end_q[at] <= (SlotBits+1)'(at) < {1'b0, end_q[SlotBits-1:0]};
  end

`ifndef SYNTHESIS
  WordsAreThere_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
      give_i && !ended_q |-> (HeadBits+2)'(asked) <= real_q + (HeadBits+2)'(7));
  RingHolds_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i) real_q <= (HeadBits+2)'(Words));
`endif
endmodule
