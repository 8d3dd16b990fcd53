/// One requantisation lane: a 32-bit accumulator in, one or two int8 codes out, 10 cycles later, one per cycle.
///
///   acc  = accumulator + bias - weightZeroPoint * sum, or bias + addend0 + addend1
///   y    = clampA(roundA(acc * M / 2^shiftA)), saturated to int32
///   code = table[y - clampMin], or clamp(zeroPoint + roundB(y / 2^shiftB))
///
/// Exact for the three rounding modes: the shifted-out bits are reduced to a guard bit (the first) and a sticky bit (any
/// other). Reference: sdk/src/overlay/program.ts. The tables and addends are written while the lane works on the other
/// slot's.
module requantize_lane
  import sluice_pkg::*;
(
  input  logic               clk_i,
  input  command_t           command_i,     // constant while values are in the lane
  input  logic               slot_i,

  // Table memories, written by the parameter fetch, four bytes at a time
  input  logic [1:0]         table_write_i,
  input  logic [7:0]         table_address_i,  // slot, word
  input  logic [1:0]         addend_write_i,
  input  logic [8:0]         addend_address_i, // slot, entry
  input  logic [31:0]        write_data_i,

  input  logic signed [31:0] acc_i,         // for ADD: the two codes in bits 7:0 and 15:8
  input  logic signed [31:0] sum_i,
  input  logic signed [31:0] bias_i,
  input  logic signed [31:0] multiplier_i,
  input  logic [5:0]         shift_a_i,
  input  logic [4:0]         shift_b_i,

  output logic [7:0]         code0_o,
  output logic [7:0]         code1_o
);
  logic [31:0] table0 [256];
  logic [31:0] table1 [256];
  logic [31:0] addends0 [512];
  logic [31:0] addends1 [512];

  function automatic logic round_up(input logic [1:0] mode, input logic guard, input logic sticky, input logic odd,
                                    input logic negative);
    case (mode)
      ROUND_HALF_UP: round_up = guard;
      ROUND_HALF_EVEN: round_up = guard && (sticky || odd);
      default: round_up = guard && (sticky || !negative);
    endcase
  endfunction

  wire is_add = command_i.opcode == OP_ADD;
  wire has_bias = !(command_i.opcode == OP_POOL && command_i.pool == POOL_MAX);

  // 1: operands; 2: addend tables and the zero point's share
  logic signed [31:0] acc1_q, sum1_q, acc2_q, correction2_q, bias1_q, bias2_q;
  logic signed [31:0] addend0_2q, addend1_2q;
  // 3: the accumulator; 4..6: the product
  logic signed [31:0] acc3_q;
  logic signed [31:0] multiplier_q [3];
  logic [5:0] shift_a_q [6];
  logic [4:0] shift_b_q [8];
  logic signed [63:0] product4_q, product5_q, product6_q;
  // 7: shifted; 8: y
  logic signed [63:0] floor7_q;
  logic guard7_q, sticky7_q;
  logic signed [31:0] y8_q;
  // 9: stage B shifted, table word read; 10: code
  logic signed [31:0] floor9_q;
  logic guard9_q, sticky9_q;
  logic [31:0] word0_9q, word1_9q;
  logic [1:0] byte9_q;

  logic signed [63:0] rounded8;
  logic [8:0] entry;
  logic signed [63:0] below7;
  logic [31:0] below9;
  logic signed [32:0] rounded10, moved10;
  logic [7:0] clamped10;

  assign below7 = product6_q & ~(-64'sd1 <<< shift_a_q[5]);
  assign rounded8 = floor7_q + 64'(round_up(command_i.rounding_a, guard7_q, sticky7_q, floor7_q[0], floor7_q[63]));
  assign entry = 9'(y8_q - 32'(command_i.clamp_min));
  assign below9 = y8_q & ~(-32'sd1 <<< shift_b_q[7]);
  assign rounded10 = 33'(floor9_q) + 33'(round_up(command_i.rounding_b, guard9_q, sticky9_q, floor9_q[0], floor9_q[31]));
  assign moved10 = rounded10 + 33'(command_i.output_zero_point);
  assign clamped10 = moved10 < 33'(command_i.output_min) ? command_i.output_min
                   : moved10 > 33'(command_i.output_max) ? command_i.output_max : moved10[7:0];

  always_ff @(posedge clk_i) begin
    if (table_write_i[0]) table0[table_address_i] <= write_data_i;
    if (table_write_i[1]) table1[table_address_i] <= write_data_i;
    if (addend_write_i[0]) addends0[addend_address_i] <= write_data_i;
    if (addend_write_i[1]) addends1[addend_address_i] <= write_data_i;

    acc1_q <= acc_i;
    sum1_q <= sum_i;
    bias1_q <= has_bias ? bias_i : 32'sd0;

    addend0_2q <= addends0[{slot_i, ~acc1_q[7], acc1_q[6:0]}];
    addend1_2q <= addends1[{slot_i, ~acc1_q[15], acc1_q[14:8]}];
    acc2_q <= acc1_q;
    bias2_q <= bias1_q;
    correction2_q <= sum1_q * 32'(command_i.weight_zero_point);

    acc3_q <= bias2_q + (is_add ? addend0_2q + addend1_2q : acc2_q - correction2_q);

    multiplier_q[0] <= multiplier_i;
    shift_a_q[0] <= shift_a_i;
    shift_b_q[0] <= shift_b_i;
    for (int stage = 1; stage < 3; stage += 1) multiplier_q[stage] <= multiplier_q[stage-1];
    for (int stage = 1; stage < 6; stage += 1) shift_a_q[stage] <= shift_a_q[stage-1];
    for (int stage = 1; stage < 8; stage += 1) shift_b_q[stage] <= shift_b_q[stage-1];

    product4_q <= 64'(acc3_q) * 64'(multiplier_q[2]);
    product5_q <= product4_q;
    product6_q <= product5_q;

    floor7_q <= product6_q >>> shift_a_q[5];
    guard7_q <= shift_a_q[5] != 0 && product6_q[shift_a_q[5] - 6'd1];
    sticky7_q <= (below7 & ~(64'sd1 <<< (shift_a_q[5] - 6'd1))) != 0;

    if (command_i.clamp_enable) begin
      y8_q <= rounded8 < 64'(command_i.clamp_min) ? 32'(command_i.clamp_min)
            : rounded8 > 64'(command_i.clamp_max) ? 32'(command_i.clamp_max) : rounded8[31:0];
    end else begin
      y8_q <= rounded8 < -64'sh8000_0000 ? 32'sh8000_0000 : rounded8 > 64'sh7fff_ffff ? 32'sh7fff_ffff : rounded8[31:0];
    end

    floor9_q <= y8_q >>> shift_b_q[7];
    guard9_q <= shift_b_q[7] != 0 && y8_q[shift_b_q[7] - 5'd1];
    sticky9_q <= (below9 & ~(32'd1 << (shift_b_q[7] - 5'd1))) != 0;
    word0_9q <= table0[{slot_i, entry[8:2]}];
    word1_9q <= table1[{slot_i, entry[8:2]}];
    byte9_q <= entry[1:0];

    code0_o <= command_i.table_enable0 ? word0_9q[byte9_q*8 +: 8] : clamped10;
    code1_o <= command_i.table_enable1 ? word1_9q[byte9_q*8 +: 8] : clamped10;
  end
endmodule
