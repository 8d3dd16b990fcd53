/// Signed 32 x 32 product, one per cycle, 6 cycles later.
///
/// In synthesis four DSP48E2 in a cascade: a = a1 * 2^17 + a0 and b likewise with a0, b0 unsigned, so that
/// a * b = a0 b0 + 2^17 (a1 b0 + a0 b1) + 2^34 a1 b1; the cascade's shift by 17 moves from one weight to the next.
module wide_multiply (
  input  logic               clk_i,
  input  logic signed [31:0] a_i,
  input  logic signed [31:0] b_i,
  output logic signed [63:0] product_o
);
`ifdef SYNTHESIS
  logic signed [31:0] a1_q, b1_q, a2_q, b2_q;
  logic [2:0][16:0] low_q;
  logic [16:0] middle_q;
  logic [3:0][29:0] a;
  logic [3:0][17:0] b;
  logic [3:0][47:0] p;
  logic [4:0][47:0] cascade;
  assign cascade[0] = '0;
  assign a = {30'($signed(a2_q[31:17])), {13'd0, a1_q[16:0]}, 30'($signed(a_i[31:17])), {13'd0, a_i[16:0]}};
  assign b = {18'($signed(b2_q[31:17])), 18'($signed(b1_q[31:17])), {1'b0, b_i[16:0]}, {1'b0, b_i[16:0]}};
  always_ff @(posedge clk_i) begin
    a1_q <= a_i;
    b1_q <= b_i;
    a2_q <= a1_q;
    b2_q <= b1_q;
    low_q <= {low_q[1:0], p[0][16:0]};
    middle_q <= p[2][16:0];
  end
  // Slice k works one cycle after slice k - 1: one or two input registers, the rest of the delay outside.
  for (genvar slice = 0; slice < 4; slice += 1) begin : gen_slice
    localparam int Registers = slice == 0 ? 1 : 2;
    localparam logic [8:0] Mode = slice == 0 ? 9'b000000101 : slice == 2 ? 9'b000010101 : 9'b001010101;
    DSP48E2 #(
      .AMULTSEL("A"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"),
      .AREG(Registers), .ACASCREG(Registers), .DREG(1), .ADREG(1), .BREG(Registers), .BCASCREG(Registers), .MREG(1), .PREG(1)
    ) u_dsp (
      .CLK(clk_i), .A(a[slice]), .D(27'd0), .B(b[slice]), .C(48'd0), .PCIN(cascade[slice]), .PCOUT(cascade[slice+1]),
      .P(p[slice]), .OPMODE(Mode), .INMODE(5'b00000), .ALUMODE(4'd0),
      .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
      .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
      .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
      .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
      .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
      .PATTERNBDETECT(), .XOROUT()
    );
  end
  assign product_o = {p[3][29:0], middle_q, low_q[2]};
`else
  logic signed [5:1][31:0] a_q, b_q;
  logic signed [63:0] product_q;
  always_ff @(posedge clk_i) begin
    a_q <= {a_q[4:1], a_i};
    b_q <= {b_q[4:1], b_i};
    product_q <= 64'($signed(a_q[5])) * 64'($signed(b_q[5]));
  end
  assign product_o = product_q;
`endif
endmodule
