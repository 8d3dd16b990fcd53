/// The words of one byte stream, handed out in order: in a cycle the lanes in `ask_i` get the next words by rank, lowest lane
/// first.
///
/// Slot s of a ring holds the words whose number is s mod Lanes, so the words of a cycle come from different slots. Which slot a
/// lane gets is its rank behind the first; ranks that rise by one make two stages of 4:1 multiplexers enough (a reversed
/// banyan network): the first brings to each group of four lanes the four slots that may be theirs.
///
/// While `ready_o` every word asked for is there, or all of the stream is. `left` counts what is left of the stream, or of
/// the segment in it; words behind it are blank: the lane has to take zeros. Taking more otherwise, or a segment
/// longer than the stream, ends in `short_o`.
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

  input  logic                   segment_i,       // the next words are a segment ...
  input  logic [31:0]            segment_words_i, // ... of so many
  input  logic                   segmented_i,
  output logic                   segment_empty_o, // nothing left of the segment
  output logic                   empty_o,         // nothing left of the stream
  output logic                   short_o
);
  localparam int Words = 64;
  localparam int HeadBits = $clog2(Words);
  localparam int SlotBits = $clog2(Lanes);
  localparam int RowBits = HeadBits - SlotBits;
  localparam int Quads = Lanes / 4;

  logic [HeadBits-1:0] head_q;
  logic [2:0] beat_q;                             // of the ring, to be written next
  logic [HeadBits:0] held_q;
  logic [28:0] beats_q;                           // not yet taken
  logic open_q, ended_q, ready_q, short_q;
  logic [30:0] left_q;
  logic [31:0] segment_q;
  wire [SlotBits-1:0] slot = head_q[SlotBits-1:0];
  wire [RowBits-1:0] row = head_q[HeadBits-1:SlotBits];

  // ---- the ring
  logic [Lanes-1:0][15:0] slots;
  for (genvar at = 0; at < Lanes; at += 1) begin : gen_slot
    (* ram_style = "distributed" *) logic [15:0] memory [Words/Lanes];
    wire mine = Lanes == 8 || beat_q[0] == 1'(at / 8);
    wire [RowBits-1:0] address = row + RowBits'((SlotBits+1)'(at) < {1'b0, slot});
    assign slots[at] = memory[address];
    always_ff @(posedge clk_i) begin
      if (pop_o && mine) memory[beat_q[2 -: RowBits]] <= data_i[16*(at%8) +: 16];
    end
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
  logic [Quads-1:0][2:0] counts;
  logic [Quads-1:0][SlotBits-1:0] begins;
  logic [4:0] asked;
  always_comb begin
    for (int quad = 0; quad < Quads; quad += 1) counts[quad] = ones(ask_i[4*quad +: 4]);
    begins[0] = slot;
    begins[1] = slot + SlotBits'(counts[0]);
    asked = 5'(counts[0]) + 5'(counts[1]);
    if (Lanes == 16) begin
      begins[Quads-2] = slot + SlotBits'(counts[0] + counts[1]);
      begins[Quads-1] = (slot + SlotBits'(counts[Quads-2])) + SlotBits'(4'(counts[0]) + 4'(counts[1]));
      asked = (5'(counts[0]) + 5'(counts[1])) + (5'(counts[Quads-2]) + 5'(counts[Quads-1]));
    end
  end

  // ---- blank slots: those behind what is left
  wire [3:0] left_low = segmented_i ? segment_q[3:0] : left_q[3:0];
  wire stream_plenty = left_q[30:4] != 0;
  wire plenty = segmented_i ? segment_q[31:4] != 0 : stream_plenty;
  logic [Lanes-1:0] blank;
  always_comb begin
    for (int at = 0; at < Lanes; at += 1) blank[at] = !plenty && 4'(SlotBits'(at) - slot) >= left_low;
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
  wire over = !plenty && asked > {1'b0, left_low};
  wire [4:0] given = over ? {1'b0, left_low} : asked;
  wire [4:0] taken = give_i ? given : {1'b0, take_i};
  wire [HeadBits:0] held_next = held_q - (HeadBits+1)'(taken) + (pop_o ? (HeadBits+1)'(8) : '0);
  assign pop_o = valid_i && open_q;
  assign ready_o = ready_q;
  assign empty_o = left_q == 0;
  assign segment_empty_o = segment_q == 0;
  assign short_o = short_q;

  always_ff @(posedge clk_i) begin
    if (clear_i || start_i) begin
      head_q <= '0;
      beat_q <= '0;
      held_q <= '0;
      open_q <= 1'b0;
      ended_q <= 1'b0;
      ready_q <= 1'b0;
      short_q <= 1'b0;
    end else begin
      head_q <= head_q + HeadBits'(taken);
      held_q <= held_next;
      if (pop_o) beat_q <= beat_q + 3'd1;
      // Now and in the next cycle a beat may still come.
      open_q <= held_q < (HeadBits+1)'(Words - 16) && (pop_o ? beats_q[28:1] != 0 : beats_q != 0);
      ended_q <= beats_q == 0;
      // What is handed out now is at most a row of the ring.
      ready_q <= held_q >= (HeadBits+1)'(2 * Lanes) || ended_q;
      if (!give_i && !stream_plenty && take_i > left_q[3:0]) short_q <= 1'b1;
      if (segment_i && segment_words_i > {1'b0, left_q}) short_q <= 1'b1;
    end
    if (clear_i) beats_q <= '0;
    else if (start_i) beats_q <= {1'b0, bytes_i[31:4]} + 29'(bytes_i[3:0] != 0);
    else if (pop_o) beats_q <= beats_q - 29'd1;
    left_q <= start_i ? 31'((33'(bytes_i) + 33'd1) >> 1) : left_q - 31'(taken);
    segment_q <= segment_i ? segment_words_i : segment_q - 32'(taken);
  end

`ifndef SYNTHESIS
  WordsAreThere_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i)
      give_i && !ended_q |-> (HeadBits+1)'(taken) <= held_q);
  RingHolds_A: assert property (@(posedge clk_i) disable iff (clear_i || start_i) held_q <= (HeadBits+1)'(Words));
`endif
endmodule
