/// A 32-bit accumulator: sum = (first ? 0 : sum) + value + carry where `add_i`, 2 cycles later.
///
/// In synthesis the adder of one DSP48E2 (value in C, the old sum through W) with its input registers.
module dsp_accumulator #(
  parameter int Width = 19            // of the value
) (
  input  logic                    clk_i,
  input  logic                    add_i,
  input  logic                    first_i,
  input  logic signed [Width-1:0] value_i,
  input  logic                    carry_i,
  output logic signed [31:0]      sum_o
);
  logic add_q;
  always_ff @(posedge clk_i) add_q <= add_i;
`ifdef SYNTHESIS
  logic [47:0] sum;
  DSP48E2 #(
    .AMULTSEL("A"), .USE_MULT("NONE"), .USE_SIMD("ONE48"), .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(1),
    .BCASCREG(1), .CREG(1), .MREG(0), .PREG(1), .OPMODEREG(1), .CARRYINREG(1)
  ) u_dsp (
    .CLK(clk_i), .A(30'd0), .D(27'd0), .B(18'd0), .C(48'(value_i)), .PCIN(48'd0), .PCOUT(),
    .P(sum), .OPMODE({1'b0, !first_i, 3'b000, 4'b1100}), .INMODE(5'b00000), .ALUMODE(4'd0),
    .CARRYIN(carry_i), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
    .CEM(1'b1), .CEP(add_q), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
    .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
    .PATTERNBDETECT(), .XOROUT()
  );
  assign sum_o = sum[31:0];
`else
  logic first_q, carry_q;
  logic signed [Width-1:0] value_q;
  logic signed [31:0] sum_q;
  always_ff @(posedge clk_i) begin
    first_q <= first_i;
    carry_q <= carry_i;
    value_q <= value_i;
    if (add_q) sum_q <= (first_q ? 32'sd0 : sum_q) + 32'(value_q) + {31'd0, carry_q};
  end
  assign sum_o = sum_q;
`endif
endmodule
