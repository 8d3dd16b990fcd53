/// Pixels x Outputs accumulators, each fed by a dot product of Inputs codes and weights per cycle.
///
/// The weight line holds [input][output]. `first_i` replaces the accumulators, otherwise they add up. The result of the
/// step given in cycle t is in `acc_o` in cycle t + 2.
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
  logic valid_q, first_q;
  logic signed [19:0] sum_q [Pixels][Outputs];

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    first_q <= first_i;
  end

  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar pair = 0; pair < Outputs / 2; pair += 1) begin : gen_pair
      logic [Inputs-1:0][7:0] a, b;
      logic signed [19:0] sum_a, sum_b;
      for (genvar row = 0; row < Inputs; row += 1) begin : gen_row
        assign a[row] = line_i[row][2*pair];
        assign b[row] = line_i[row][2*pair+1];
      end
      dsp_mac #(.Inputs(Inputs)) u_mac (.x_i(codes_i[pixel]), .a_i(a), .b_i(b), .sum_a_o(sum_a), .sum_b_o(sum_b));
      always_ff @(posedge clk_i) begin
        if (valid_i) begin
          sum_q[pixel][2*pair] <= sum_a;
          sum_q[pixel][2*pair+1] <= sum_b;
        end
        if (valid_q) begin
          acc_o[pixel][2*pair] <= (first_q ? 32'sd0 : acc_o[pixel][2*pair]) + 32'(sum_q[pixel][2*pair]);
          acc_o[pixel][2*pair+1] <= (first_q ? 32'sd0 : acc_o[pixel][2*pair+1]) + 32'(sum_q[pixel][2*pair+1]);
        end
      end
    end
  end
endmodule
