/// row + floor((constant + c0 * left + c1 * top + c2 * corner) / 32) mod 256, for one weight of a row.
///
/// In synthesis a cascade of four DSP48E2, so the operands come one after the other: row and constant, two cycles later the
/// corner, and a cycle each the top and the left one with their coefficients. The sum is there three cycles after the left one.
module tap_sum (
  input  logic               clk_i,
  input  logic [7:0]         row_i,
  input  logic signed [15:0] constant_i,
  input  logic signed [7:0]  corner_i,     // two cycles after the row
  input  logic signed [5:0]  c2_i,
  input  logic signed [7:0]  top_i,        // three cycles
  input  logic signed [5:0]  c1_i,
  input  logic signed [7:0]  left_i,       // four cycles
  input  logic signed [5:0]  c0_i,
  output logic [7:0]         sum_o         // seven cycles
);
`ifdef SYNTHESIS
  logic [3:0][29:0] a;
  logic [3:0][17:0] b;
  logic [3:0][47:0] p;
  logic [4:0][47:0] cascade;
  assign cascade[0] = '0;
  assign a = {30'(left_i), 30'(top_i), 30'(corner_i), 30'(constant_i)};
  assign b = {18'(c0_i), 18'(c1_i), 18'(c2_i), 18'd1};
  for (genvar slice = 0; slice < 4; slice += 1) begin : gen_slice
    DSP48E2 #(
      .AMULTSEL(slice == 0 ? "AD" : "A"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"),
      .AREG(1), .ACASCREG(1), .DREG(1), .ADREG(1), .BREG(1), .BCASCREG(1), .MREG(1), .PREG(1)
    ) u_dsp (
      .CLK(clk_i), .A(a[slice]), .D(slice == 0 ? {14'd0, row_i, 5'd0} : 27'd0), .B(b[slice]), .C(48'd0), .PCIN(cascade[slice]),
      .PCOUT(cascade[slice+1]), .P(p[slice]), .OPMODE(slice == 0 ? 9'b000000101 : 9'b000010101),
      .INMODE(slice == 0 ? 5'b00100 : 5'b00000), .ALUMODE(4'd0),
      .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b1), .CEA2(1'b1), .CEB1(1'b1), .CEB2(1'b1), .CED(1'b1), .CEAD(1'b1),
      .CEM(1'b1), .CEP(1'b1), .CEC(1'b1), .CECTRL(1'b1), .CEALUMODE(1'b1), .CEINMODE(1'b1), .CECARRYIN(1'b1),
      .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTINMODE(1'b0),
      .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
      .ACOUT(), .BCOUT(), .CARRYCASCOUT(), .CARRYOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), .PATTERNDETECT(),
      .PATTERNBDETECT(), .XOROUT()
    );
  end
  assign sum_o = p[3][12:5];
`else
  logic [7:0] row_q;
  logic signed [15:0] constant_q;
  logic signed [7:0] corner_q, top_q, left_q;
  logic signed [5:0] c2_q, c1_q, c0_q;
  logic [12:0] preadded_q, row_product_q, corner_product_q, top_product_q, left_product_q;
  logic [3:0][12:0] sum_q;
  always_ff @(posedge clk_i) begin
    row_q <= row_i;
    constant_q <= constant_i;
    preadded_q <= {row_q, 5'd0} + 13'(constant_q);
    row_product_q <= preadded_q;
    sum_q[0] <= row_product_q;
    corner_q <= corner_i;
    c2_q <= c2_i;
    corner_product_q <= 13'(corner_q) * 13'(c2_q);
    sum_q[1] <= sum_q[0] + corner_product_q;
    top_q <= top_i;
    c1_q <= c1_i;
    top_product_q <= 13'(top_q) * 13'(c1_q);
    sum_q[2] <= sum_q[1] + top_product_q;
    left_q <= left_i;
    c0_q <= c0_i;
    left_product_q <= 13'(left_q) * 13'(c0_q);
    sum_q[3] <= sum_q[2] + left_product_q;
  end
  assign sum_o = sum_q[3][12:5];
`endif
endmodule
