/// What a value is before it is scaled: bias + accumulator + factor * (sum or code) + addend0 + addend1, modulo 2^32, 4 cycles
/// after bias, accumulator, sum and code. The first addend is given 1, the second 2 cycles after those.
///
/// In synthesis three DSP48E2 in a cascade; which terms count is a matter of their operand multiplexers.
module dsp_final_sum (
  input  logic               clk_i,

  // Constant while values are on their way
  input  logic               with_acc_i,
  input  logic               with_addends_i,
  input  logic               with_code_i,    // times the factor, in place of the sum
  input  logic signed [8:0]  factor_i,

  input  logic signed [31:0] bias_i,
  input  logic signed [31:0] acc_i,
  input  logic signed [23:0] sum_i,
  input  logic signed [7:0]  code_i,
  input  logic signed [31:0] addend0_i,
  input  logic signed [31:0] addend1_i,
  output logic signed [31:0] sum_o
);
`ifdef SYNTHESIS
  wire [47:0] bias = 48'(bias_i);
  wire [47:0] acc = 48'(acc_i);
  logic [47:0] after_bias, after_acc, sum;
  DSP48E2 #(
    .AMULTSEL("A"), .USE_MULT("NONE"), .USE_SIMD("ONE48"), .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(1),
    .BCASCREG(1), .CREG(1), .MREG(0), .PREG(1)
  ) u_bias (
    .CLK(clk_i), .A(bias[47:18]), .D(27'd0), .B(bias[17:0]), .C(48'd0), .PCIN(48'd0), .PCOUT(after_bias),
    .P(), .OPMODE(9'b000000011), .INMODE(5'b00000), .ALUMODE(4'd0),
    .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
    .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
    .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
    .PATTERNBDETECT(), .XOROUT()
  );
  DSP48E2 #(
    .AMULTSEL("A"), .USE_MULT("NONE"), .USE_SIMD("ONE48"), .AREG(2), .ACASCREG(2), .DREG(1), .ADREG(1), .BREG(2),
    .BCASCREG(2), .CREG(1), .MREG(0), .PREG(1)
  ) u_acc (
    .CLK(clk_i), .A(acc[47:18]), .D(27'd0), .B(acc[17:0]), .C(48'(addend0_i)), .PCIN(after_bias), .PCOUT(after_acc),
    .P(), .OPMODE({2'b00, 3'b001, with_addends_i, with_addends_i, with_acc_i, with_acc_i}), .INMODE(5'b00000), .ALUMODE(4'd0),
    .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
    .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
    .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
    .PATTERNBDETECT(), .XOROUT()
  );
  DSP48E2 #(
    .AMULTSEL("AD"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"), .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(1),
    .BCASCREG(1), .CREG(1), .MREG(1), .PREG(1)
  ) u_scaled (
    .CLK(clk_i), .A(30'(sum_i)), .D(27'(code_i)), .B(18'(factor_i)), .C(48'(addend1_i)), .PCIN(after_acc), .PCOUT(),
    .P(sum), .OPMODE({with_addends_i, with_addends_i, 7'b0010101}), .INMODE({2'b00, with_code_i, with_code_i, 1'b0}),
    .ALUMODE(4'd0),
    .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
    .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
    .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
    .PATTERNBDETECT(), .XOROUT()
  );
  assign sum_o = sum[31:0];
`else
  logic signed [31:0] first1_q, scaled1_q, sum2_q, sum3_q, sum4_q;
  wire signed [31:0] operand = with_code_i ? 32'(code_i) : 32'(sum_i);
  always_ff @(posedge clk_i) begin
    first1_q <= bias_i + (with_acc_i ? acc_i : 32'sd0);
    scaled1_q <= operand * 32'(factor_i);
    sum2_q <= first1_q + scaled1_q + (with_addends_i ? addend0_i : 32'sd0);
    sum3_q <= sum2_q + (with_addends_i ? addend1_i : 32'sd0);
    sum4_q <= sum3_q;
  end
  assign sum_o = sum4_q;
`endif
endmodule
