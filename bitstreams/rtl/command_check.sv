/// Decides whether a command may run: defined fields, sensible sizes, tensors inside the activation memory, weight tiles
/// inside the tile buffer. Nine cycles after `start_i`, `done_o` comes with the error code (ERROR_NONE: fine).
///
/// The four tensors a command may touch go through one multiplier pair, one per cycle. The tests of the fields are spread
/// over registers that have settled by then.
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
  input  logic [511:0] words_i,      // stable from three cycles before start until done
  input  command_t     command_i,    // the same, unpacked
  input  logic         final_i,      // the last command of the program
  output logic         done_o,
  output logic [7:0]   error_o
);
  localparam int PixelBits = $clog2(Pixels);
  localparam int InputBits = $clog2(Inputs);
  localparam int WordBits = 17 - InputBits;
  localparam int GroupBits = 17 - PixelBits;

  // ---- fields: kinds and single tests, then groups of them
  logic is_load, is_store, is_end, is_conv, is_depthwise, is_pool, is_add;
  logic compute, windowed, packs, known, weighted, tables;
  logic zero_input, zero_output, zero_window, zero_in_size, zero_out_size, differ_channels, differ_size, min_above_max;
  logic bad_region, bad_offset, bad_layer, bad_rounding, bad_parameters, bad_tables, bad_weights, no_codec, dilated;
  logic [16:0] entries_1;                    // entries of a table less one
  logic [15:0] undefined_word;               // a bit is set that the opcode does not define
  logic undefined;
  logic [3:0] bad_group;
  logic bad_fields, bad_codec;
  always_ff @(posedge clk_i) begin
    is_load <= command_i.opcode == OP_LOAD;
    is_store <= command_i.opcode == OP_STORE;
    is_end <= command_i.opcode == OP_END;
    is_conv <= command_i.opcode == OP_CONV;
    is_depthwise <= command_i.opcode == OP_DEPTHWISE;
    is_pool <= command_i.opcode == OP_POOL;
    is_add <= command_i.opcode == OP_ADD;
    packs <= command_i.opcode == OP_LOAD && command_i.taps_enable;
    tables <= command_i.table_enable0 || command_i.table_enable1;
    for (int word = 0; word < 16; word += 1) begin
      undefined_word[word] <= (words_i[32*word +: 32] & ~32'(used_bits(command_i.opcode) >> (32 * word))) != 0;
    end
    zero_in_size <= command_i.in_height == 0 || command_i.in_width == 0;
    zero_out_size <= command_i.out_height == 0 || command_i.out_width == 0;
    zero_input <= zero_in_size || command_i.in_channels == 0;
    zero_output <= zero_out_size || command_i.out_channels == 0;
    zero_window <= command_i.kernel_height == 0 || command_i.kernel_width == 0 || command_i.stride_height == 0
        || command_i.stride_width == 0 || command_i.dilation_height == 0 || command_i.dilation_width == 0;
    differ_channels <= command_i.in_channels != command_i.out_channels;
    differ_size <= command_i.in_height != command_i.out_height || command_i.in_width != command_i.out_width;
    entries_1 <= 17'(command_i.clamp_max) - 17'(command_i.clamp_min);
    min_above_max <= command_i.clamp_min > command_i.clamp_max;
    bad_region <= command_i.region == 2'd3;
    bad_offset <= command_i.offset[3:0] != 0;
    bad_layer <= 32'(command_i.layer) >= MaxLayers;
    bad_rounding <= command_i.rounding_a == 2'd3 || command_i.rounding_b == 2'd3;
    bad_parameters <= command_i.parameters_offset[3:0] != 0;
    bad_tables <= command_i.tables_offset[3:0] != 0;
    bad_weights <= command_i.weights_offset[3:0] != 0;
    no_codec <= !Codecs[command_i.codec];
    dilated <= command_i.dilation_height != 4'd1 || command_i.dilation_width != 4'd1;

    compute <= is_conv || is_depthwise || is_pool || is_add;
    windowed <= is_conv || is_depthwise || is_pool || packs;
    known <= is_conv || is_depthwise || is_pool || is_add || is_load || is_store || is_end;
    weighted <= is_conv || is_depthwise;
    undefined <= undefined_word != 0;
    bad_group[0] <= !known || undefined || (is_end && !final_i);
    bad_group[1] <= !is_end && ((!is_load && zero_input) || (!is_store && zero_output)
        || (windowed && (zero_window || zero_input)));
    bad_group[2] <= ((is_load || is_store) && (bad_region || bad_offset))
        || (compute && (bad_layer || bad_rounding || bad_parameters || (tables && bad_tables)))
        || (weighted && bad_weights);
    bad_group[3] <= compute && ((tables && (!command_i.clamp_enable || entries_1 > 17'd511))
        || (command_i.clamp_enable && min_above_max) || (!is_conv && differ_channels) || (is_add && differ_size));
    bad_fields <= bad_group != 0 || bad_taps;
    bad_codec <= weighted && no_codec;
  end

  // ---- products
  logic [7:0] stage_q;
  logic [15:0] base1_q, base2_q, base3_q, pitch1_q, pitch2_q, height1_q, width1_q;
  logic [WordBits-1:0] words1_q, words2_q, words3_q;
  logic [2:0] exists_q;
  logic [31:0] rows2_q, span3_q;
  logic bad_range_q, bad_lines_q, exists4_q;
  logic [33:0] end4_q;
  logic [23:0] lines_q;
  logic [15:0] taps_q;
  logic [31:0] taps_channels_q, window_width_q, window_bytes_q;

  wire [WordBits-1:0] in_words = WordBits'((17'(command_i.in_channels) + 17'(Inputs - 1)) >> InputBits);
  wire [WordBits-1:0] out_words = WordBits'((17'(command_i.out_channels) + 17'(Inputs - 1)) >> InputBits);
  wire [GroupBits-1:0] groups1 = GroupBits'((17'(width1_q) + 17'(Pixels - 1)) >> PixelBits);
  wire [WordBits-1:0] tile_words = out_words > WordBits'(Outputs / Inputs) ? WordBits'(Outputs / Inputs) : out_words;
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
    // 2: groups of pixels; 3: rows they span; 4: where they end; 5: compare
    rows2_q <= 32'(height1_q) * 32'(groups1);
    pitch2_q <= pitch1_q;
    base2_q <= base1_q;
    words2_q <= words1_q;
    span3_q <= rows2_q > 32'd65536 ? 32'hffff_0000 : (rows2_q - 32'd1) * 32'(pitch2_q);
    base3_q <= base2_q;
    words3_q <= words2_q;
    exists4_q <= exists_q[2];
    end4_q <= 34'(span3_q) + 34'(base3_q) + 34'(words3_q);
    if (start_i) bad_range_q <= 1'b0;
    else if (exists4_q && end4_q > 34'(Rows)) bad_range_q <= 1'b1;
    // beside them: lines of a weight tile, window of a packed load
    taps_q <= command_i.kernel_height * command_i.kernel_width;
    lines_q <= tile_lines > 32'hff_ffff ? 24'hff_ffff : 24'(tile_lines);
    bad_lines_q <= weighted && 32'(lines_q) > WeightLines;
    taps_channels_q <= 32'(taps_q) * 32'(command_i.in_channels);
    window_width_q <= 32'(command_i.kernel_height) * 32'(command_i.in_width);
    window_bytes_q <= window_width_q * 32'(command_i.in_channels);
  end
  logic bad_taps, many_taps, wide_taps;
  always_ff @(posedge clk_i) begin
    many_taps <= taps_channels_q != 32'(command_i.out_channels);
    wide_taps <= window_width_q > TAP_SOURCE_BYTES || window_bytes_q > TAP_SOURCE_BYTES;
    bad_taps <= packs && (dilated || many_taps || wide_taps);
    done_o <= stage_q[7] && !clear_i;
    error_o <= bad_fields ? ERROR_BAD_COMMAND
        : bad_range_q ? ERROR_ACTIVATION_RANGE
        : bad_lines_q ? ERROR_WEIGHT_RANGE
        : bad_codec ? ERROR_UNSUPPORTED_CODEC : ERROR_NONE;
  end
endmodule
