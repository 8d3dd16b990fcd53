/// The way from a compute command to the operands of the array: walker, fetch and activation memory as in the overlay, the
/// command as its 16 words.
module windows_bench
  import sluice_pkg::*;
#(
  parameter int Rows = 6000    // the second segment is a part of one
) (
  input  logic                clk_i,
  input  logic                clear_i,
  input  logic                start_i,
  input  logic [511:0]        command_i,
  input  logic [3:0]          block_beats_i,
  input  logic                line_available_i,
  input  logic                parameters_ready_i,
  input  logic [7:0]          write_i,
  input  logic [15:0]         write_row_i,
  input  logic [7:0][63:0]    write_data_i,
  input  logic                store_active_i,
  input  logic [15:0]         store_row_i,

  output logic                busy_o,
  output logic                starved_o,
  output logic                step_o,
  output logic                step_last_o,
  output logic                step_tile_first_o,
  output logic [15:0]         line_o,
  output logic                release_o,
  output logic [15:0]         release_lines_o,
  output logic [7:0][63:0]    read_data_o,

  output logic                valid_o,
  output logic                first_o,
  output logic                last_o,
  output logic                tile_first_o,
  output logic                tile_word_o,
  output logic                second_o,
  output logic [3:0]          columns_o,
  output logic [7:0]          active_o,
  output logic [7:0]          inside_o,
  output logic [7:0][63:0]    codes_o
);
  localparam int Pixels = 8;
  command_t command;
  assign command = unpack_command(command_i);
  logic [12:0] in_words, out_words, in_groups, out_groups;
  logic [3:0] passes;
  assign in_words = 13'((17'(command.in_channels) + 17'd7) >> 3);
  assign out_words = 13'((17'(command.out_channels) + 17'd7) >> 3);
  assign in_groups = 13'((17'(command.in_width) + 17'd7) >> 3);
  assign out_groups = 13'((17'(command.out_width) + 17'd7) >> 3);
  assign passes = command.opcode == OP_ADD || command.stride_width == 4'd1 ? 4'd1
      : command.stride_width == 4'd2 ? 4'd2 : command.stride_width == 4'd4 ? 4'd4 : 4'd8;

  logic first, second, tile_word;
  logic signed [16:0] y;
  logic signed [17:0] x;
  logic [12:0] word;
  logic [3:0] pass;
  logic [15:0] left;
  logic [Pixels-1:0][15:0] rows;
  window_walker #(.Pixels(Pixels), .Inputs(8), .Outputs(16)) u_walker (
    .clk_i, .clear_i, .start_i, .command_i(command), .in_words_i(in_words), .out_words_i(out_words),
    .out_groups_i(out_groups), .passes_i(passes), .block_beats_i, .busy_o, .line_o, .line_available_i, .release_o,
    .release_lines_o, .parameters_ready_i, .starved_o, .step_o, .first_o(first), .last_o(step_last_o),
    .tile_first_o(step_tile_first_o), .y_o(y), .x_o(x), .word_o(word), .tile_word_o(tile_word), .pass_o(pass),
    .second_o(second), .left_o(left)
  );
  window_fetch #(.Pixels(Pixels), .Inputs(8)) u_fetch (
    .clk_i, .clear_i, .command_i(command), .in_groups_i(in_groups), .in_words_i(in_words), .passes_i(passes),
    .step_i(step_o), .first_i(first), .last_i(step_last_o), .tile_first_i(step_tile_first_o), .y_i(y), .x_i(x), .word_i(word),
    .tile_word_i(tile_word), .pass_i(pass), .second_i(second), .left_i(left), .store_active_i, .store_row_i, .row_o(rows),
    .data_i(read_data_o), .valid_o, .first_o, .last_o, .tile_first_o, .tile_word_o, .second_o, .columns_o, .active_o,
    .inside_o, .codes_o
  );
  activation_memory #(.Pixels(Pixels), .Inputs(8), .Rows(Rows)) u_memory (
    .clk_i, .read_row_i(rows), .read_data_o, .write_i, .write_row_i({Pixels{write_row_i}}), .write_data_i
  );
endmodule
