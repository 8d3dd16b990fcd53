/// Walks a compute command: one step per cycle names the activation words and the weight line to read.
///
///   for each tile of Outputs channels                          (words of Inputs channels: `word`)
///     for each output row, for each group of Pixels columns    -> a block, one result per pixel and channel
///       for ky, for kx, for word, for pass
///
/// CONV walks all input words, the others only those of the tile; ADD has kx = 0, 1 for its two inputs. A pass reads
/// the columns of some pixels: one pass for stride 1, two for 2, four for 4 (their banks differ), else one per pixel.
///
/// Two things hold a step back: `line_available_i` low (counted as a stall by the executor), and the last step of a
/// block while the requantiser could not take it: blocks are at least `block_beats_i` cycles apart, and the first block
/// of a tile waits for the tile's parameters.
module window_walker
  import sluice_pkg::*;
#(
  parameter int Pixels  = 8,
  parameter int Inputs  = 8,
  parameter int Outputs = 16
) (
  input  logic        clk_i,
  input  logic        clear_i,
  input  logic        start_i,
  input  command_t    command_i,             // stable from start_i until done
  input  logic [12:0] in_words_i,            // ceil(inChannels / Inputs)
  input  logic [12:0] out_words_i,           // ceil(outChannels / Inputs)
  input  logic [12:0] out_groups_i,          // ceil(outWidth / Pixels)
  input  logic [3:0]  passes_i,
  input  logic [3:0]  block_beats_i,
  output logic        busy_o,

  output logic [15:0] line_o,                // weight line of the tile
  input  logic        line_available_i,
  output logic        release_o,             // last step of the tile: release_lines_o lines are no longer needed
  output logic [15:0] release_lines_o,
  input  logic        parameters_ready_i,    // for the next tile
  output logic        starved_o,             // the step waits for weights

  // A step, valid for one cycle
  output logic               step_o,
  output logic               first_o,        // of its block
  output logic               last_o,
  output logic               tile_first_o,   // the block is the first of its tile
  output logic signed [16:0] y_o,
  output logic signed [17:0] x_o,            // input column of pixel 0 of this pass
  output logic [12:0]        word_o,
  output logic               tile_word_o,    // word within the tile
  output logic [3:0]         pass_o,
  output logic               second_o,       // ADD: the second input
  output logic [15:0]        left_o          // output columns from pixel 0 on
);
  localparam int WordsPerTile = Outputs / Inputs;

  logic busy_q;
  logic [12:0] tile_word_q;                  // first output word of the tile
  logic [15:0] oy_q, left_q, line_q;
  logic [12:0] gx_q, word_q;
  logic [7:0] ky_q, kx_q;
  logic [3:0] pass_q, wait_q;
  logic signed [16:0] y_org_q, ky_off_q;
  logic signed [17:0] x_org_q, kx_off_q, pass_off_q;
  logic block_first_q, tile_first_q;

  wire is_conv = command_i.opcode == OP_CONV;
  wire is_add = command_i.opcode == OP_ADD;
  wire weighted = is_conv || command_i.opcode == OP_DEPTHWISE;

  // Limits of the loops
  wire [7:0] ky_last = is_add ? 8'd0 : command_i.kernel_height - 8'd1;
  wire [7:0] kx_last = is_add ? 8'd1 : command_i.kernel_width - 8'd1;
  wire [12:0] word_first = is_conv ? 13'd0 : tile_word_q;
  wire [12:0] tile_end = out_words_i - tile_word_q > 13'(WordsPerTile) ? tile_word_q + 13'(WordsPerTile) : out_words_i;
  wire [12:0] word_end = is_conv ? in_words_i : tile_end;

  wire at_pass = pass_q == passes_i - 4'd1;
  wire at_word = word_q + 13'd1 == word_end;
  wire at_kx = kx_q == kx_last;
  wire at_ky = ky_q == ky_last;
  wire at_gx = gx_q + 13'd1 == out_groups_i;
  wire at_oy = oy_q + 16'd1 == command_i.out_height;
  wire at_tile = tile_end == out_words_i;
  wire block_last = at_pass && at_word && at_kx && at_ky;

  wire weights_ok = !weighted || line_available_i;
  wire block_ok = !block_last || (wait_q == 0 && (!tile_first_q || parameters_ready_i));
  wire go = busy_q && weights_ok && block_ok;

  assign busy_o = busy_q;
  assign starved_o = busy_q && !weights_ok;
  assign line_o = line_q;
  assign step_o = go;
  assign first_o = block_first_q;
  assign last_o = block_last;
  assign tile_first_o = tile_first_q;
  assign y_o = y_org_q + ky_off_q;
  assign x_o = is_add ? x_org_q : x_org_q + kx_off_q + pass_off_q;
  assign word_o = word_q;
  assign tile_word_o = 1'(word_q - tile_word_q);
  assign pass_o = pass_q;
  assign second_o = is_add && kx_q[0];
  assign left_o = left_q;
  assign release_o = go && weighted && block_last && at_gx && at_oy;
  assign release_lines_o = line_q + 16'd1;

  wire signed [17:0] stride_x = is_add ? 18'sd1 : {14'd0, command_i.stride_width};
  wire signed [17:0] pad_left = is_add ? 18'sd0 : {10'd0, command_i.pad_left};
  wire signed [16:0] pad_top = is_add ? 17'sd0 : {9'd0, command_i.pad_top};
  // Passes of several pixels cover one row's worth of columns each; passes of a single pixel step from pixel to pixel.
  wire signed [17:0] pass_step =
      command_i.stride_width == 4'd2 || command_i.stride_width == 4'd4 ? 18'(Pixels) : stride_x;

  always_ff @(posedge clk_i) begin
    if (wait_q != 0) wait_q <= wait_q - 4'd1;
    if (clear_i) begin
      busy_q <= 1'b0;
      wait_q <= '0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      tile_word_q <= '0;
      oy_q <= '0;
      gx_q <= '0;
      ky_q <= '0;
      kx_q <= '0;
      word_q <= '0;
      pass_q <= '0;
      line_q <= '0;
      left_q <= command_i.out_width;
      y_org_q <= -pad_top;
      ky_off_q <= '0;
      x_org_q <= -pad_left;
      kx_off_q <= '0;
      pass_off_q <= '0;
      block_first_q <= 1'b1;
      tile_first_q <= 1'b1;
    end else if (go) begin
      block_first_q <= block_last;
      if (block_last) begin
        tile_first_q <= at_gx && at_oy;
        wait_q <= block_beats_i - 4'd1;
      end
      pass_q <= at_pass ? '0 : pass_q + 4'd1;
      pass_off_q <= at_pass ? '0 : pass_off_q + pass_step;
      if (at_pass) begin
        line_q <= block_last ? '0 : line_q + 16'd1;
        word_q <= at_word ? word_first : word_q + 13'd1;
        if (at_word) begin
          kx_q <= at_kx ? '0 : kx_q + 8'd1;
          kx_off_q <= at_kx ? '0 : kx_off_q + {14'd0, command_i.dilation_width};
          if (at_kx) begin
            ky_q <= at_ky ? '0 : ky_q + 8'd1;
            ky_off_q <= at_ky ? '0 : ky_off_q + {13'd0, command_i.dilation_height};
            if (at_ky) begin
              gx_q <= at_gx ? '0 : gx_q + 13'd1;
              x_org_q <= at_gx ? -pad_left : x_org_q + (stride_x <<< $clog2(Pixels));
              left_q <= at_gx ? command_i.out_width : left_q - 16'(Pixels);
              if (at_gx) begin
                oy_q <= at_oy ? '0 : oy_q + 16'd1;
                y_org_q <= at_oy ? -pad_top : y_org_q + (is_add ? 17'sd1 : {13'd0, command_i.stride_height});
                if (at_oy) begin
                  tile_word_q <= tile_end;
                  if (!is_conv) word_q <= tile_end;
                  if (at_tile) busy_q <= 1'b0;
                end
              end
            end
          end
        end
      end
    end
  end
endmodule
