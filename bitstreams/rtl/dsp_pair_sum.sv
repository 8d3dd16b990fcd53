/// Two 24-bit sums: sum = (keep ? sum : 0) + (own ? its code : 0) + (shared ? shared : 0) where `add_i`, 2 cycles later.
///
/// In synthesis the two halves of one DSP48E2's adder: the codes side by side in A:B, the shared value twice in C, the old
/// sums through W; `keep`, `own` and `shared` choose the operands.
module dsp_pair_sum (
  input  logic               clk_i,
  input  logic               add_i,
  input  logic               keep_i,
  input  logic               own_i,
  input  logic               shared_i,
  input  logic signed [7:0]  code_a_i,
  input  logic signed [7:0]  code_b_i,
  input  logic signed [10:0] value_i,
  output logic signed [23:0] sum_a_o,
  output logic signed [23:0] sum_b_o
);
  logic add_q;
  always_ff @(posedge clk_i) add_q <= add_i;
`ifdef SYNTHESIS
  logic [47:0] sums;
  wire [47:0] codes = {24'(code_b_i), 24'(code_a_i)};
  DSP48E2 #(
    .AMULTSEL("A"), .USE_MULT("NONE"), .USE_SIMD("TWO24"), .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(1),
    .BCASCREG(1), .CREG(1), .MREG(0), .PREG(1), .OPMODEREG(1), .CARRYINREG(1)
  ) u_dsp (
    .CLK(clk_i), .A(codes[47:18]), .D(27'd0), .B(codes[17:0]), .C({24'(value_i), 24'(value_i)}), .PCIN(48'd0), .PCOUT(),
    .P(sums), .OPMODE({1'b0, keep_i, 3'b000, shared_i, shared_i, own_i, own_i}), .INMODE(5'b00000), .ALUMODE(4'd0),
    .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
    .CEM(1'b1), .CEP(add_q), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
    .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
    .PATTERNBDETECT(), .XOROUT()
  );
  assign sum_a_o = sums[23:0];
  assign sum_b_o = sums[47:24];
`else
  logic keep_q, own_q, shared_q;
  logic signed [7:0] code_a_q, code_b_q;
  logic signed [10:0] value_q;
  logic signed [23:0] sum_a_q, sum_b_q;
  always_ff @(posedge clk_i) begin
    keep_q <= keep_i;
    own_q <= own_i;
    shared_q <= shared_i;
    code_a_q <= code_a_i;
    code_b_q <= code_b_i;
    value_q <= value_i;
    if (add_q) begin
      sum_a_q <= (keep_q ? sum_a_q : 24'sd0) + (own_q ? 24'(code_a_q) : 24'sd0) + (shared_q ? 24'(value_q) : 24'sd0);
      sum_b_q <= (keep_q ? sum_b_q : 24'sd0) + (own_q ? 24'(code_b_q) : 24'sd0) + (shared_q ? 24'(value_q) : 24'sd0);
    end
  end
  assign sum_a_o = sum_a_q;
  assign sum_b_o = sum_b_q;
`endif
endmodule
