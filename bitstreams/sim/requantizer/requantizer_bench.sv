/// The requantiser with the fields of a command as ports of their own, for the bench.
module requantizer_bench
  import sluice_pkg::*;
(
  input  logic               clk_i,
  input  logic               clear_i,
  input  logic               start_i,
  input  logic [2:0]         operation_i,   // CONV, DEPTHWISE, max pooling, average pooling, ADD
  input  logic               slot_i,
  input  logic [15:0]        out_width_i,
  input  logic [15:0]        out_channels_i,
  input  logic [15:0]        out0_base_i,
  input  logic [15:0]        out0_pitch_i,
  input  logic [15:0]        out1_base_i,
  input  logic [15:0]        out1_pitch_i,
  input  logic [7:0]         weight_zero_point_i,
  input  logic [1:0]         rounding_a_i,
  input  logic [1:0]         rounding_b_i,
  input  logic               clamp_enable_i,
  input  logic               table_enable0_i,
  input  logic               table_enable1_i,
  input  logic               output1_enable_i,
  input  logic [7:0]         output_zero_point_i,
  input  logic [15:0]        clamp_min_i,
  input  logic [15:0]        clamp_max_i,
  input  logic [7:0]         output_min_i,
  input  logic [7:0]         output_max_i,
  output logic [3:0]         block_beats_o,
  output logic               busy_o,
  input  logic               record_valid_i,
  input  logic [31:0]        record_bias_i,
  input  logic [31:0]        record_multiplier_i,
  input  logic [5:0]         record_shift_a_i,
  input  logic [4:0]         record_shift_b_i,
  output logic               record_pop_o,
  output logic               parameters_ready_o,
  input  logic               tile_taken_i,
  input  logic [1:0]         table_write_i,
  input  logic [7:0]         table_address_i,
  input  logic [1:0]         addend_write_i,
  input  logic [8:0]         addend_address_i,
  input  logic [31:0]        table_data_i,
  input  logic               block_i,
  input  logic               block_tile_first_i,
  input  logic [3:0]         block_columns_i,
  input  logic signed [31:0] acc_i [8][16],
  input  logic signed [23:0] sum_i [8][16],
  input  logic [7:0]         code_i [8][16],
  output logic [7:0]         write_o,
  output logic [15:0]        write_row_o [8],
  output logic [63:0]        write_data_o [8],
  output logic [31:0]        crc0_o,
  output logic [31:0]        crc1_o
);
  command_t command;
  always_comb begin
    command = '0;
    case (operation_i)
      3'd0: command.opcode = OP_CONV;
      3'd1: command.opcode = OP_DEPTHWISE;
      3'd4: command.opcode = OP_ADD;
      default: command.opcode = OP_POOL;
    endcase
    command.pool = operation_i == 3'd2 ? POOL_MAX : POOL_AVERAGE;
    command.out_width = out_width_i;
    command.out_channels = out_channels_i;
    command.out0_base = out0_base_i;
    command.out0_pitch = out0_pitch_i;
    command.out1_base = out1_base_i;
    command.out1_pitch = out1_pitch_i;
    command.weight_zero_point = weight_zero_point_i;
    command.rounding_a = rounding_a_i;
    command.rounding_b = rounding_b_i;
    command.clamp_enable = clamp_enable_i;
    command.table_enable0 = table_enable0_i;
    command.table_enable1 = table_enable1_i;
    command.output1_enable = output1_enable_i;
    command.output_zero_point = output_zero_point_i;
    command.clamp_min = clamp_min_i;
    command.clamp_max = clamp_max_i;
    command.output_min = output_min_i;
    command.output_max = output_max_i;
  end
  logic [7:0][15:0] rows;
  logic [7:0][63:0] data;
  for (genvar bank = 0; bank < 8; bank += 1) begin : gen_bank
    assign write_row_o[bank] = rows[bank];
    assign write_data_o[bank] = data[bank];
  end
  requantizer #(.Pixels(8), .Inputs(8), .Outputs(16), .Lanes(32)) u_requantizer (
    .clk_i, .clear_i, .start_i, .command_i(command), .slot_i, .out_words_i(13'((out_channels_i + 16'd7) >> 3)),
    .block_beats_o, .busy_o, .record_valid_i,
    .record_i({48'd0, 3'd0, record_shift_b_i, 2'd0, record_shift_a_i, record_multiplier_i, record_bias_i}),
    .record_pop_o, .parameters_ready_o, .tile_taken_i, .table_write_i, .table_address_i, .addend_write_i,
    .addend_address_i, .table_data_i, .block_i, .block_tile_first_i, .block_columns_i, .acc_i, .sum_i, .code_i,
    .write_o, .write_row_o(rows), .write_data_o(data), .crc0_o, .crc1_o
  );
endmodule
