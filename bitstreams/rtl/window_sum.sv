/// What the windows need beside the array, per pixel and channel of the tile: sums of codes (for the weight zero point and
/// average pooling), maxima (max pooling), or the two codes of an addition (the first in the sum, the second beside it).
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
  parameter int Latency = 13         // more than 2
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
  output logic [7:0]                      code_o [Pixels][Outputs]  // max pooling: the maximum; ADD: the second code
);
  localparam int WordsPerTile = Outputs / Inputs;
  logic is_conv_q, is_add_q, is_max_q, is_average_q;  // constant while steps are on their way
  always_ff @(posedge clk_i) begin
    is_conv_q <= opcode_i == OP_CONV;
    is_add_q <= opcode_i == OP_ADD;
    is_max_q <= opcode_i == OP_POOL && pool_i == POOL_MAX;
    is_average_q <= opcode_i == OP_POOL && pool_i == POOL_AVERAGE;
  end

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

  // ---- what a step adds: its own code to each channel of the word, or the sum over all channels to every channel
  logic [WordsPerTile-1:0] add, second;  // by word of a tile: adds to the sums, replaces the second codes
  wire keep = !step.first && !is_add_q;
  logic [Pixels-1:0][WordsPerTile-1:0] counted;
  logic signed [Pixels-1:0][10:0] total;
  always_comb begin
    for (int word = 0; word < WordsPerTile; word += 1) begin
      add[word] = step.valid && (!is_add_q || (!step.second && step.tile_word == 1'(word)));
      second[word] = step.valid && is_add_q && step.second && step.tile_word == 1'(word);
      // Positions outside the input do not count in an average.
      for (int pixel = 0; pixel < Pixels; pixel += 1) begin
        counted[pixel][word] = step.tile_word == 1'(word) && step.active[pixel] && (step.in_range[pixel] || !is_average_q);
      end
    end
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      total[pixel] = '0;
      for (int lane = 0; lane < Inputs; lane += 1) total[pixel] += 11'($signed(step.codes[pixel][lane*8 +: 8]));
    end
  end

  // ---- sums
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar pair = 0; pair < Outputs / 2; pair += 1) begin : gen_pair
      localparam int Word = 2 * pair / Inputs;
      localparam int Lane = 2 * pair % Inputs;
      dsp_pair_sum u_sum (
        .clk_i, .add_i(add[Word]), .keep_i(keep), .own_i(!is_conv_q && counted[pixel][Word]), .shared_i(is_conv_q),
        .code_a_i(step.codes[pixel][Lane*8 +: 8]), .code_b_i(step.codes[pixel][(Lane+1)*8 +: 8]),
        .value_i(total[pixel]), .sum_a_o(sum_o[pixel][2*pair]), .sum_b_o(sum_o[pixel][2*pair+1])
      );
    end
  end

  // ---- maxima and second codes
  logic [Pixels-1:0][Inputs*8-1:0] codes_q;
  logic [Pixels-1:0][WordsPerTile-1:0] floor_q, take_q, compare_q;  // becomes the smallest code, the step's, the larger
  logic [7:0] code_q [Pixels][Outputs];
  always_ff @(posedge clk_i) begin
    codes_q <= step.codes;
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      for (int word = 0; word < WordsPerTile; word += 1) begin
        floor_q[pixel][word] <= step.valid && is_max_q && step.first && !counted[pixel][word];
        take_q[pixel][word] <= second[word] || (step.valid && is_max_q && step.first);
        compare_q[pixel][word] <= step.valid && is_max_q && counted[pixel][word];
      end
    end
  end
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_code
    for (genvar channel = 0; channel < Outputs; channel += 1) begin : gen_channel
      localparam int Word = channel / Inputs;
      wire [7:0] code = codes_q[pixel][(channel % Inputs)*8 +: 8];
      wire greater = $signed(code) > $signed(code_q[pixel][channel]);
      always_ff @(posedge clk_i) begin
        if (floor_q[pixel][Word]) code_q[pixel][channel] <= 8'h80;
        else if (take_q[pixel][Word] || (compare_q[pixel][Word] && greater)) code_q[pixel][channel] <= code;
      end
    end
  end
  assign code_o = code_q;
endmodule
