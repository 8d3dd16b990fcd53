/// Packs rows of weights (one per kernel tap and input channel) into lines of the tile buffer.
///
/// CONV: Inputs rows make a line, the last of a tap padded with zeros. DEPTHWISE: the row of a tap becomes one line per
/// channel word of the tile, with the weights on the diagonal: output o of word w multiplies input lane o.
module weight_lines
  import sluice_pkg::*;
#(
  parameter int Inputs  = 8,
  parameter int Outputs = 16
) (
  input  logic                                clk_i,
  input  logic                                clear_i,
  input  logic                                start_i,     // takes the dimensions of command_i
  input  command_t                            command_i,
  output logic                                busy_o,

  output logic [4:0]                          width_o,     // weights of the next row
  output logic                                last_row_o,  // of the layer
  output logic                                ready_o,
  input  logic                                valid_i,
  input  logic [Outputs*8-1:0]                row_i,

  input  logic                                line_free_i,
  output logic                                line_write_o,
  output logic [Inputs-1:0][Outputs-1:0][7:0] line_o
);
  localparam int WordsPerTile = Outputs / Inputs;
  logic busy_q, depthwise_q, word_q;
  logic [15:0] left_q, inputs_q, input_q;      // channels left including this tile
  logic [15:0] taps_q, tap_q;
  logic [Inputs-1:0][Outputs-1:0][7:0] partial_q;
  logic [Outputs-1:0][7:0] row;

  wire [4:0] width = left_q > 16'(Outputs) ? 5'(Outputs) : left_q[4:0];
  wire two_words = WordsPerTile > 1 && width > 5'(Inputs);
  wire at_input = input_q + 16'd1 == inputs_q;
  wire at_tap = tap_q + 16'd1 == taps_q;
  wire at_tile = left_q <= 16'(Outputs);
  wire [$clog2(Inputs)-1:0] slot = input_q[$clog2(Inputs)-1:0];
  wire line_end = depthwise_q || at_input || slot == $clog2(Inputs)'(Inputs - 1);
  wire step = busy_q && valid_i && (line_free_i || !line_end);   // a row or a depthwise word is dealt with
  wire row_done = !depthwise_q || word_q == two_words;

  assign busy_o = busy_q;
  assign width_o = width;
  assign last_row_o = at_input && at_tap && at_tile;
  assign ready_o = busy_q && (line_free_i || !line_end) && row_done;
  assign line_write_o = step && line_end;

  always_comb begin
    for (int channel = 0; channel < Outputs; channel += 1) begin
      row[channel] = channel < 32'(width) ? row_i[channel*8 +: 8] : 8'd0;
    end
    line_o = partial_q;
    if (depthwise_q) begin
      line_o = '0;
      for (int channel = 0; channel < Outputs; channel += 1) begin
        if (1'(channel / Inputs) == word_q) line_o[channel % Inputs][channel] = row[channel];
      end
    end else line_o[slot] = row;
  end

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      busy_q <= 1'b0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      depthwise_q <= command_i.opcode == OP_DEPTHWISE;
      left_q <= command_i.out_channels;
      inputs_q <= command_i.opcode == OP_DEPTHWISE ? 16'd1 : command_i.in_channels;
      taps_q <= 16'(command_i.kernel_height) * 16'(command_i.kernel_width);
      input_q <= '0;
      tap_q <= '0;
      word_q <= 1'b0;
      partial_q <= '0;
    end else if (step) begin
      if (depthwise_q) word_q <= row_done ? 1'b0 : 1'b1;
      else partial_q <= line_end ? '0 : line_o;
      if (row_done) begin
        input_q <= at_input ? '0 : input_q + 16'd1;
        if (at_input) begin
          tap_q <= at_tap ? '0 : tap_q + 16'd1;
          if (at_tap) begin
            left_q <= left_q - 16'(Outputs);
            if (at_tile) busy_q <= 1'b0;
          end
        end
      end
    end
  end
endmodule
