/// The weight decoder with the fields of a command it looks at as ports of their own, for the bench.
module decoder_ports
  import sluice_pkg::*;
#(
  parameter int Outputs = 16
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         tables_settled_i,
  input  logic         tables_usable_i,
  input  logic         classes_known_i,
  input  logic         table_write_i,
  input  logic [10:0]  table_address_i,
  input  logic [43:0]  table_entries_i,
  input  logic [3:0]   log_i,
  input  logic [4:0]   classes_i,
  input  logic [47:0]  class_narrow_i,
  input  logic [47:0]  class_wide_i,
  input  logic         start_i,
  input  logic         coded_i,
  input  logic         depthwise_i,
  input  logic [15:0]  in_channels_i,
  input  logic [15:0]  out_channels_i,
  input  logic [7:0]   kernel_height_i,
  input  logic [7:0]   kernel_width_i,
  input  logic [31:0]  weights_bytes_i,
  output logic         busy_o,
  output logic         done_o,
  output logic         damaged_o,
  input  logic         valid_i,
  input  logic [127:0] data_i,
  output logic         pop_o,
  output logic         row_valid_o,
  output logic [Outputs*8-1:0] row_o,
  input  logic         row_pop_i
);
  command_t command;
  always_comb begin
    command = '0;
    command.opcode = depthwise_i ? OP_DEPTHWISE : OP_CONV;
    command.in_channels = in_channels_i;
    command.out_channels = out_channels_i;
    command.kernel_height = kernel_height_i;
    command.kernel_width = kernel_width_i;
    command.weights_bytes = weights_bytes_i;
    if (!start_i) command = command_t'({128{5'h15}});                   // it is looked at then, and no longer
  end
  weight_decoder #(
    .Outputs(Outputs), .Lanes(Outputs), .Entries(DECODER_STATES), .MaxChannels(DECODER_CHANNELS),
    .PredictedRows(DECODER_PREDICTED_ROWS)
  ) u_decoder (
    .clk_i, .clear_i, .tables_settled_i, .tables_usable_i, .classes_known_i, .table_write_i, .table_address_i,
    .table_entries_i(table_entries_i), .log_i, .classes_i, .class_narrow_i(class_narrow_i), .class_wide_i(class_wide_i),
    .start_i, .coded_i, .command_i(command), .busy_o, .done_o, .damaged_o, .valid_i, .data_i, .pop_o, .row_valid_o, .row_o,
    .row_pop_i
  );
endmodule
