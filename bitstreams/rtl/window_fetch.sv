/// From a walker's step to the operands of the array: activation rows to read, then Pixels x Inputs codes with the
/// positions outside the input replaced.
///
/// Address of pixel (y, x), word w: base + (y * groups + floor(x / Pixels)) * pitch + w, in bank x mod Pixels. The
/// columns of a pass lie within Pixels neighbours, so a bank needs the row of the first column's group or the next one.
/// A step asked for in cycle t is in the operand registers in cycle t + 8.
module window_fetch
  import sluice_pkg::*;
#(
  parameter int Pixels = 8,
  parameter int Inputs = 8
) (
  input  logic        clk_i,
  input  logic        clear_i,
  input  command_t    command_i,
  input  logic [12:0] in_groups_i,
  input  logic [12:0] in_words_i,
  input  logic [3:0]  passes_i,

  input  logic               step_i,
  input  logic               first_i,
  input  logic               last_i,
  input  logic               tile_first_i,
  input  logic signed [16:0] y_i,
  input  logic signed [17:0] x_i,
  input  logic [12:0]        word_i,
  input  logic               tile_word_i,
  input  logic [3:0]         pass_i,
  input  logic               second_i,
  input  logic [15:0]        left_i,

  output logic [Pixels-1:0][15:0]         row_o,
  input  logic [Pixels-1:0][Inputs*8-1:0] data_i,   // of the rows asked for two cycles ago

  output logic                            valid_o,
  output logic                            first_o,
  output logic                            last_o,
  output logic                            tile_first_o,
  output logic                            tile_word_o,
  output logic                            second_o,
  output logic [3:0]                      columns_o, // output pixels of the block inside the width, 1..Pixels
  output logic [Pixels-1:0]               active_o,  // pixels this pass reads
  output logic [Pixels-1:0]               inside_o,  // ... and whose position lies inside the input
  output logic [Pixels-1:0][Inputs*8-1:0] codes_o    // 0 for pixels that are not active
);
  localparam int PixelBits = $clog2(Pixels);

  typedef struct packed {
    logic valid;
    logic first;
    logic last;
    logic tile_first;
    logic tile_word;
    logic second;
    logic row_inside;
    logic word_last;
    logic [3:0] columns;
    logic [Pixels-1:0] active;
    logic [Pixels-1:0] in_range;
    logic [PixelBits-1:0] x_low;
  } meta_t;

  meta_t [8:1] meta_q;
  meta_t meta;
  logic signed [16:0] y1_q;
  logic signed [17:0] x1_q;
  logic signed [17:0] group1_q, group2_q;
  logic signed [31:0] row2_q, row3_q;
  logic [15:0] row0_4q, row1_4q;
  logic [12:0] word1_q, word2_q, word3_q;
  logic [3:0] pass1_q;
  wire [3:0] stride = command_i.opcode == OP_ADD ? 4'd1 : command_i.stride_width;
  wire [15:0] base = meta_q[3].second ? command_i.in1_base : command_i.in_base;
  wire [15:0] pitch = meta_q[2].second ? command_i.in1_pitch : command_i.in_pitch;
  wire [15:0] pitch_next = meta_q[3].second ? command_i.in1_pitch : command_i.in_pitch;

  always_comb begin
    meta = '0;
    meta.valid = step_i;
    meta.first = first_i;
    meta.last = last_i;
    meta.tile_first = tile_first_i;
    meta.tile_word = tile_word_i;
    meta.second = second_i;
    meta.row_inside = y_i >= 0 && y_i < $signed({1'b0, command_i.in_height});
    meta.word_last = word_i + 13'd1 == in_words_i;
    meta.columns = left_i > 16'(Pixels) ? 4'(Pixels) : left_i[3:0];
    meta.x_low = x_i[PixelBits-1:0];
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      case (passes_i)
        4'd1: meta.active[pixel] = 1'b1;
        4'd2: meta.active[pixel] = pixel / (Pixels / 2) == 32'(pass_i);
        4'd4: meta.active[pixel] = pixel / (Pixels / 4) == 32'(pass_i);
        default: meta.active[pixel] = pixel == 32'(pass_i);
      endcase
    end
  end

  // Column of a pixel relative to the first of its pass.
  function automatic logic [PixelBits+3:0] offset_of(input int pixel, input logic [3:0] passes, input logic [3:0] step);
    case (passes)
      4'd1: offset_of = (PixelBits+4)'(pixel);
      4'd2: offset_of = (PixelBits+4)'((pixel % (Pixels / 2)) * 2);
      4'd4: offset_of = (PixelBits+4)'((pixel % (Pixels / 4)) * 4);
      default: offset_of = '0;
    endcase
    if (step == 0) offset_of = '0;
  endfunction

  always_ff @(posedge clk_i) begin
    // 1: coordinates
    meta_q[1] <= meta;
    y1_q <= y_i;
    x1_q <= x_i;
    group1_q <= x_i >>> PixelBits;
    word1_q <= word_i;
    pass1_q <= pass_i;
    // 2: group index; which positions are inside
    meta_q[2] <= meta_q[1];
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      meta_q[2].in_range[pixel] <= meta_q[1].row_inside && meta_q[1].active[pixel]
          && x1_q + $signed(18'(offset_of(pixel, passes_i, stride))) >= 0
          && x1_q + $signed(18'(offset_of(pixel, passes_i, stride))) < $signed({2'b00, command_i.in_width});
    end
    row2_q <= 32'(y1_q) * $signed({19'd0, in_groups_i}) + 32'(group1_q);
    word2_q <= word1_q;
    // 3: times the pitch
    meta_q[3] <= meta_q[2];
    row3_q <= row2_q * $signed({16'd0, pitch});
    word3_q <= word2_q;
    // 4: rows of this group and the next
    meta_q[4] <= meta_q[3];
    row0_4q <= 16'(row3_q) + base + 16'(word3_q);
    row1_4q <= 16'(row3_q) + base + 16'(word3_q) + pitch_next;
    // 5: rows of the banks
    meta_q[5] <= meta_q[4];
    for (int bank = 0; bank < Pixels; bank += 1) begin
      row_o[bank] <= bank < 32'(meta_q[4].x_low) ? row1_4q : row0_4q;
    end
    // 6, 7: the memory reads; 8: operands
    meta_q[6] <= meta_q[5];
    meta_q[7] <= meta_q[6];
    meta_q[8] <= meta_q[7];
    if (meta_q[7].valid) begin
      for (int pixel = 0; pixel < Pixels; pixel += 1) begin
        logic [PixelBits-1:0] bank;
        bank = meta_q[7].x_low + PixelBits'(offset_of(pixel, passes_i, stride));
        for (int lane = 0; lane < Inputs; lane += 1) begin
          // Channels beyond the last read as 0 wherever they come from: their sum would count.
          codes_o[pixel][lane*8 +: 8] <=
              !meta_q[7].active[pixel] || lane >= 32'(lanes_used(meta_q[7].word_last)) ? 8'd0
              : meta_q[7].in_range[pixel] ? data_i[bank][lane*8 +: 8] : command_i.pad_value;
        end
      end
    end
    if (clear_i) for (int stage = 1; stage <= 8; stage += 1) meta_q[stage].valid <= 1'b0;
  end

  // Input channels of a word that exist.
  function automatic logic [7:0] lanes_used(input logic is_last);
    logic [15:0] rest;
    rest = command_i.in_channels & 16'(Inputs - 1);
    lanes_used = is_last && rest != 0 ? rest[7:0] : 8'(Inputs);
  endfunction

  assign valid_o = meta_q[8].valid;
  assign first_o = meta_q[8].first;
  assign last_o = meta_q[8].last;
  assign tile_first_o = meta_q[8].tile_first;
  assign tile_word_o = meta_q[8].tile_word;
  assign second_o = meta_q[8].second;
  assign columns_o = meta_q[8].columns;
  assign active_o = meta_q[8].active;
  assign inside_o = meta_q[8].in_range;
endmodule
