/// What the windows need beside the array, per pixel and channel of the tile: sums of codes (for the weight zero point and
/// average pooling), maxima (max pooling), or the two codes of an addition.
///
/// Same latency as mac_array: the result of the step in cycle t is in `sum_o` in cycle t + 2. In CONV mode channel o < Inputs
/// holds the sum over words of input lane o; the requantiser adds the lanes up.
module window_sum
  import sluice_pkg::*;
#(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16
) (
  input  logic                            clk_i,
  input  logic [7:0]                      opcode_i,
  input  logic                            pool_i,       // POOL_*
  input  logic                            valid_i,
  input  logic                            first_i,
  input  logic                            second_i,
  input  logic                            tile_word_i,
  input  logic [Pixels-1:0]               active_i,
  input  logic [Pixels-1:0]               inside_i,
  input  logic [Pixels-1:0][Inputs*8-1:0] codes_i,
  output logic signed [31:0]              sum_o [Pixels][Outputs]
);
  // One cycle later, in step with the array's second stage.
  logic valid_q, first_q, second_q, tile_word_q;
  logic [Pixels-1:0] active_q, counted_q;
  logic [Pixels-1:0][Inputs*8-1:0] codes_q;
  wire is_max = opcode_i == OP_POOL && pool_i == POOL_MAX;
  wire is_average = opcode_i == OP_POOL && pool_i == POOL_AVERAGE;

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    if (valid_i) begin
      first_q <= first_i;
      second_q <= second_i;
      tile_word_q <= tile_word_i;
      active_q <= active_i;
      // Positions outside the input do not count in an average.
      counted_q <= active_i & (is_average ? inside_i : '1);
      codes_q <= codes_i;
    end
  end

  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar channel = 0; channel < Outputs; channel += 1) begin : gen_channel
      wire signed [7:0] code = codes_q[pixel][(channel % Inputs)*8 +: 8];
      wire mine = opcode_i == OP_CONV ? channel < Inputs : 1'(channel / Inputs) == tile_word_q;
      wire signed [31:0] previous = first_q ? (is_max ? -32'sd128 : 32'sd0) : sum_o[pixel][channel];
      always_ff @(posedge clk_i) begin
        if (valid_q) begin
          if (opcode_i == OP_ADD) begin
            if (mine && second_q) sum_o[pixel][channel][15:8] <= code;
            else if (mine) sum_o[pixel][channel][7:0] <= code;
          end else if (is_max) begin
            sum_o[pixel][channel] <= mine && active_q[pixel] && 32'(code) > previous ? 32'(code) : previous;
          end else begin
            sum_o[pixel][channel] <= previous + (mine && counted_q[pixel] ? 32'(code) : 32'sd0);
          end
        end
      end
    end
  end
endmodule
