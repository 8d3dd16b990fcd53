/// Packs rows of weights (one per kernel tap and input channel) into lines of the tile buffer.
///
/// CONV: Inputs rows make a line, the last of a tap padded with zeros. DEPTHWISE: the row of a tap becomes one line per
/// channel word of the tile, with the weights on the diagonal: output o of word w multiplies input lane o.
/// A line is collected in a register and written in the cycle after its last row, while the next one begins.
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

  input  logic                                line_free_i, // room for this line and the one being written
  output logic                                line_write_o,
  output logic [Inputs-1:0][Outputs-1:0][7:0] line_o
);
  localparam int WordsPerTile = Outputs / Inputs;
  localparam int SlotBits = $clog2(Inputs);
  localparam int TileBits = $clog2(Outputs);   // Outputs is a power of two
  logic depthwise_q, word_q, sizes_q;
  // What is left less one: inputs of the tap, taps of the tile, tiles of the layer; and where the first two begin.
  logic [15:0] input_q, inputs_q, tap_q, taps_q, channels_q;
  logic [15-TileBits:0] tile_q;
  logic [SlotBits-1:0] slot_q;
  // Registered with the counters they speak of.
  logic last_input_q, last_tap_q, last_tile_q, last_slot_q, only_input_q, only_tap_q, two_words_q;
  logic [Outputs-1:0] inside_q;                // channels of the tile that the layer has

  // ---- counters
  wire line_end = depthwise_q || last_slot_q || last_input_q;
  wire row_done = !depthwise_q || word_q == two_words_q;
  wire may = busy_o && !sizes_q && (line_free_i || !line_end);
  wire step = may && valid_i;                  // a row or a depthwise word is dealt with
  wire row_step = step && row_done;
  wire tap_step = row_step && last_input_q;
  wire tile_step = tap_step && last_tap_q;

  assign last_row_o = last_input_q && last_tap_q && last_tile_q;
  assign ready_o = may && row_done;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      busy_o <= 1'b0;
      sizes_q <= 1'b0;
    end else begin
      sizes_q <= start_i;                      // the product has settled; counters are loaded
      if (start_i) busy_o <= 1'b1;
      else if (tile_step && last_tile_q) busy_o <= 1'b0;
    end

    if (start_i) begin
      depthwise_q <= command_i.opcode == OP_DEPTHWISE;
      channels_q <= command_i.out_channels - 16'd1;
      inputs_q <= command_i.opcode == OP_DEPTHWISE ? 16'd0 : command_i.in_channels - 16'd1;
      taps_q <= 16'(command_i.kernel_height) * 16'(command_i.kernel_width);
    end else if (sizes_q) taps_q <= taps_q - 16'd1;

    if (sizes_q) begin
      input_q <= inputs_q;
      last_input_q <= inputs_q == 0;
      only_input_q <= inputs_q == 0;
      slot_q <= '0;
      last_slot_q <= 1'b0;
    end else if (row_step) begin
      input_q <= last_input_q ? inputs_q : input_q - 16'd1;
      last_input_q <= last_input_q ? only_input_q : input_q == 16'd1;
      slot_q <= last_input_q ? '0 : slot_q + 1'b1;
      last_slot_q <= !last_input_q && slot_q == SlotBits'(Inputs - 2);
    end
    if (sizes_q) begin
      tap_q <= taps_q - 16'd1;
      last_tap_q <= taps_q == 16'd1;
      only_tap_q <= taps_q == 16'd1;
    end else if (tap_step) begin
      tap_q <= last_tap_q ? taps_q : tap_q - 16'd1;
      last_tap_q <= last_tap_q ? only_tap_q : tap_q == 16'd1;
    end
    if (sizes_q || tile_step) begin
      tile_q <= sizes_q ? channels_q[15:TileBits] : tile_q - 1'b1;
      last_tile_q <= sizes_q ? channels_q[15:TileBits] == 0 : tile_q == (16-TileBits)'(1);
      // The last tile may be narrower.
      if (sizes_q ? channels_q[15:TileBits] == 0 : tile_q == (16-TileBits)'(1)) begin
        width_o <= 5'(channels_q[TileBits-1:0]) + 5'd1;
        two_words_q <= WordsPerTile > 1 && 32'(channels_q[TileBits-1:0]) >= Inputs;
        for (int channel = 0; channel < Outputs; channel += 1) inside_q[channel] <= 32'(channels_q[TileBits-1:0]) >= channel;
      end else begin
        width_o <= 5'(Outputs);
        two_words_q <= WordsPerTile > 1;
        inside_q <= '1;
      end
    end
    if (sizes_q) word_q <= 1'b0;
    else if (step && depthwise_q) word_q <= !row_done;
  end

  // ---- the line
  always_ff @(posedge clk_i) begin
    line_write_o <= step && line_end && !clear_i;
    for (int lane = 0; lane < Inputs; lane += 1) begin
      for (int channel = 0; channel < Outputs; channel += 1) begin
        // The first row of a line clears what lies behind it; a depthwise word clears all but its diagonal.
        if (step && (depthwise_q ? channel % Inputs != lane || 1'(channel / Inputs) != word_q
            : slot_q == 0 && lane != 0)) begin
          line_o[lane][channel] <= '0;
        end else if (step && (depthwise_q || slot_q == SlotBits'(lane))) begin
          line_o[lane][channel] <= inside_q[channel] ? row_i[channel*8 +: 8] : 8'd0;
        end
      end
    end
  end
endmodule
