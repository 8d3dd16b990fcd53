/// One requantisation lane: a 32-bit accumulator in, one or two int8 codes out, 15 cycles later, one per cycle.
///
///   acc  = accumulator + bias - zeroPoint * sum, or bias + addend0 + addend1
///   y    = clampA(roundA(acc * M / 2^shiftA)), saturated to int32
///   code = table[y - clampMin], or clamp(zeroPoint + roundB(y / 2^shiftB))
///
/// Stage A: the multiplier comes scaled, M * 2^(S - shiftA), so that the binary point of the product is at one of four
/// places, S = 23, 36, 49 or 62; `half_i` is 2^(S - 1) in units of 2^17. Rounding is part of the product: a half is added, one
/// unit of the lowest bit less where a tie has to go down (half-away, negative product); half-even takes the lowest bit of y
/// away from a tie. Stage B: the shifted-out bits are reduced to a guard bit (the first) and a sticky bit (any other), the
/// bits above those that can survive the clamp to one bit (`far`).
///
/// Reference: sdk/src/overlay/program.ts. The tables and addends are written while the lane works on the other slot's.
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
  input  logic [7:0]         beside_i,      // max pooling: the maximum; ADD: the second code
  input  logic signed [31:0] bias_i,
  input  logic signed [43:0] multiplier_i,  // 4 cycles after the accumulator
  input  logic [3:0]         half_i,        // 6: 2^22, 2^35, 2^48 or 2^61
  input  logic [1:0]         point_i,       // 10: which of them
  input  logic [4:0]         shift_b_i,     // 13
  input  logic [30:10]       far_i,         // 13: the bits of y that do not survive the clamp unless they equal the sign
  input  logic               real_i,        // 14: else the codes are 0

  output logic [7:0]         code0_o,
  output logic [7:0]         code1_o
);
  // The output tables are small enough for LUTs, of which there are more to spare than of block RAMs.
  (* ram_style = "distributed" *) logic [31:0] table0 [256];
  (* ram_style = "distributed" *) logic [31:0] table1 [256];
  logic [31:0] addends0 [512];
  logic [31:0] addends1 [512];

  // Constants of the command
  logic is_add_q, weighted_q, max_q, clamp_q, half_even_q, half_away_q, table0_q, table1_q, slot_q;
  logic [1:0] rounding_b_q;
  logic signed [8:0] factor_q;              // of the sum: the zero point negated, or a pool's one
  logic signed [15:0] low_q, high_q;        // limits of y
  logic signed [7:0] zero_point_q, min_q, max_code_q;
  always_ff @(posedge clk_i) begin
    is_add_q <= command_i.opcode == OP_ADD;
    weighted_q <= command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
    max_q <= command_i.opcode == OP_POOL && command_i.pool == POOL_MAX;
    factor_q <= weighted_q ? -9'(command_i.weight_zero_point) : is_add_q ? 9'sd0 : 9'sd1;
    half_even_q <= command_i.rounding_a == ROUND_HALF_EVEN;
    half_away_q <= command_i.rounding_a != ROUND_HALF_EVEN && command_i.rounding_a != ROUND_HALF_UP;
    rounding_b_q <= command_i.rounding_b;
    clamp_q <= command_i.clamp_enable;
    low_q <= command_i.clamp_min;
    high_q <= command_i.clamp_max;
    zero_point_q <= command_i.output_zero_point;
    min_q <= command_i.output_min;
    max_code_q <= command_i.output_max;
    table0_q <= command_i.table_enable0;
    table1_q <= command_i.table_enable1;
    slot_q <= slot_i;
  end

  // ---- 1, 2: addends; 4: the accumulator
  logic signed [31:0] addend0_1q, addend1_2q, acc4;
  logic [7:0] beside1_q;
  always_ff @(posedge clk_i) begin
    if (addend_write_i[0]) addends0[addend_address_i] <= write_data_i;
    if (addend_write_i[1]) addends1[addend_address_i] <= write_data_i;
    beside1_q <= beside_i;
    addend0_1q <= addends0[{slot_q, ~sum_i[7], sum_i[6:0]}];
    addend1_2q <= addends1[{slot_q, ~beside1_q[7], beside1_q[6:0]}];
  end
  dsp_final_sum u_sum (
    .clk_i, .with_acc_i(weighted_q), .with_addends_i(is_add_q), .with_code_i(max_q), .factor_i(factor_q), .bias_i, .acc_i,
    .sum_i, .code_i(beside_i), .addend0_i(addend0_1q), .addend1_i(addend1_2q), .sum_o(acc4)
  );

  // ---- 10: the product, from bit 17 on
  logic less5_q, low_zero;
  logic signed [58:0] product;
  always_ff @(posedge clk_i) less5_q <= half_away_q && (acc4[31] != multiplier_i[43]);
  wire [47:0] half = {3'd0, half_i[3], 12'd0, half_i[2], 12'd0, half_i[1], 12'd0, half_i[0], 5'd0};
  wide_multiply u_product (
    .clk_i, .a_i(multiplier_i), .b_i(acc4), .less_i(less5_q), .addend_i(half), .product_o(product), .low_zero_o(low_zero)
  );

  // ---- 11: y, if it fits 32 bits
  logic signed [31:0] y11_q;
  logic over11_q, negative11_q;
  logic [31:0] y10;
  logic [3:0] zero;     // nothing below each point: a tie, with the half that was added
  logic [1:0] same;     // bits above the 32 agree with the sign: of the first point, of the second
  logic over10;
  always_comb begin
    case (point_i)
      2'd0: y10 = product[6 +: 32];
      2'd1: y10 = product[19 +: 32];
      2'd2: y10 = 32'($signed(product[58:32]));
      default: y10 = 32'($signed(product[58:45]));
    endcase
    zero[0] = low_zero && product[5:0] == 0;
    zero[1] = zero[0] && product[18:6] == 0;
    zero[2] = zero[1] && product[31:19] == 0;
    zero[3] = zero[2] && product[44:32] == 0;
    same[1] = &product[58:50] || !(|product[58:50]);
    same[0] = same[1] && product[49:37] == {13{product[58]}};
    over10 = !point_i[1] && !same[point_i[0]];
  end
  always_ff @(posedge clk_i) begin
    y11_q <= {y10[31:1], y10[0] && !(half_even_q && zero[point_i])};
    over11_q <= over10;
    negative11_q <= product[58];
  end

  // ---- 12: compared with the limits; 13: limited
  logic signed [31:0] y12_q, y13_q;
  logic above12_q, below12_q;
  wire short11 = !over11_q && (&y11_q[31:15] || !(|y11_q[31:15]));  // fits 16 bits
  wire above = short11 ? $signed(y11_q[15:0]) > high_q : !negative11_q;
  wire below = short11 ? $signed(y11_q[15:0]) < low_q : negative11_q;
  always_ff @(posedge clk_i) begin
    y12_q <= y11_q;
    above12_q <= clamp_q ? above : over11_q && !negative11_q;
    below12_q <= clamp_q ? below : over11_q && negative11_q;
    if (above12_q) y13_q <= clamp_q ? 32'(high_q) : 32'sh7fff_ffff;
    else if (below12_q) y13_q <= clamp_q ? 32'(low_q) : 32'sh8000_0000;
    else y13_q <= y12_q;
  end

  // ---- 14: stage B shifted, table word read; 15: code
  logic signed [11:0] fine14_q;
  logic sticky14_q, far14_q;
  logic [31:0] word0_14q, word1_14q;
  logic [1:0] byte14_q;
  wire [8:0] entry = 9'(y13_q) - 9'(low_q);
  wire signed [32:0] exact13 = {y13_q, 1'b0};
  wire signed [32:0] coarse = exact13 >>> {shift_b_i[4:3], 3'b000};
  wire signed [32:0] shifted = coarse >>> shift_b_i[2:0];
  logic lost, lost_coarse, up;
  always_comb begin
    lost_coarse = (shift_b_i[4:3] != 2'd0 && exact13[7:0] != 0) || (shift_b_i[4] && exact13[15:8] != 0)
        || (shift_b_i[4:3] == 2'd3 && exact13[23:16] != 0);
    lost = (coarse[6:0] & ~(7'h7f << shift_b_i[2:0])) != 0;
    case (rounding_b_q)
      ROUND_HALF_UP: up = fine14_q[0];
      ROUND_HALF_EVEN: up = fine14_q[0] && (sticky14_q || fine14_q[1]);
      default: up = fine14_q[0] && (sticky14_q || !fine14_q[11]);
    endcase
  end
  // Rounding up is a carry that enters below the lowest bit.
  wire signed [13:0] carried = {13'($signed(fine14_q[11:1])), 1'b1} + {13'(zero_point_q), up};
  wire signed [12:0] moved = carried[13:1];
  wire low15 = far14_q ? fine14_q[11] : moved < 13'(min_q);
  wire high15 = far14_q ? !fine14_q[11] : moved > 13'(max_code_q);
  wire [7:0] clamped = low15 ? min_q : high15 ? max_code_q : moved[7:0];
  always_ff @(posedge clk_i) begin
    if (table_write_i[0]) table0[table_address_i] <= write_data_i;
    if (table_write_i[1]) table1[table_address_i] <= write_data_i;
    fine14_q <= {y13_q[31], shifted[10:0]};
    far14_q <= ((y13_q[30:10] ^ {21{y13_q[31]}}) & far_i) != 0;
    sticky14_q <= lost_coarse || lost;
    word0_14q <= table0[{slot_q, entry[8:2]}];
    word1_14q <= table1[{slot_q, entry[8:2]}];
    byte14_q <= entry[1:0];
    code0_o <= !real_i ? 8'd0 : table0_q ? word0_14q[byte14_q*8 +: 8] : clamped;
    code1_o <= !real_i ? 8'd0 : table1_q ? word1_14q[byte14_q*8 +: 8] : clamped;
  end
endmodule
