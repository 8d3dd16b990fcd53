/// Opens the model's tables and the weight streams in program order and fills the tile buffer, independent of the executor.
///
/// A damaged stream stops it for good: `error_o` with the index of the command, which the executor reports when it gets
/// there. Damaged tables are `tables_error_o`.
module weight_unpacker
  import sluice_pkg::*;
#(
  parameter int Inputs  = 8,
  parameter int Outputs = 16,
  parameter int Lanes   = 16,
  parameter logic [15:0] Codecs = 16'h0005
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        clear_i,
  input  logic                        tables_start_i,
  input  logic [31:0]                 tables_bytes_i,  // 0: the model has no tables
  input  logic                        command_valid_i,
  input  command_t                    command_i,
  input  logic [15:0]                 command_index_i,
  output logic                        advance_o,

  input  logic                        valid_i,
  input  logic [127:0]                data_i,
  output logic                        pop_o,

  input  logic                        line_free_i,
  output logic                        line_write_o,
  output logic [Inputs*Outputs*8-1:0] line_o,

  output logic                        tables_busy_o,   // no weights may be read yet
  output logic                        tables_again_o,
  output logic                        tables_error_o,
  output logic                        error_o,
  output logic [15:0]                 error_index_o
);
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
  wire supported = Codecs[command_i.codec];
  logic layer_q, decoded_q, tables_q;
  logic decoder_busy, decoder_done, damaged, lines_busy, row_valid, rows_ready, last_row;
  logic [4:0] width;
  logic [Outputs*8-1:0] row;
  wire read_tables = tables_start_i && tables_bytes_i != 0;
  wire start = command_valid_i && weighted && supported && !layer_q && !decoder_busy && !read_tables && !clear_i;

  weight_decoder #(.Outputs(Outputs), .Lanes(Lanes)) u_decoder (
    .clk_i, .rst_ni, .clear_i, .tables_start_i(read_tables), .tables_bytes_i, .tables_busy_o, .tables_again_o,
    .start_i(start), .coded_i(command_i.codec != 4'd0),
    .command_i, .busy_o(decoder_busy), .done_o(decoder_done), .damaged_o(damaged), .valid_i, .data_i, .pop_o,
    .row_valid_o(row_valid), .row_o(row), .row_pop_i(row_valid && rows_ready)
  );
  weight_lines #(.Inputs(Inputs), .Outputs(Outputs)) u_lines (
    .clk_i, .clear_i, .start_i(start), .command_i, .busy_o(lines_busy), .width_o(width), .last_row_o(last_row),
    .ready_o(rows_ready), .valid_i(row_valid), .row_i(row), .line_free_i, .line_write_o, .line_o
  );

  // A layer of an unknown codec is left to the executor, which refuses its command.
  assign advance_o = !clear_i && command_valid_i && (weighted ? layer_q && decoded_q && !lines_busy : !layer_q);
  assign tables_error_o = damaged && tables_q;
  assign error_o = damaged && !tables_q;
  assign error_index_o = command_index_i;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      layer_q <= 1'b0;
      decoded_q <= 1'b0;
      tables_q <= 1'b0;
    end else begin
      if (read_tables) tables_q <= 1'b1;
      if (start) begin
        layer_q <= 1'b1;
        decoded_q <= 1'b0;
        tables_q <= 1'b0;
      end else if (advance_o) layer_q <= 1'b0;
      if (decoder_done) decoded_q <= 1'b1;
    end
  end
endmodule
