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
  input  command_t    command_i,             // stable from three cycles before start_i until done
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

  // ---- of the command, settled before it starts
  logic conv_q, add_q, weighted_q;
  logic single_pass_q, single_ky_q, single_kx_q, single_gx_q, single_oy_q, single_in_word_q;
  logic [7:0] kernel_height_q, kernel_width_q;
  logic signed [17:0] pad_left_q, stride_x_q, group_x_q, pass_x_q, dilation_x_q;
  logic signed [16:0] pad_top_q, stride_y_q, dilation_y_q;
  always_ff @(posedge clk_i) begin
    conv_q <= command_i.opcode == OP_CONV;
    add_q <= command_i.opcode == OP_ADD;
    weighted_q <= command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
    // ADD: its two inputs for kx
    kernel_height_q <= add_q ? 8'd1 : command_i.kernel_height;
    kernel_width_q <= add_q ? 8'd2 : command_i.kernel_width;
    single_ky_q <= kernel_height_q == 8'd1;
    single_kx_q <= kernel_width_q == 8'd1;
    single_pass_q <= passes_i == 4'd1;
    single_gx_q <= out_groups_i == 13'd1;
    single_oy_q <= command_i.out_height == 16'd1;
    single_in_word_q <= in_words_i == 13'd1;
    pad_left_q <= add_q ? '0 : {10'd0, command_i.pad_left};
    pad_top_q <= add_q ? '0 : {9'd0, command_i.pad_top};
    stride_x_q <= add_q ? 18'sd1 : {14'd0, command_i.stride_width};
    stride_y_q <= add_q ? 17'sd1 : {13'd0, command_i.stride_height};
    dilation_x_q <= add_q ? '0 : {14'd0, command_i.dilation_width};
    dilation_y_q <= {13'd0, command_i.dilation_height};
    group_x_q <= stride_x_q <<< $clog2(Pixels);
    // Passes of several pixels cover one row's worth of columns each; passes of a single pixel step from pixel to pixel.
    pass_x_q <= stride_x_q == 18'sd2 || stride_x_q == 18'sd4 ? 18'(Pixels) : stride_x_q;
  end

  // ---- counts: what is left of each loop, and whether this is its last turn
  logic busy_q, block_first_q, tile_first_q, wait_done_q;
  logic pass_last_q, word_last_q, kx_last_q, ky_last_q, gx_last_q, oy_last_q, tile_last_q;
  logic [3:0] pass_q, wait_q;
  logic [12:0] word_q, words_q, tile_word_q, gx_q;
  logic [12:0] rest_q;                           // output words behind this tile; meaningless behind the last
  logic [12:0] turn_words_q;                     // words of one tap: all of the input, or those of the tile
  logic single_word_q;
  logic [7:0] ky_q, kx_q;
  logic [15:0] oy_q, left_q, line_q, next_line_q;
  logic second_q;

  wire kx_done = pass_last_q && word_last_q && kx_last_q;
  wire block_last = kx_done && ky_last_q;
  wire row_last = block_last && gx_last_q;
  wire tile_done = row_last && oy_last_q;
  function automatic logic [12:0] tile_words(input logic [12:0] rest);
    tile_words = rest > 13'(WordsPerTile) ? 13'(WordsPerTile) : rest;
  endfunction

  wire weights_ok = !weighted_q || line_available_i;
  wire go = busy_q && weights_ok && (!block_last || (wait_done_q && (!tile_first_q || parameters_ready_i)));

  assign busy_o = busy_q;
  assign starved_o = busy_q && !weights_ok;
  assign line_o = line_q;
  assign step_o = go;
  assign first_o = block_first_q;
  assign last_o = block_last;
  assign tile_first_o = tile_first_q;
  assign word_o = word_q;
  assign tile_word_o = word_q[0] ^ tile_word_q[0];
  assign pass_o = pass_q;
  assign second_o = second_q;
  assign left_o = left_q;
  assign release_o = go && weighted_q && tile_done;
  assign release_lines_o = next_line_q;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      busy_q <= 1'b0;
      wait_q <= '0;
      wait_done_q <= 1'b1;
    end else if (start_i) begin
      busy_q <= 1'b1;
      {block_first_q, tile_first_q} <= '1;
      {wait_q, wait_done_q} <= {4'd0, 1'b1};
      pass_q <= '0;
      pass_last_q <= single_pass_q;
      word_q <= '0;
      tile_word_q <= '0;
      rest_q <= out_words_i - 13'(WordsPerTile);
      tile_last_q <= out_words_i <= 13'(WordsPerTile);
      words_q <= conv_q ? in_words_i : tile_words(out_words_i);
      turn_words_q <= conv_q ? in_words_i : tile_words(out_words_i);
      word_last_q <= conv_q ? single_in_word_q : tile_words(out_words_i) == 13'd1;
      single_word_q <= conv_q ? single_in_word_q : tile_words(out_words_i) == 13'd1;
      kx_q <= kernel_width_q;
      kx_last_q <= single_kx_q;
      second_q <= 1'b0;
      ky_q <= kernel_height_q;
      ky_last_q <= single_ky_q;
      gx_q <= out_groups_i;
      gx_last_q <= single_gx_q;
      left_q <= command_i.out_width;
      oy_q <= command_i.out_height;
      oy_last_q <= single_oy_q;
      line_q <= '0;
      next_line_q <= 16'd1;
    end else begin
      if (go && block_last) begin
        wait_q <= block_beats_i - 4'd1;
        wait_done_q <= block_beats_i == 4'd1;
      end else if (!wait_done_q) begin
        wait_q <= wait_q - 4'd1;
        wait_done_q <= wait_q == 4'd1;
      end
      if (go) begin
        block_first_q <= block_last;
        if (block_last) tile_first_q <= tile_done;
        pass_q <= pass_last_q ? '0 : pass_q + 4'd1;
        pass_last_q <= pass_last_q ? single_pass_q : pass_q + 4'd2 == passes_i;
        if (pass_last_q) begin
          line_q <= block_last ? '0 : next_line_q;
          next_line_q <= block_last ? 16'd1 : next_line_q + 16'd1;
          word_q <= !word_last_q ? word_q + 13'd1 : conv_q ? 13'd0 : tile_word_q;
          words_q <= word_last_q ? turn_words_q : words_q - 13'd1;
          word_last_q <= word_last_q ? single_word_q : words_q == 13'd2;
        end
        if (pass_last_q && word_last_q) begin
          kx_q <= kx_last_q ? kernel_width_q : kx_q - 8'd1;
          kx_last_q <= kx_last_q ? single_kx_q : kx_q == 8'd2;
          second_q <= add_q && !second_q;
        end
        if (kx_done) begin
          ky_q <= ky_last_q ? kernel_height_q : ky_q - 8'd1;
          ky_last_q <= ky_last_q ? single_ky_q : ky_q == 8'd2;
        end
        if (block_last) begin
          gx_q <= gx_last_q ? out_groups_i : gx_q - 13'd1;
          gx_last_q <= gx_last_q ? single_gx_q : gx_q == 13'd2;
          left_q <= gx_last_q ? command_i.out_width : left_q - 16'(Pixels);
        end
        if (row_last) begin
          oy_q <= oy_last_q ? command_i.out_height : oy_q - 16'd1;
          oy_last_q <= oy_last_q ? single_oy_q : oy_q == 16'd2;
        end
        if (tile_done) begin
          rest_q <= rest_q - 13'(WordsPerTile);
          tile_last_q <= rest_q <= 13'(WordsPerTile);
          tile_word_q <= tile_word_q + 13'(WordsPerTile);
          if (!conv_q) begin
            word_q <= tile_word_q + 13'(WordsPerTile);
            words_q <= tile_words(rest_q);
            turn_words_q <= tile_words(rest_q);
            word_last_q <= tile_words(rest_q) == 13'd1;
            single_word_q <= tile_words(rest_q) == 13'd1;
          end
          if (tile_last_q) busy_q <= 1'b0;
        end
      end
    end
  end
  // ---- coordinates: each is the sum of one that came before and a constant
  logic signed [17:0] x_q, tap_x_q, group_org_x_q;   // of the step, of its tap, of its block
  logic signed [16:0] y_q, org_y_q;
  wire tap_done = pass_last_q && word_last_q;
  wire signed [17:0] x_base = row_last ? -pad_left_q : block_last || kx_done ? group_org_x_q : pass_last_q ? tap_x_q : x_q;
  wire signed [17:0] x_move = row_last ? 18'sd0 : block_last ? group_x_q : kx_done ? 18'sd0
      : tap_done ? dilation_x_q : pass_last_q || add_q ? 18'sd0 : pass_x_q;
  wire signed [17:0] x_next = x_base + x_move;
  wire signed [16:0] y_base = tile_done ? -pad_top_q : block_last ? org_y_q : y_q;
  wire signed [16:0] y_move = tile_done ? 17'sd0 : row_last ? stride_y_q : block_last || !kx_done ? 17'sd0 : dilation_y_q;
  wire signed [16:0] y_next = y_base + y_move;
  assign x_o = x_q;
  assign y_o = y_q;
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      x_q <= -pad_left_q;
      tap_x_q <= -pad_left_q;
      group_org_x_q <= -pad_left_q;
      y_q <= -pad_top_q;
      org_y_q <= -pad_top_q;
    end else if (go) begin
      x_q <= x_next;
      if (tap_done) tap_x_q <= x_next;
      if (block_last) group_org_x_q <= x_next;
      y_q <= y_next;
      if (row_last) org_y_q <= y_next;
    end
  end

`ifndef SYNTHESIS
  // What a count will be at its last turn is known a step ahead.
  LastPass_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> pass_last_q == (pass_q + 4'd1 == passes_i));
  LastWord_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> word_last_q == (words_q == 13'd1));
  LastColumn_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> kx_last_q == (kx_q == 8'd1));
  LastKernelRow_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> ky_last_q == (ky_q == 8'd1));
  LastGroup_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> gx_last_q == (gx_q == 13'd1));
  LastRow_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> oy_last_q == (oy_q == 16'd1));
  WaitIsOver_A: assert property (@(posedge clk_i) disable iff (clear_i) busy_q |-> wait_done_q == (wait_q == 0));
`endif
endmodule
