/// Two dot products of Inputs int8 pairs that share one operand: sum_a = x . a, sum_b = x . b = high + carry.
///
/// In synthesis a pair (a, b) shares one DSP48E2: its preadder forms b * 2^18 + a, the multiplier multiplies that by x, and
/// a cascade of Inputs slices adds up. The low product borrows from the high one where it is negative; `carry_o` gives
/// that back. With 8 inputs the low sum lies in [-130,048, 131,072]: 18 bits hold all of it but the upper end, whose
/// pattern means nothing else, so all int8 operands are exact.
///
/// Operand k is given k cycles after operand 0; the sums appear Inputs + 3 cycles after operand 0. In simulation the sums
/// are plain products of what is given now: mac_array delays the operands as a whole there, which costs less.
module dsp_mac #(
  parameter int Inputs = 8            // at most 8
) (
  input  logic                   clk_i,
  input  logic [Inputs-1:0][7:0] x_i,
  input  logic [Inputs-1:0][7:0] a_i,
  input  logic [Inputs-1:0][7:0] b_i,
  output logic signed [18:0]     sum_a_o,
  output logic signed [18:0]     high_o,
  output logic                   carry_o
);
`ifdef SYNTHESIS
  logic [Inputs:0][47:0] cascade;
  logic [Inputs-1:0][47:0] sums;
  logic [Inputs-1:0] top;  // the low half is at its upper end
  assign cascade[0] = '0;
  for (genvar row = 0; row < Inputs; row += 1) begin : gen_row
    wire signed [7:0] x = x_i[row], a = a_i[row], b = b_i[row];
    DSP48E2 #(
      .AMULTSEL("AD"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"), .USE_PATTERN_DETECT("PATDET"), .SEL_MASK("MASK"),
      .SEL_PATTERN("PATTERN"), .PATTERN(48'h2_0000), .MASK(48'hffff_fffc_0000), .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(2), .BCASCREG(2), .MREG(1), .PREG(1)
    ) u_dsp (
      .CLK(clk_i), .A(30'($signed({b, 18'd0}))), .D(27'(a)), .B(18'(x)), .C(48'd0), .PCIN(cascade[row]), .PCOUT(cascade[row+1]),
      .P(sums[row]), .OPMODE(row == 0 ? 9'b000000101 : 9'b000010101), .INMODE(5'b00100), .ALUMODE(4'd0),
      .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
      .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
      .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
      .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
      .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(top[row]),
      .PATTERNBDETECT(), .XOROUT()
    );
  end
  wire [47:0] packed_sums = sums[Inputs-1];
  assign carry_o = packed_sums[17] && !top[Inputs-1];
  assign sum_a_o = {carry_o, packed_sums[17:0]};
  assign high_o = packed_sums[36:18];
`else
  always_comb begin
    sum_a_o = '0;
    high_o = '0;
    carry_o = 1'b0;
    for (int row = 0; row < Inputs; row += 1) begin
      sum_a_o += $signed(x_i[row]) * $signed(a_i[row]);
      high_o += $signed(x_i[row]) * $signed(b_i[row]);
    end
  end
`endif
endmodule
