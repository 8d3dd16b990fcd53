/// Behaviour of the UltraScale+ DSP slice as far as the overlay uses it (UG579): preadder with its gates or bypass, 27 x 18
/// product, the four operands of the adder (W: 0, P, C; X: 0, M, A:B; Y: 0, M, C; Z: 0, PCIN, PCIN >> 17), whole or in two
/// halves, carry in, detection of a pattern, and the pipeline registers; the XOR of all bits of A:B and C, without registers
/// in front of it; resets off and clock enables on but for P. For simulation of the
/// synthesis forms only: synthesis has the real one. Settings that are not modelled stop the simulation.
module DSP48E2 #(
  parameter AMULTSEL = "A",
  parameter USE_MULT = "MULTIPLY",
  parameter USE_SIMD = "ONE48",
  parameter USE_WIDEXOR = "FALSE",
  parameter XORSIMD = "XOR24_48_96",
  parameter USE_PATTERN_DETECT = "NO_PATDET",
  parameter SEL_MASK = "MASK",
  parameter SEL_PATTERN = "PATTERN",
  parameter logic [47:0] MASK = 48'h3fff_ffff_ffff,  // bits that need not agree
  parameter logic [47:0] PATTERN = 48'd0,
  parameter int AREG = 1,
  parameter int ACASCREG = 1,
  parameter int DREG = 1,
  parameter int ADREG = 1,
  parameter int BREG = 1,
  parameter int BCASCREG = 1,
  parameter int CREG = 1,
  parameter int MREG = 1,
  parameter int PREG = 1,
  parameter int OPMODEREG = 1,
  parameter int CARRYINREG = 1,
  parameter int INMODEREG = 1
) (
  input  logic        CLK,
  input  logic [29:0] A,
  input  logic [17:0] B,
  input  logic [47:0] C,
  input  logic [26:0] D,
  input  logic [47:0] PCIN,
  output logic [47:0] PCOUT,
  output logic [47:0] P,
  input  logic [8:0]  OPMODE,
  input  logic [4:0]  INMODE,
  input  logic [3:0]  ALUMODE,
  input  logic        CARRYIN,
  input  logic [2:0]  CARRYINSEL,
  input  logic        CEA1, CEA2, CEB1, CEB2, CED, CEAD, CEM, CEP, CEC, CECTRL, CEALUMODE, CEINMODE, CECARRYIN,
  input  logic        RSTA, RSTB, RSTC, RSTD, RSTM, RSTP, RSTCTRL, RSTINMODE, RSTALUMODE, RSTALLCARRYIN,
  input  logic [29:0] ACIN,
  input  logic [17:0] BCIN,
  input  logic        CARRYCASCIN,
  input  logic        MULTSIGNIN,
  output logic [29:0] ACOUT,
  output logic [17:0] BCOUT,
  output logic        CARRYCASCOUT,
  output logic [3:0]  CARRYOUT,
  output logic        MULTSIGNOUT, OVERFLOW, UNDERFLOW, PATTERNDETECT, PATTERNBDETECT,
  output logic [7:0]  XOROUT
);
  logic signed [29:0] a1_q, a2_q;
  logic signed [17:0] b1_q, b2_q;
  logic signed [26:0] d_q, ad_q;
  logic signed [44:0] m_q;
  logic [47:0] c_q, p_q;
  logic [8:0] opmode_q;
  logic [4:0] inmode_q;
  logic carry_q, pattern_q, xor_q;
  wire wide_xor = USE_WIDEXOR == "TRUE";
  wire signed [29:0] a = AREG == 2 ? a2_q : AREG == 1 ? a1_q : A;
  wire signed [17:0] b = BREG == 2 ? b2_q : BREG == 1 ? b1_q : B;
  wire [47:0] c = CREG == 1 ? c_q : C;
  wire signed [26:0] sum_ad = (inmode_q[2] ? d_q : 27'sd0) + (inmode_q[1] ? 27'sd0 : 27'(a));
  wire [47:0] product = 48'(m_q);
  wire signed [47:0] shifted = $signed(PCIN) >>> 17;
  logic [47:0] w, x, y, z, sum;
  always_comb begin
    w = opmode_q[8:7] == 2'b01 ? p_q : opmode_q[8:7] == 2'b11 ? c : 48'd0;
    x = opmode_q[1:0] == 2'b01 ? product : opmode_q[1:0] == 2'b11 ? {a, b} : 48'd0;
    y = opmode_q[3:2] == 2'b11 ? c : 48'd0;  // X takes the product as a whole
    z = opmode_q[6:4] == 3'b011 ? c : opmode_q[6:4] == 3'b001 ? PCIN : opmode_q[6:4] == 3'b101 ? shifted : 48'd0;
    if (USE_SIMD == "TWO24") sum = {w[47:24] + x[47:24] + y[47:24] + z[47:24], w[23:0] + x[23:0] + y[23:0] + z[23:0]};
    else sum = w + x + y + z + 48'(carry_q);
  end

  always_ff @(posedge CLK) begin
    a1_q <= A;
    a2_q <= a1_q;
    b1_q <= B;
    b2_q <= b1_q;
    c_q <= C;
    d_q <= D;
    ad_q <= sum_ad;
    inmode_q <= INMODE;
    opmode_q <= OPMODE;
    carry_q <= CARRYIN;
    m_q <= 45'(AMULTSEL == "AD" ? ad_q : 27'(a)) * 45'(b);
    if (CEP) begin
      p_q <= wide_xor ? x ^ y ^ z : sum;
      pattern_q <= ((sum ^ PATTERN) & ~MASK) == 48'd0;
      xor_q <= ^(x ^ y ^ z);
    end
    if (RSTP) {p_q, xor_q} <= '0;
  end
  assign P = p_q;
  assign PCOUT = p_q;
  assign PATTERNDETECT = pattern_q;

  initial begin
    if (AREG < (wide_xor ? 0 : 1) || AREG > 2 || BREG < (wide_xor ? 0 : 1) || BREG > 2 || DREG != 1 || ADREG != 1 || PREG != 1 || OPMODEREG != 1
        || CARRYINREG != 1 || INMODEREG != 1 || (USE_MULT == "MULTIPLY" ? MREG != 1 : MREG != 0))
      $fatal(1, "DSP48E2: these registers are not modelled");
    if ((USE_MULT != "MULTIPLY" && USE_MULT != "NONE") || (USE_SIMD != "ONE48" && (USE_SIMD != "TWO24" || USE_MULT != "NONE")))
      $fatal(1, "DSP48E2: this use is not modelled");
    if (wide_xor && (USE_MULT != "NONE" || USE_SIMD != "ONE48" || XORSIMD != "XOR24_48_96"))
      $fatal(1, "DSP48E2: this XOR is not modelled");
  end
  always_ff @(posedge CLK) begin
    if (ALUMODE != (wide_xor ? 4'b0100 : 4'b0000) || CARRYINSEL != 0 || (CARRYIN && USE_SIMD != "ONE48") || opmode_q[8:7] == 2'b10
        || opmode_q[1:0] == 2'b10 || opmode_q[3:2] == 2'b10 || (opmode_q[1:0] == 2'b01) != (opmode_q[3:2] == 2'b01)
        || (opmode_q[1:0] == 2'b01 && USE_MULT == "NONE") || !(opmode_q[6:4] inside {3'b000, 3'b001, 3'b101} || (wide_xor && opmode_q[6:4] == 3'b011))
        || {INMODE[4:3], INMODE[0]} != 0 || (AMULTSEL == "A" && INMODE != 0)
        || !(CEA1 && CEA2 && CEB1 && CEB2 && CEC && CED && CEAD && CEM && CECTRL && CEINMODE && CECARRYIN)
        || RSTA || RSTB || RSTC || RSTD || RSTM || (RSTP && !wide_xor) || RSTCTRL || RSTINMODE || RSTALLCARRYIN)
      $fatal(1, "DSP48E2: this setting is not modelled");
  end
  assign ACOUT = '0;
  assign BCOUT = '0;
  assign CARRYCASCOUT = '0;
  assign CARRYOUT = '0;
  assign MULTSIGNOUT = '0;
  assign OVERFLOW = '0;
  assign UNDERFLOW = '0;
  assign PATTERNBDETECT = '0;
  assign XOROUT = wide_xor ? {4'd0, xor_q, 3'd0} : '0;  // of 96 bits only
endmodule
