/// Decides whether a command may run: defined fields, sensible sizes, tensors inside the activation memory, weight tiles
/// inside the tile buffer. Eight cycles after `start_i`, `done_o` comes with the error code (ERROR_NONE: fine).
///
/// The four tensors a command may touch go through one multiplier pair, one per cycle.
module command_check
  import sluice_pkg::*;
#(
  parameter int Pixels      = 8,
  parameter int Inputs      = 8,
  parameter int Outputs     = 16,
  parameter int Rows        = 24576,
  parameter int WeightLines = 2048,
  parameter int MaxLayers   = 256,
  parameter logic [15:0] Codecs = 16'h0001
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [511:0] words_i,      // stable until done
  input  command_t     command_i,    // the same, unpacked
  input  logic         final_i,      // the last command of the program
  output logic         done_o,
  output logic [7:0]   error_o
);
  localparam int PixelBits = $clog2(Pixels);
  localparam int InputBits = $clog2(Inputs);

  wire is_load = command_i.opcode == OP_LOAD;
  wire is_store = command_i.opcode == OP_STORE;
  wire is_end = command_i.opcode == OP_END;
  wire is_conv = command_i.opcode == OP_CONV;
  wire is_depthwise = command_i.opcode == OP_DEPTHWISE;
  wire is_pool = command_i.opcode == OP_POOL;
  wire is_add = command_i.opcode == OP_ADD;
  wire compute = is_conv || is_depthwise || is_pool || is_add;
  wire windowed = is_conv || is_depthwise || is_pool || (is_load && command_i.taps_enable);
  wire known = compute || is_load || is_store || is_end;

  // ---- fields
  wire [16:0] entries_1 = 17'(command_i.clamp_max) - 17'(command_i.clamp_min);
  wire tables = command_i.table_enable0 || command_i.table_enable1;
  wire zero_input = command_i.in_height == 0 || command_i.in_width == 0 || command_i.in_channels == 0;
  wire zero_output = command_i.out_height == 0 || command_i.out_width == 0 || command_i.out_channels == 0;
  wire zero_window = command_i.kernel_height == 0 || command_i.kernel_width == 0 || command_i.stride_height == 0
      || command_i.stride_width == 0 || command_i.dilation_height == 0 || command_i.dilation_width == 0;
  logic bad_fields;
  always_comb begin
    bad_fields = !known || (words_i & ~used_bits(command_i.opcode)) != 0 || (is_end && !final_i);
    if (!is_end) begin
      bad_fields |= !is_load && zero_input;
      bad_fields |= !is_store && zero_output;
      bad_fields |= windowed && (zero_window || zero_input);
    end
    if (is_load || is_store) begin
      bad_fields |= command_i.region == 2'd3 || command_i.offset[3:0] != 0;
    end
    if (compute) begin
      bad_fields |= 32'(command_i.layer) >= MaxLayers;
      bad_fields |= command_i.rounding_a == 2'd3 || command_i.rounding_b == 2'd3;
      bad_fields |= tables && (!command_i.clamp_enable || entries_1 > 17'd511);
      bad_fields |= command_i.clamp_enable && command_i.clamp_min > command_i.clamp_max;
      bad_fields |= !is_conv && command_i.in_channels != command_i.out_channels;
      bad_fields |= is_add && (command_i.in_height != command_i.out_height || command_i.in_width != command_i.out_width);
      bad_fields |= command_i.parameters_offset[3:0] != 0 || (tables && command_i.tables_offset[3:0] != 0);
      bad_fields |= (is_conv || is_depthwise || is_add) && command_i.weights_offset[3:0] != 0 && !is_add;
    end
  end

  // ---- products
  logic [7:0] stage_q;
  logic [15:0] base1_q, base2_q, base3_q, pitch1_q, pitch2_q, height1_q, width1_q;
  logic [12:0] words1_q, words2_q, words3_q;
  logic [2:0] exists_q;
  logic [31:0] rows2_q, span3_q;
  logic bad_range_q, bad_lines_q;
  logic [23:0] lines_q;
  logic [15:0] taps_q;
  logic [31:0] taps_channels_q, window_width_q, window_bytes_q;

  wire [12:0] in_words = 13'((17'(command_i.in_channels) + 17'(Inputs - 1)) >> InputBits);
  wire [12:0] out_words = 13'((17'(command_i.out_channels) + 17'(Inputs - 1)) >> InputBits);
  wire [12:0] groups1 = 13'((17'(width1_q) + 17'(Pixels - 1)) >> PixelBits);
  wire [12:0] tile_words = out_words > 13'(Outputs / Inputs) ? 13'(Outputs / Inputs) : out_words;
  wire [31:0] tile_lines = 32'(taps_q) * (is_conv ? 32'(in_words) : 32'(tile_words));

  always_ff @(posedge clk_i) begin
    stage_q <= clear_i ? '0 : {stage_q[6:0], start_i};
    // 1: choose a tensor
    exists_q <= {exists_q[1:0], 1'b0};
    pitch1_q <= command_i.in_pitch;
    base1_q <= command_i.in_base;
    height1_q <= command_i.in_height;
    width1_q <= command_i.in_width;
    words1_q <= in_words;
    if (start_i) exists_q[0] <= compute || is_store;
    if (stage_q[0]) begin
      exists_q[0] <= is_add;
      base1_q <= command_i.in1_base;
      pitch1_q <= command_i.in1_pitch;
    end
    if (stage_q[1] || stage_q[2]) begin
      height1_q <= command_i.out_height;
      width1_q <= command_i.out_width;
      words1_q <= out_words;
    end
    if (stage_q[1]) begin
      exists_q[0] <= compute || is_load;
      base1_q <= command_i.out0_base;
      pitch1_q <= command_i.out0_pitch;
    end
    if (stage_q[2]) begin
      exists_q[0] <= compute && command_i.output1_enable;
      base1_q <= command_i.out1_base;
      pitch1_q <= command_i.out1_pitch;
    end
    // 2: groups of pixels; 3: rows they span; 4: compare
    rows2_q <= 32'(height1_q) * 32'(groups1);
    pitch2_q <= pitch1_q;
    base2_q <= base1_q;
    words2_q <= words1_q;
    span3_q <= rows2_q > 32'd65536 ? 32'hffff_0000 : (rows2_q - 32'd1) * 32'(pitch2_q);
    base3_q <= base2_q;
    words3_q <= words2_q;
    if (start_i) bad_range_q <= 1'b0;
    else if (exists_q[2] && 34'(span3_q) + 34'(base3_q) + 34'(words3_q) > 34'(Rows)) bad_range_q <= 1'b1;
    // beside them: lines of a weight tile, window of a packed load
    taps_q <= command_i.kernel_height * command_i.kernel_width;
    lines_q <= tile_lines > 32'hff_ffff ? 24'hff_ffff : 24'(tile_lines);
    bad_lines_q <= (is_conv || is_depthwise) && 32'(lines_q) > WeightLines;
    taps_channels_q <= 32'(taps_q) * 32'(command_i.in_channels);
    window_width_q <= 32'(command_i.kernel_height) * 32'(command_i.in_width);
    window_bytes_q <= window_width_q * 32'(command_i.in_channels);
  end
  wire bad_taps = is_load && command_i.taps_enable && (command_i.dilation_height != 4'd1 || command_i.dilation_width != 4'd1
      || taps_channels_q != 32'(command_i.out_channels) || window_width_q > TAP_SOURCE_BYTES || window_bytes_q > TAP_SOURCE_BYTES);

  assign done_o = stage_q[7];
  assign error_o = bad_fields || bad_taps ? ERROR_BAD_COMMAND
      : bad_range_q ? ERROR_ACTIVATION_RANGE
      : bad_lines_q ? ERROR_WEIGHT_RANGE
      : (is_conv || is_depthwise) && !Codecs[command_i.codec] ? ERROR_UNSUPPORTED_CODEC : ERROR_NONE;
endmodule
