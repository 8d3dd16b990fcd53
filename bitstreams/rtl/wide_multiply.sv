/// Signed 44 x 32 product with a rounding term, one per cycle, 6 cycles later:
///
///   product = a * b - less + addend * 2^17
///
/// without its 17 lowest bits, of which `low_zero_o` says whether they are zero. `less_i` is given 1, `addend_i` 2 cycles after
/// the factors.
///
/// In synthesis four DSP48E2 in a cascade: a = a1 * 2^17 + a0 and b likewise with a0, b0 unsigned, so that
/// a * b = a0 b0 + 2^17 (a1 b0 + a0 b1) + 2^34 a1 b1; the cascade's shift by 17 moves from one weight to the next.
module wide_multiply (
  input  logic               clk_i,
  input  logic signed [43:0] a_i,
  input  logic signed [31:0] b_i,
  input  logic               less_i,
  input  logic signed [47:0] addend_i,
  output logic signed [58:0] product_o,
  output logic               low_zero_o
);
`ifdef SYNTHESIS
  logic signed [43:0] a1_q, a2_q;
  logic signed [31:0] b1_q, b2_q;
  logic [16:0] middle_q;
  logic [2:0] low_zero_q;
  logic [3:0] pattern;
  logic [3:0][29:0] a;
  logic [3:0][17:0] b;
  logic [3:0][47:0] c, p;
  logic [4:0][47:0] cascade;
  assign cascade[0] = '0;
  assign a = {30'($signed(a2_q[43:17])), {13'd0, a1_q[16:0]}, 30'($signed(a_i[43:17])), {13'd0, a_i[16:0]}};
  assign b = {18'($signed(b2_q[31:17])), 18'($signed(b1_q[31:17])), {1'b0, b_i[16:0]}, {1'b0, b_i[16:0]}};
  assign c = {48'd0, 48'd0, addend_i, {48{less_i}}};
  always_ff @(posedge clk_i) begin
    a1_q <= a_i;
    b1_q <= b_i;
    a2_q <= a1_q;
    b2_q <= b1_q;
    low_zero_q <= {low_zero_q[1:0], pattern[0]};
    middle_q <= p[2][16:0];
  end
  // Slice k works one cycle after slice k - 1: one or two input registers, the rest of the delay outside.
  for (genvar slice = 0; slice < 4; slice += 1) begin : gen_slice
    localparam int Registers = slice == 0 ? 1 : 2;
    localparam logic [8:0] Mode =
        slice == 0 ? 9'b110000101 : slice == 1 ? 9'b111010101 : slice == 2 ? 9'b000010101 : 9'b001010101;
    DSP48E2 #(
      .AMULTSEL("A"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"), .USE_PATTERN_DETECT("PATDET"), .SEL_MASK("MASK"),
      .SEL_PATTERN("PATTERN"), .PATTERN(48'd0), .MASK(48'hffff_fffe_0000), .AREG(Registers), .ACASCREG(Registers), .DREG(1),
      .ADREG(1), .BREG(Registers), .BCASCREG(Registers), .CREG(1), .MREG(1), .PREG(1)
    ) u_dsp (
      .CLK(clk_i), .A(a[slice]), .D(27'd0), .B(b[slice]), .C(c[slice]), .PCIN(cascade[slice]), .PCOUT(cascade[slice+1]),
      .P(p[slice]), .OPMODE(Mode), .INMODE(5'b00000), .ALUMODE(4'd0),
      .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
      .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
      .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
      .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
      .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(),
      .PATTERNDETECT(pattern[slice]), .PATTERNBDETECT(), .XOROUT()
    );
  end
  assign product_o = {p[3][41:0], middle_q};
  assign low_zero_o = low_zero_q[2];
`else
  logic signed [43:0] a1_q;
  logic signed [31:0] b1_q;
  logic signed [63:0] low2_q, high2_q, product3_q, product4_q, product5_q, product6_q;
  logic zero3_q, zero4_q, zero5_q, zero6_q;
  always_ff @(posedge clk_i) begin
    a1_q <= a_i;
    b1_q <= b_i;
    low2_q <= 64'(a1_q) * $signed({47'd0, b1_q[16:0]}) - $signed({63'd0, less_i});
    high2_q <= 64'(a1_q) * 64'($signed(b1_q[31:17]));
    product3_q <= high2_q + (low2_q >>> 17) + 64'(addend_i);
    zero3_q <= low2_q[16:0] == 0;
    {product6_q, product5_q, product4_q} <= {product5_q, product4_q, product3_q};
    {zero6_q, zero5_q, zero4_q} <= {zero5_q, zero4_q, zero3_q};
  end
  assign product_o = product6_q[58:0];
  assign low_zero_o = zero6_q;
`endif
endmodule
