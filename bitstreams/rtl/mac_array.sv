/// Pixels x Outputs accumulators, each fed by a dot product of Inputs codes and weights per cycle.
///
/// The weight line holds [input][output]. `first_i` replaces the accumulators, otherwise they add up. The result of the
/// step given in cycle t is in `acc_o` in cycle t + Inputs + 5: operands reach slice k of a DSP cascade k cycles later than
/// slice 0, the cascade takes 4, the accumulator 2.
module mac_array #(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16
) (
  input  logic                                  clk_i,
  input  logic                                  valid_i,
  input  logic                                  first_i,
  input  logic [Pixels-1:0][Inputs*8-1:0]       codes_i,
  input  logic [Inputs-1:0][Outputs-1:0][7:0]   line_i,
  output logic signed [31:0]                    acc_o [Pixels][Outputs]
);
  localparam int Delay = Inputs + 3;
  logic [Delay:1] valid_q, first_q;
  always_ff @(posedge clk_i) begin
    valid_q <= {valid_q[Delay-1:1], valid_i};
    first_q <= {first_q[Delay-1:1], first_i};
  end

  // ---- operands at the time the cascade wants them
  logic [Pixels-1:0][Inputs-1:0][7:0] codes;
  logic [Inputs-1:0][Outputs-1:0][7:0] line;
`ifdef SYNTHESIS
  for (genvar row = 0; row < Inputs; row += 1) begin : gen_skew
    logic [Pixels-1:0][7:0] now, then;
    for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
      assign now[pixel] = codes_i[pixel][row*8 +: 8];
      assign codes[pixel][row] = then[pixel];
    end
    if (row == 0) begin : gen_first
      assign line[row] = line_i[row];
      assign then = now;
    end else begin : gen_later
      logic [row:1][Outputs*8-1:0] line_q;
      logic [row:1][Pixels*8-1:0] codes_q;
      always_ff @(posedge clk_i) begin
        line_q[1] <= line_i[row];
        codes_q[1] <= now;
        for (int step = 2; step <= row; step += 1) begin
          line_q[step] <= line_q[step-1];
          codes_q[step] <= codes_q[step-1];
        end
      end
      assign line[row] = line_q[row];
      assign then = codes_q[row];
    end
  end
`else
  logic [Delay:1][Pixels*Inputs*8-1:0] codes_q;
  logic [Delay:1][Inputs*Outputs*8-1:0] line_q;
  always_ff @(posedge clk_i) begin
    codes_q <= {codes_q[Delay-1:1], codes_i};
    line_q <= {line_q[Delay-1:1], line_i};
  end
  assign codes = codes_q[Delay];
  assign line = line_q[Delay];
`endif

  // ---- products and accumulators
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar pair = 0; pair < Outputs / 2; pair += 1) begin : gen_pair
      logic [Inputs-1:0][7:0] a, b;
      logic signed [18:0] sum_a, high;
      logic carry;
      for (genvar row = 0; row < Inputs; row += 1) begin : gen_row
        assign a[row] = line[row][2*pair];
        assign b[row] = line[row][2*pair+1];
      end
      dsp_mac #(.Inputs(Inputs)) u_mac (
        .clk_i, .x_i(codes[pixel]), .a_i(a), .b_i(b), .sum_a_o(sum_a), .high_o(high), .carry_o(carry)
      );
      dsp_accumulator #(.Width(19)) u_acc_a (
        .clk_i, .add_i(valid_q[Delay]), .first_i(first_q[Delay]), .value_i(sum_a), .carry_i(1'b0), .sum_o(acc_o[pixel][2*pair])
      );
      dsp_accumulator #(.Width(19)) u_acc_b (
        .clk_i, .add_i(valid_q[Delay]), .first_i(first_q[Delay]), .value_i(high), .carry_i(carry), .sum_o(acc_o[pixel][2*pair+1])
      );
    end
  end
endmodule
