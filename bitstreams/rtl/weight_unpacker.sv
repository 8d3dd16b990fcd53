/// Opens the weight streams in program order and fills the tile buffer, independent of the executor.
///
/// A damaged stream stops it for good: `error_o` with the index of the command, which the executor reports when it gets
/// there. Coded streams wait for the model's tables, which `table_loader` reads and builds meanwhile.
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
  input  logic                        halt_i,
  input  logic                        tables_start_i,
  input  logic [48:0]                 tables_address_i,
  input  logic [31:0]                 tables_bytes_i,  // 0: the model has no tables
  output logic                        tables_settled_o,
  output logic                        tables_error_o,
  output logic                        ar_valid_o,
  input  logic                        ar_ready_i,
  output logic [48:0]                 ar_address_o,
  output logic [3:0]                  ar_length_o,
  input  logic                        beat_i,
  input  logic [127:0]                table_data_i,
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

  output logic                        error_o,
  output logic [15:0]                 error_index_o
);
  localparam int Deflate = 1;            // codec id
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
  wire supported = Codecs[command_i.codec];
  logic layer_q, decoded_q;
  logic decoder_busy, decoder_done, damaged, lines_busy, row_valid, rows_ready, last_row;
  logic [4:0] width;
  logic [Outputs*8-1:0] row;
  logic decoder_pop, decoder_row_valid, inflate_busy, inflate_done, inflate_damaged, inflate_pop, inflate_row_valid;
  logic [Outputs*8-1:0] decoder_row, inflate_row;
  wire inflates = Codecs[Deflate] && command_i.codec == 4'(Deflate);
  wire start = command_valid_i && weighted && supported && !layer_q && !decoder_busy && !inflate_busy && !clear_i;

  localparam int Entries = DECODER_STATES;
  logic tables_usable, classes_known, table_write;
  logic [$clog2(Entries)-2:0] table_address;
  logic [1:0][21:0] table_entries;
  logic [3:0] log;
  logic [4:0] classes;
  logic [15:0][2:0] class_narrow, class_wide;
  table_loader #(.Entries(Entries)) u_tables (
    .clk_i, .rst_ni, .clear_i, .halt_i, .start_i(tables_start_i), .address_i(tables_address_i), .bytes_i(tables_bytes_i),
    .settled_o(tables_settled_o), .usable_o(tables_usable), .classes_known_o(classes_known), .damaged_o(tables_error_o),
    .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o, .beat_i, .data_i(table_data_i), .write_o(table_write),
    .address_o(table_address), .entries_o(table_entries), .log_o(log), .classes_o(classes), .class_narrow_o(class_narrow),
    .class_wide_o(class_wide)
  );
  weight_decoder #(
    .Outputs(Outputs), .Lanes(Lanes), .Entries(Entries), .MaxChannels(DECODER_CHANNELS), .PredictedRows(DECODER_PREDICTED_ROWS)
  ) u_decoder (
    .clk_i, .clear_i, .tables_settled_i(tables_settled_o), .tables_usable_i(tables_usable),
    .classes_known_i(classes_known), .table_write_i(table_write), .table_address_i(table_address),
    .table_entries_i(table_entries), .log_i(log), .classes_i(classes), .class_narrow_i(class_narrow),
    .class_wide_i(class_wide), .start_i(start && !inflates), .coded_i(command_i.codec != 4'd0),
    .command_i, .busy_o(decoder_busy), .done_o(decoder_done), .damaged_o(damaged), .valid_i, .data_i, .pop_o(decoder_pop),
    .row_valid_o(decoder_row_valid), .row_o(decoder_row), .row_pop_i(decoder_row_valid && rows_ready)
  );
  if (Codecs[Deflate]) begin : gen_inflate
    inflate_rows #(.Outputs(Outputs)) u_inflate (
      .clk_i, .clear_i, .start_i(start && inflates), .bytes_i(command_i.weights_bytes), .busy_o(inflate_busy),
      .done_o(inflate_done), .damaged_o(inflate_damaged), .valid_i, .data_i, .pop_o(inflate_pop), .width_i(width),
      .last_row_i(last_row), .row_valid_o(inflate_row_valid), .row_o(inflate_row),
      .row_pop_i(inflate_row_valid && rows_ready)
    );
  end else begin : gen_no_inflate
    assign {inflate_busy, inflate_done, inflate_damaged, inflate_pop, inflate_row_valid} = '0;
    assign inflate_row = '0;
  end
  assign pop_o = decoder_pop || inflate_pop;
  assign row_valid = decoder_row_valid || inflate_row_valid;
  assign row = inflate_row_valid ? inflate_row : decoder_row;

  weight_lines #(.Inputs(Inputs), .Outputs(Outputs)) u_lines (
    .clk_i, .clear_i, .start_i(start), .command_i, .busy_o(lines_busy), .width_o(width), .last_row_o(last_row),
    .ready_o(rows_ready), .valid_i(row_valid), .row_i(row), .line_free_i, .line_write_o, .line_o
  );

  // A layer of an unknown codec is left to the executor, which refuses its command.
  assign advance_o = !clear_i && command_valid_i && (weighted ? layer_q && decoded_q && !lines_busy : !layer_q);
  assign error_o = damaged || inflate_damaged;
  assign error_index_o = command_index_i;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      layer_q <= 1'b0;
      decoded_q <= 1'b0;
    end else begin
      if (start) begin
        layer_q <= 1'b1;
        decoded_q <= 1'b0;
      end else if (advance_o) layer_q <= 1'b0;
      if (decoder_done || inflate_done) decoded_q <= 1'b1;
    end
  end
endmodule
