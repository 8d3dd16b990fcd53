/// From a walker's step to the operands of the array: activation rows to read, then Pixels x Inputs codes with the
/// positions outside the input replaced.
///
/// Address of pixel (y, x), word w: base + (y * groups + floor(x / Pixels)) * pitch + w, in bank x mod Pixels. The
/// columns of a pass lie within Pixels neighbours, so a bank needs the row of the first column's group or the next one.
/// A step asked for in cycle t is in the operand registers in cycle t + 9.
///
/// STORE reads through the same registers: while `store_active_i`, every bank reads `store_row_i`.
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

  input  logic        store_active_i,
  input  logic [15:0] store_row_i,

  output logic [Pixels-1:0][15:0]         row_o,       // two cycles after store_row_i
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
  localparam int Stages = 9;

  typedef struct packed {
    logic valid;
    logic first;
    logic last;
    logic tile_first;
    logic tile_word;
    logic second;
    logic word_last;
    logic [3:0] columns;
    logic [Pixels-1:0] active;
    logic [Pixels-1:0] in_range;
    logic [PixelBits-1:0] x_low;
  } meta_t;

  meta_t [Stages:1] meta_q;
  meta_t meta;
  logic row_inside_q;
  logic [PixelBits:0] before_q, inside_q;       // columns from the first to the image, and to its end; at most Pixels
  logic [15:0] y1_q, group1_q, row2_q, row3_q;
  logic [15:0] word2_q, word3_q, next_word3_q;  // with the tensor's base, and with its pitch
  logic [12:0] word1_q, last_word_q;
  logic [15:0] row0_4q, row1_4q, base_q, base1_q, pitch_q, pitch1_q;
  logic [Inputs-1:0] beyond_q;                   // channels of the last word that do not exist
  logic [Pixels-1:0][PixelBits-1:0] bank7_q;
  logic [Pixels-1:0][Inputs*8-1:0] low8_q, high8_q;
  logic [Pixels-1:0] high_8q;
  logic [Inputs-1:0] beyond8_q;

  wire signed [17:0] columns_left = $signed({2'b00, command_i.in_width}) - x_i;
  wire signed [17:0] columns_before = -x_i;
  always_comb begin
    meta = '0;
    meta.valid = step_i;
    meta.first = first_i;
    meta.last = last_i;
    meta.tile_first = tile_first_i;
    meta.tile_word = tile_word_i;
    meta.second = second_i;
    meta.word_last = word_i == last_word_q;
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
  function automatic logic [PixelBits:0] offset_of(input int pixel, input logic [3:0] passes);
    case (passes)
      4'd1: offset_of = (PixelBits+1)'(pixel);
      4'd2: offset_of = (PixelBits+1)'((pixel % (Pixels / 2)) * 2);
      4'd4: offset_of = (PixelBits+1)'((pixel % (Pixels / 4)) * 4);
      default: offset_of = '0;
    endcase
  endfunction
  function automatic logic [PixelBits:0] at_most_pixels(input logic signed [17:0] columns);
    at_most_pixels = columns[17] ? '0 : columns[16:PixelBits] != 0 ? (PixelBits+1)'(Pixels) : {1'b0, columns[PixelBits-1:0]};
  endfunction

  always_ff @(posedge clk_i) begin
    // Of the command
    last_word_q <= in_words_i - 13'd1;
    {base_q, base1_q} <= {command_i.in_base, command_i.in1_base};
    {pitch_q, pitch1_q} <= {command_i.in_pitch, command_i.in1_pitch};
    for (int lane = 0; lane < Inputs; lane += 1) begin
      beyond_q[lane] <= (command_i.in_channels & 16'(Inputs - 1)) != 0 && 16'(lane) >= (command_i.in_channels & 16'(Inputs - 1));
    end
    // 1: coordinates
    meta_q[1] <= meta;
    row_inside_q <= !y_i[16] && y_i[15:0] < command_i.in_height;
    before_q <= at_most_pixels(columns_before);
    inside_q <= at_most_pixels(columns_left);
    // The words of a row are counted modulo 2^16: those inside the input lie in the memory.
    y1_q <= y_i[15:0];
    group1_q <= 16'(x_i >>> PixelBits);
    word1_q <= word_i;
    // 2: group index; which positions are inside
    meta_q[2] <= meta_q[1];
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      meta_q[2].in_range[pixel] <= row_inside_q && meta_q[1].active[pixel]
          && offset_of(pixel, passes_i) >= before_q && offset_of(pixel, passes_i) < inside_q;
    end
    row2_q <= y1_q * 16'(in_groups_i) + group1_q;
    word2_q <= (meta_q[1].second ? base1_q : base_q) + 16'(word1_q);
    // 3: times the pitch
    meta_q[3] <= meta_q[2];
    row3_q <= row2_q * (meta_q[2].second ? pitch1_q : pitch_q);
    word3_q <= word2_q;
    next_word3_q <= word2_q + (meta_q[2].second ? pitch1_q : pitch_q);
    // 4: rows of this group and the next
    meta_q[4] <= meta_q[3];
    row0_4q <= store_active_i ? store_row_i : row3_q + word3_q;
    row1_4q <= store_active_i ? store_row_i : row3_q + next_word3_q;
    // 5: rows of the banks
    meta_q[5] <= meta_q[4];
    for (int bank = 0; bank < Pixels; bank += 1) begin
      row_o[bank] <= bank < 32'(meta_q[4].x_low) ? row1_4q : row0_4q;
    end
    // 6, 7: the memory reads
    meta_q[6] <= meta_q[5];
    meta_q[7] <= meta_q[6];
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      bank7_q[pixel] <= meta_q[6].x_low + PixelBits'(offset_of(pixel, passes_i));
    end
    // 8: the pixel's bank, one of the lower half and one of the upper
    meta_q[8] <= meta_q[7];
    if (meta_q[7].valid) begin
      for (int pixel = 0; pixel < Pixels; pixel += 1) begin
        low8_q[pixel] <= data_i[{1'b0, bank7_q[pixel][PixelBits-2:0]}];
        high8_q[pixel] <= data_i[{1'b1, bank7_q[pixel][PixelBits-2:0]}];
        high_8q[pixel] <= bank7_q[pixel][PixelBits-1];
      end
      // Channels beyond the last read as 0 wherever they come from: their sum would count.
      beyond8_q <= meta_q[7].word_last ? beyond_q : '0;
    end
    // 9: operands
    meta_q[9] <= meta_q[8];
    if (meta_q[8].valid) begin
      for (int pixel = 0; pixel < Pixels; pixel += 1) begin
        for (int lane = 0; lane < Inputs; lane += 1) begin
          codes_o[pixel][lane*8 +: 8] <= !meta_q[8].active[pixel] || beyond8_q[lane] ? 8'd0
              : !meta_q[8].in_range[pixel] ? command_i.pad_value
              : high_8q[pixel] ? high8_q[pixel][lane*8 +: 8] : low8_q[pixel][lane*8 +: 8];
        end
      end
    end
    if (clear_i) for (int stage = 1; stage <= Stages; stage += 1) meta_q[stage].valid <= 1'b0;
  end

  assign valid_o = meta_q[Stages].valid;
  assign first_o = meta_q[Stages].first;
  assign last_o = meta_q[Stages].last;
  assign tile_first_o = meta_q[Stages].tile_first;
  assign tile_word_o = meta_q[Stages].tile_word;
  assign second_o = meta_q[Stages].second;
  assign columns_o = meta_q[Stages].columns;
  assign active_o = meta_q[Stages].active;
  assign inside_o = meta_q[Stages].in_range;
endmodule
