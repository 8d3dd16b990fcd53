/// One requantisation lane: a 32-bit accumulator in, one or two int8 codes out, 15 cycles later, one per cycle.
///
///   acc  = accumulator + bias - zeroPoint * sum, or bias + addend0 + addend1
///   y    = clampA(roundA(acc * M / 2^shiftA)), saturated to int32
///   code = table[y - clampMin], or clamp(zeroPoint + roundB(y / 2^shiftB))
///
/// Exact for the three rounding modes: the shifted-out bits are reduced to a guard bit (the first) and a sticky bit (any
/// other); a shift keeps the guard below the lowest bit and collects the sticky on its way. Bits above those that can
/// survive the clamp are reduced to one bit as well (`far`: the value is beyond what the kept bits can say). Reference:
/// sdk/src/overlay/program.ts. The tables and addends are written while the lane works on the other slot's.
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

  input  logic signed [31:0] acc_i,
  input  logic signed [23:0] sum_i,         // ADD: the first code in bits 7:0
  input  logic [7:0]         second_i,      // ADD: the second code
  input  logic signed [31:0] bias_i,        // 2 cycles after the accumulator
  input  logic signed [31:0] multiplier_i,  // 3
  input  logic [5:0]         shift_a_i,     // 9
  input  logic [4:0]         shift_b_i,     // 13

  output logic [7:0]         code0_o,
  output logic [7:0]         code1_o
);
  logic [31:0] table0 [256];
  // Few models have a second output with a table: LUTs, so that the block RAMs suffice.
  (* ram_style = "distributed" *) logic [31:0] table1 [256];
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

  // Constants of the command
  logic is_add_q, weighted_q, clamp_q;
  logic signed [8:0] zero_point_q;          // of the sum, negated: a pool takes the sum for the accumulator
  logic signed [31:0] low_q, high_q;        // limits of y
  always_ff @(posedge clk_i) begin
    is_add_q <= command_i.opcode == OP_ADD;
    weighted_q <= command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
    clamp_q <= command_i.clamp_enable;
    zero_point_q <= weighted_q ? -9'(command_i.weight_zero_point) : 9'sd1;
    low_q <= command_i.clamp_enable ? 32'(command_i.clamp_min) : 32'sh8000_0000;
    high_q <= command_i.clamp_enable ? 32'(command_i.clamp_max) : 32'sh7fff_ffff;
  end

  // ---- 1: operands; 2: addend tables and the zero point's share; 3: the accumulator
  logic signed [31:0] acc1_q, acc2_q, correction2_q, addend0_2q, addend1_2q, acc3_q;
  logic signed [23:0] sum1_q;
  logic [7:0] second1_q;
  wire signed [31:0] pair3 = (is_add_q ? addend0_2q : acc2_q) + (is_add_q ? addend1_2q : correction2_q);
  always_ff @(posedge clk_i) begin
    if (addend_write_i[0]) addends0[addend_address_i] <= write_data_i;
    if (addend_write_i[1]) addends1[addend_address_i] <= write_data_i;
    if (weighted_q) acc1_q <= acc_i;
    else acc1_q <= '0;
    sum1_q <= sum_i;
    second1_q <= second_i;
    addend0_2q <= addends0[{slot_i, ~sum1_q[7], sum1_q[6:0]}];
    addend1_2q <= addends1[{slot_i, ~second1_q[7], second1_q[6:0]}];
    acc2_q <= acc1_q;
    correction2_q <= sum1_q * zero_point_q;
    acc3_q <= pair3 + bias_i;
  end

  // ---- 9: the product
  logic signed [63:0] product;
  wide_multiply u_product (.clk_i, .a_i(acc3_q), .b_i(multiplier_i), .product_o(product));

  // ---- 10: shifted by multiples of 16; 11: by the rest. Bit 0 is the guard.
  logic [3:0] shift10_q;
  logic signed [64:0] coarse10_q;
  logic sticky10_q, sticky11_q, far11_q;
  logic signed [33:0] fine11_q;
  wire signed [64:0] exact9 = {product, 1'b0};
  wire negative10 = coarse10_q[64];
  wire signed [48:0] middle = 49'(coarse10_q >>> {shift10_q[3:2], 2'b00});
  wire signed [36:0] middle_kept = {negative10, middle[35:0]};
  wire signed [36:0] fine = middle_kept >>> shift10_q[1:0];
  logic far_middle, far_fine, lost_middle, lost_fine;
  wire [64:37] unlike = coarse10_q[64:37] ^ {28{negative10}};
  always_comb begin
    // What will lie above the 33 bits that are kept below the sign.
    far_middle = unlike[64:48] != 0 || (shift10_q[3:2] < 2'd3 && unlike[47:44] != 0) || (shift10_q[3:2] < 2'd2 && unlike[43:40] != 0)
        || (shift10_q[3:2] == 2'd0 && unlike[39:37] != 0) || (middle[36] != negative10);
    far_fine = (shift10_q[1:0] < 2'd3 && middle[35] != negative10) || (shift10_q[1:0] < 2'd2 && middle[34] != negative10)
        || (shift10_q[1:0] == 2'd0 && middle[33] != negative10);
    lost_middle = (shift10_q[3:2] != 2'd0 && coarse10_q[3:0] != 0) || (shift10_q[3] && coarse10_q[7:4] != 0)
        || (shift10_q[3:2] == 2'd3 && coarse10_q[11:8] != 0);
    lost_fine = (shift10_q[1:0] != 2'd0 && middle[0]) || (shift10_q[1] && middle[1]) || (shift10_q[1:0] == 2'd3 && middle[2]);
  end
  always_ff @(posedge clk_i) begin
    coarse10_q <= exact9 >>> {shift_a_i[5:4], 4'b0000};
    sticky10_q <= (shift_a_i[5:4] != 2'd0 && exact9[15:0] != 0) || (shift_a_i[5] && exact9[31:16] != 0)
        || (shift_a_i[5:4] == 2'd3 && exact9[47:32] != 0);
    shift10_q <= shift_a_i[3:0];
    fine11_q <= {negative10, fine[32:0]};
    sticky11_q <= sticky10_q || lost_middle || lost_fine;
    far11_q <= far_middle || far_fine;
  end

  // ---- 12: rounded, compared with the limits; 13: y. A value at a limit stays there however it is rounded.
  logic signed [32:0] rounded12_q;
  logic far12_q, negative12_q, above12_q, below12_q;
  logic signed [31:0] y13_q;
  wire negative11 = fine11_q[33];
  wire short11 = !far11_q && fine11_q[33:16] == {18{negative11}};  // fits 16 bits
  wire over = far12_q || rounded12_q[32] != rounded12_q[31];
  always_ff @(posedge clk_i) begin
    rounded12_q <= $signed(fine11_q[33:1])
        + 33'(round_up(command_i.rounding_a, fine11_q[0], sticky11_q, fine11_q[1], negative11));
    far12_q <= far11_q;
    negative12_q <= negative11;
    above12_q <= clamp_q && (short11 ? $signed(fine11_q[16:1]) >= $signed(high_q[15:0]) : !negative11);
    below12_q <= clamp_q && (short11 ? $signed(fine11_q[16:1]) < $signed(low_q[15:0]) : negative11);
    if (above12_q || (!clamp_q && over && !negative12_q)) y13_q <= high_q;
    else if (below12_q || (!clamp_q && over)) y13_q <= low_q;
    else y13_q <= rounded12_q[31:0];
  end

  // ---- 14: stage B shifted, table word read; 15: code
  logic signed [11:0] fine14_q;
  logic sticky14_q, far14_q;
  logic [31:0] word0_14q, word1_14q;
  logic [1:0] byte14_q;
  wire [8:0] entry = 9'(y13_q) - 9'(command_i.clamp_min);
  wire signed [32:0] exact13 = {y13_q, 1'b0};
  wire signed [32:0] coarse = exact13 >>> {shift_b_i[4:3], 3'b000};
  wire signed [32:0] shifted = coarse >>> shift_b_i[2:0];
  logic lost, lost_coarse;
  always_comb begin
    lost_coarse = (shift_b_i[4:3] != 2'd0 && exact13[7:0] != 0) || (shift_b_i[4] && exact13[15:8] != 0)
        || (shift_b_i[4:3] == 2'd3 && exact13[23:16] != 0);
    lost = (coarse[6:0] & ~(7'h7f << shift_b_i[2:0])) != 0;
  end
  wire signed [12:0] moved = 13'($signed(fine14_q[11:1])) + 13'(command_i.output_zero_point)
      + 13'(round_up(command_i.rounding_b, fine14_q[0], sticky14_q, fine14_q[1], fine14_q[11]));
  wire low15 = far14_q ? fine14_q[11] : moved < 13'(command_i.output_min);
  wire high15 = far14_q ? !fine14_q[11] : moved > 13'(command_i.output_max);
  wire [7:0] clamped = low15 ? command_i.output_min : high15 ? command_i.output_max : moved[7:0];
  always_ff @(posedge clk_i) begin
    if (table_write_i[0]) table0[table_address_i] <= write_data_i;
    if (table_write_i[1]) table1[table_address_i] <= write_data_i;
    fine14_q <= {y13_q[31], shifted[10:0]};
    far14_q <= shifted[32:11] != {22{y13_q[31]}};
    sticky14_q <= lost_coarse || lost;
    word0_14q <= table0[{slot_i, entry[8:2]}];
    word1_14q <= table1[{slot_i, entry[8:2]}];
    byte14_q <= entry[1:0];
    code0_o <= command_i.table_enable0 ? word0_14q[byte14_q*8 +: 8] : clamped;
    code1_o <= command_i.table_enable1 ? word1_14q[byte14_q*8 +: 8] : clamped;
  end
endmodule
