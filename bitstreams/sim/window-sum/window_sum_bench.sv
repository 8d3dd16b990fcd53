/// Sums, maxima and codes of windows with the kind of command as a number, for the bench.
module window_sum_bench
  import sluice_pkg::*;
(
  input  logic               clk_i,
  input  logic [2:0]         operation_i,   // CONV, DEPTHWISE, max pooling, average pooling, ADD
  input  logic               valid_i,
  input  logic               first_i,
  input  logic               second_i,
  input  logic               tile_word_i,
  input  logic [7:0]         active_i,
  input  logic [7:0]         inside_i,
  input  logic [63:0]        codes_i [8],
  output logic signed [23:0] sum_o [8][16],
  output logic [7:0]         code_o [8][16]
);
  logic [7:0][63:0] codes;
  for (genvar pixel = 0; pixel < 8; pixel += 1) begin : gen_codes
    assign codes[pixel] = codes_i[pixel];
  end
  wire [7:0] opcode = operation_i == 3'd0 ? OP_CONV : operation_i == 3'd1 ? OP_DEPTHWISE : operation_i == 3'd4 ? OP_ADD : OP_POOL;
  window_sum #(.Pixels(8), .Inputs(8), .Outputs(16), .Latency(13)) u_sums (
    .clk_i, .opcode_i(opcode), .pool_i(operation_i == 3'd2 ? POOL_MAX : POOL_AVERAGE), .valid_i, .first_i, .second_i,
    .tile_word_i, .active_i, .inside_i, .codes_i(codes), .sum_o, .code_o
  );
endmodule
