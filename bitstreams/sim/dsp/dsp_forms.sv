/// The modules that have a DSP48E2 form beside their plain one, with packed ports for the bench.
module dsp_forms (
  input  logic              clk_i,
  input  logic              valid_i,
  input  logic              first_i,
  input  logic              less_i,
  input  logic              keep_i,
  input  logic              own_i,
  input  logic              shared_i,
  input  logic [2:0]        terms_i,    // of the final sum: accumulator, addends, code; constant in the bench
  input  logic [3:0]        half_i,
  input  logic [8:0]        factor_i,   // constant in the bench
  input  logic [10:0]       value_i,
  input  logic [127:0]      codes_i,    // 2 pixels of 8 codes
  input  logic [255:0]      line_i,     // 8 inputs of 4 outputs
  input  logic [43:0]       a_i,
  input  logic [31:0]       b_i,
  input  logic [31:0]       acc_i,
  input  logic [23:0]       sum_i,
  input  logic [31:0]       addend0_i,
  input  logic [31:0]       addend1_i,
  output logic [255:0]      acc_o,      // [pixel][output]
  output logic [58:0]       product_o,
  output logic              low_zero_o,
  output logic [23:0]       sum_a_o,
  output logic [23:0]       sum_b_o,
  output logic [31:0]       sum_o
);
  logic signed [31:0] acc [2][4];
  for (genvar pixel = 0; pixel < 2; pixel += 1) begin : gen_pixel
    for (genvar channel = 0; channel < 4; channel += 1) begin : gen_channel
      assign acc_o[(pixel*4+channel)*32 +: 32] = acc[pixel][channel];
    end
  end
  mac_array #(.Pixels(2), .Inputs(8), .Outputs(4)) u_array (
    .clk_i, .valid_i, .first_i, .codes_i, .line_i, .acc_o(acc)
  );
  wire [47:0] addend = {3'd0, half_i[3], 12'd0, half_i[2], 12'd0, half_i[1], 12'd0, half_i[0], 5'd0};
  wide_multiply u_multiply (.clk_i, .a_i, .b_i, .less_i, .addend_i(addend), .product_o, .low_zero_o);
  dsp_pair_sum u_pair (
    .clk_i, .add_i(valid_i), .keep_i, .own_i, .shared_i, .code_a_i(codes_i[7:0]), .code_b_i(codes_i[15:8]), .value_i,
    .sum_a_o, .sum_b_o
  );
  dsp_final_sum u_final (
    .clk_i, .with_acc_i(terms_i[0]), .with_addends_i(terms_i[1]), .with_code_i(terms_i[2]), .factor_i,
    .bias_i(b_i), .acc_i, .sum_i, .code_i(codes_i[7:0]), .addend0_i, .addend1_i, .sum_o
  );
endmodule
