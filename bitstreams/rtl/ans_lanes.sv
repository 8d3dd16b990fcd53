/// The lanes of the weight decoder in lockstep, one step per cycle, with a state table for each class, and the raw bits of the
/// classes.
///
/// `move_i` brings the next step closer: its sum and offsets, then its classes, then it is the step of the cycle. What a sum means
/// (clipped to the layer's classes, with their raw bits) is written before by `map_write_i`.
module ans_lanes #(
  parameter int Lanes   = 16,
  parameter int Entries = 4096
) (
  input  logic                       clk_i,
  input  logic                       table_write_i,
  input  logic [$clog2(Entries)-2:0] table_address_i, // of a pair of neighbouring entries; never in a step
  input  logic [1:0][21:0]           table_entries_i,
  input  logic                       map_write_i,
  input  logic [5:0]                 map_address_i,   // 32 + sum; 63 for all above
  input  logic [9:0]                 map_class_i,     // {class 4, raw bits of a narrow symbol 3, of a wide one 3}

  input  logic                       pairs_i,
  input  logic [Lanes-1:0]           exists_i,
  input  logic                       peek_i,
  input  logic                       arm_i,           // a segment: see ans_lane
  input  logic                       fill_i,
  input  logic                       fill_first_i,
  input  logic                       begin_i,
  input  logic                       step_i,
  input  logic                       move_i,
  input  logic signed [5:0]          sum_i,           // -32..15, of the step after the next
  input  logic [Lanes-1:0][4:0]      offset_i,        // of its lanes: non-negative
  input  logic [4:0]                 lanes_next_i,    // lanes that work in the next step

  input  logic                       give_i,
  input  logic [Lanes-1:0][15:0]     words_i,
  input  logic [Lanes-1:0]           blank_i,
  output logic [Lanes-1:0]           ask_o,

  input  logic                       second_i,
  output logic [Lanes-1:0][7:0]      weights_o
);
  localparam int ClassBits = $clog2(Entries) - 8;
  logic [Lanes-1:0][ClassBits-1:0] class_q;
  logic [Lanes-1:0][2:0] narrow_next_q, narrow_q, wide_next_q, wide_q;
  logic [Lanes-1:0] in_step_q;
  logic [Lanes-1:0][7:0] state;
  logic [Lanes-1:0][21:0] entries;
  (* ram_style = "distributed" *) logic [9:0] classes [64];

  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    // 32 + sum of everything; 64 and above is as good as 63.
    wire [6:0] place = {1'b0, ~sum_i[5], sum_i[4:0]} + 7'(offset_i[lane]);
    wire [9:0] own = classes[{place[5:4] | {2{place[6]}}, place[3:0]}];
    always_ff @(posedge clk_i) begin
      if (move_i) begin
        class_q[lane] <= ClassBits'(own[9:6]);
        narrow_next_q[lane] <= own[5:3];
        wide_next_q[lane] <= own[2:0];
        narrow_q[lane] <= narrow_next_q[lane];
        wide_q[lane] <= wide_next_q[lane];
        in_step_q[lane] <= 5'(lane) < lanes_next_i;
      end
    end
    ans_lane u_lane (
      .clk_i, .arm_i, .exists_i(exists_i[lane]), .peek_i, .fill_i, .fill_first_i, .begin_i, .step_i, .in_step_i(in_step_q[lane]), .give_i,
      .word_i(words_i[lane]), .blank_i(blank_i[lane]), .ask_o(ask_o[lane]), .pairs_i, .narrow_i(narrow_q[lane]),
      .wide_i(wide_q[lane]), .entry_i(entries[lane]), .state_o(state[lane]), .second_i, .weight_o(weights_o[lane])
    );
  end
  always_ff @(posedge clk_i) if (map_write_i) classes[map_address_i] <= map_class_i;

  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_table
    lane_table #(.Entries(Entries)) u_table (
      .clk_i, .write_i(table_write_i), .pair_i(table_address_i), .entries_i(table_entries_i), .read_i(step_i || begin_i),
      .address_i({class_q[lane], state[lane]}), .entry_o(entries[lane])
    );
  end

`ifndef SYNTHESIS
  StepsHaveTheirWords_A: assert property (@(posedge clk_i) step_i && ask_o != 0 |-> give_i);
  OneStageAtATime_A: assert property (@(posedge clk_i) $onehot0({arm_i, fill_i, begin_i, step_i}));
`endif
endmodule
