/// Behaviour of the UltraScale+ DSP slice as far as the overlay uses it (UG579): preadder or bypass, 27 x 18 product, sum
/// with zero, PCIN or PCIN >> 17, and the pipeline registers; clock enables on, resets off. For simulation of the synthesis
/// forms only: synthesis has the real one. Settings that are not modelled stop the simulation.
module DSP48E2 #(
  parameter AMULTSEL = "A",
  parameter USE_MULT = "MULTIPLY",
  parameter USE_SIMD = "ONE48",
  parameter int AREG = 1,
  parameter int ACASCREG = 1,
  parameter int DREG = 1,
  parameter int ADREG = 1,
  parameter int BREG = 1,
  parameter int BCASCREG = 1,
  parameter int MREG = 1,
  parameter int PREG = 1
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
  logic [47:0] p_q;
  wire signed [26:0] a = 27'(AREG == 2 ? a2_q : a1_q);
  wire signed [17:0] b = BREG == 2 ? b2_q : b1_q;
  wire signed [47:0] shifted = $signed(PCIN) >>> 17;
  wire [47:0] z = OPMODE[6:4] == 3'b000 ? 48'd0 : OPMODE[6:4] == 3'b001 ? PCIN : shifted;

  always_ff @(posedge CLK) begin
    a1_q <= A;
    a2_q <= a1_q;
    b1_q <= B;
    b2_q <= b1_q;
    d_q <= D;
    ad_q <= d_q + a;
    m_q <= 45'(AMULTSEL == "AD" ? ad_q : a) * 45'(b);
    p_q <= z + 48'(m_q);
  end
  assign P = p_q;
  assign PCOUT = p_q;

  initial begin
    if (AREG < 1 || AREG > 2 || BREG < 1 || BREG > 2 || DREG != 1 || ADREG != 1 || MREG != 1 || PREG != 1)
      $fatal(1, "DSP48E2: these registers are not modelled");
    if (USE_MULT != "MULTIPLY" || USE_SIMD != "ONE48") $fatal(1, "DSP48E2: this use is not modelled");
  end
  always_ff @(posedge CLK) begin
    if (ALUMODE != 0 || CARRYIN || CARRYINSEL != 0 || OPMODE[8:7] != 0 || OPMODE[3:0] != 4'b0101
        || !(OPMODE[6:4] inside {3'b000, 3'b001, 3'b101}) || INMODE != (AMULTSEL == "AD" ? 5'b00100 : 5'b00000)
        || !(CEA1 && CEA2 && CEB1 && CEB2 && CED && CEAD && CEM && CEP) || RSTA || RSTB || RSTD || RSTM || RSTP)
      $fatal(1, "DSP48E2: this setting is not modelled");
  end
  assign ACOUT = '0;
  assign BCOUT = '0;
  assign CARRYCASCOUT = '0;
  assign CARRYOUT = '0;
  assign MULTSIGNOUT = '0;
  assign OVERFLOW = '0;
  assign UNDERFLOW = '0;
  assign PATTERNDETECT = '0;
  assign PATTERNBDETECT = '0;
  assign XOROUT = '0;
endmodule
