/// What the windows need beside the array, per pixel and channel of the tile: sums of codes (for the weight zero point and
/// average pooling), maxima (max pooling), or the two codes of an addition.
///
/// Same latency as mac_array: the result of the step in cycle t is in `sum_o` in cycle t + Latency. In CONV mode every channel
/// holds the sum over the whole window of its pixel. 24 bits hold 255 x 255 codes, the largest window of a pool or of a
/// depthwise layer, and any window of a convolution whose weights fit into the tile buffer.
module window_sum
  import sluice_pkg::*;
#(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16,
  parameter int Latency = 12         // more than 2
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
  output logic signed [23:0]              sum_o [Pixels][Outputs],
  output logic [7:0]                      second_o [Pixels][Outputs] // ADD: the second code; the first is in sum_o[7:0]
);
  localparam int WordsPerTile = Outputs / Inputs;
  wire is_conv = opcode_i == OP_CONV;
  wire is_add = opcode_i == OP_ADD;
  wire is_max = opcode_i == OP_POOL && pool_i == POOL_MAX;
  wire is_average = opcode_i == OP_POOL && pool_i == POOL_AVERAGE;

  // ---- the step, as late as the array needs
  typedef struct packed {
    logic valid;
    logic first;
    logic second;
    logic tile_word;
    logic [Pixels-1:0] active;
    logic [Pixels-1:0] in_range;
    logic [Pixels-1:0][Inputs*8-1:0] codes;
  } step_t;
  step_t [Latency-2:1] steps_q;
  step_t step;
  assign step = steps_q[Latency-2];
  always_ff @(posedge clk_i) begin
    steps_q[1] <= '{valid: valid_i, first: first_i, second: second_i, tile_word: tile_word_i, active: active_i,
                    in_range: inside_i, codes: codes_i};
    for (int stage = 2; stage <= Latency - 2; stage += 1) steps_q[stage] <= steps_q[stage-1];
  end

  // ---- 1: what a step adds to each channel
  logic valid_q, first_q, keep_q, conv_q, max_q;
  logic [WordsPerTile-1:0] load_q, second_q;  // of the words of a tile: write the value, the second code
  logic signed [Pixels-1:0][Outputs-1:0][10:0] value_q;
  always_ff @(posedge clk_i) begin
    valid_q <= step.valid;
    first_q <= step.first;
    conv_q <= is_conv;
    max_q <= is_max;
    keep_q <= !step.first && !is_max && !is_add;
    for (int word = 0; word < WordsPerTile; word += 1) begin
      load_q[word] <= step.valid && (!is_add || (!step.second && step.tile_word == 1'(word)));
      second_q[word] <= step.valid && is_add && step.second && step.tile_word == 1'(word);
    end
  end
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_value
    logic signed [10:0] total;
    always_comb begin
      total = '0;
      for (int lane = 0; lane < Inputs; lane += 1) total += 11'($signed(step.codes[pixel][lane*8 +: 8]));
    end
    for (genvar channel = 0; channel < Outputs; channel += 1) begin : gen_channel
      wire mine = step.tile_word == 1'(channel / Inputs);
      // Positions outside the input do not count in an average.
      wire counted = mine && step.active[pixel] && (step.in_range[pixel] || !is_average);
      always_ff @(posedge clk_i) begin
        if (is_conv) value_q[pixel][channel] <= total;
        else if (counted) value_q[pixel][channel] <= 11'($signed(step.codes[pixel][(channel % Inputs)*8 +: 8]));
        else value_q[pixel][channel] <= is_max ? -11'sd128 : 11'sd0;
      end
    end
  end

  // ---- 2: the sums
  logic signed [23:0] sum_q [Pixels][Outputs];
  logic [7:0] code_q [Pixels][Outputs];
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar channel = 0; channel < Outputs; channel += 1) begin : gen_channel
      wire signed [10:0] value = value_q[pixel][channel];
      wire greater = first_q || $signed(value[7:0]) > $signed(sum_q[pixel][channel][7:0]);
      always_ff @(posedge clk_i) begin
        if (load_q[channel / Inputs] && (!max_q || greater)) begin
          sum_q[pixel][channel] <= 24'(value) + (keep_q ? sum_q[pixel][channel] : 24'sd0);
        end
        if (second_q[channel / Inputs]) code_q[pixel][channel] <= value[7:0];
      end
    end
  end
  assign sum_o = sum_q;
  assign second_o = code_q;
endmodule
