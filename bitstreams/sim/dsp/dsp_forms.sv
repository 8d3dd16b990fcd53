/// The modules that have a DSP48E2 form beside their plain one, with packed ports for the bench.
module dsp_forms (
  input  logic              clk_i,
  input  logic              valid_i,
  input  logic              first_i,
  input  logic [127:0]      codes_i,  // 2 pixels of 8 codes
  input  logic [255:0]      line_i,   // 8 inputs of 4 outputs
  input  logic [31:0]       a_i,
  input  logic [31:0]       b_i,
  output logic [255:0]      acc_o,    // [pixel][output]
  output logic [63:0]       product_o
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
  wide_multiply u_multiply (.clk_i, .a_i, .b_i, .product_o);
endmodule
