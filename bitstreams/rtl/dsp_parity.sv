/// Parity of up to 96 bits, in a register.
///
/// In synthesis the wide XOR of one DSP48E2: half of the bits through A:B, half through C.
module dsp_parity #(
  localparam int Bits = 96
) (
  input  logic            clk_i,
  input  logic            clear_i,
  input  logic            enable_i,
  input  logic [Bits-1:0] bits_i,
  output logic            parity_o
);
`ifdef SYNTHESIS
  logic [7:0] parities;
  DSP48E2 #(
    .AMULTSEL("A"), .USE_MULT("NONE"), .USE_SIMD("ONE48"), .USE_WIDEXOR("TRUE"), .XORSIMD("XOR24_48_96"), .AREG(0),
    .ACASCREG(0), .DREG(1), .ADREG(1), .BREG(0), .BCASCREG(0), .CREG(0), .MREG(0), .PREG(1), .OPMODEREG(1), .CARRYINREG(1)
  ) u_dsp (
    .CLK(clk_i), .A(bits_i[47:18]), .D(27'd0), .B(bits_i[17:0]), .C(bits_i[95:48]), .PCIN(48'd0), .PCOUT(), .P(),
    .OPMODE(9'b000110011), .INMODE(5'b00000), .ALUMODE(4'b0100), .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1),
    .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1), .CEM(1'b1), .CEP(enable_i), .CEC(1'b1), .CECTRL(1'b1),
    .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0),
    .RSTP(clear_i), .RSTCTRL(1'b0), .RSTINMODE(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0),
    .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0), .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(),
    .UNDERFLOW(), .PATTERNDETECT(), .PATTERNBDETECT(), .XOROUT(parities)
  );
  assign parity_o = parities[3];
`else
  logic parity_q;
  always_ff @(posedge clk_i) begin
    if (clear_i) parity_q <= 1'b0;
    else if (enable_i) parity_q <= ^bits_i;
  end
  assign parity_o = parity_q;
`endif
endmodule
