/// Opens the weight streams in program order and fills the tile buffer, independent of the executor.
///
/// A damaged stream stops it for good: `error_o` with the index of the command, which the executor reports when it gets there.
module weight_unpacker
  import sluice_pkg::*;
#(
  parameter int Inputs  = 8,
  parameter int Outputs = 16
) (
  input  logic                        clk_i,
  input  logic                        clear_i,
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
  typedef enum logic [1:0] {Idle, Stored, Finish, Damaged} state_e;
  state_e state_q;
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
  wire supported = command_i.codec == 4'd0;
  wire start = state_q == Idle && command_valid_i && weighted && supported;

  logic lines_busy, rows_ready, row_valid, row_short, rest, drained, last_row;
  logic [4:0] width;
  logic [Outputs*8-1:0] row;

  weight_gearbox #(.Outputs(Outputs)) u_gearbox (
    .clk_i, .clear_i, .start_i(start), .bytes_i(command_i.weights_bytes), .valid_i, .data_i, .pop_o,
    .width_i(width), .ready_i(rows_ready), .valid_o(row_valid), .row_o(row), .short_o(row_short), .left_o(rest),
    .drained_o(drained)
  );
  weight_lines #(.Inputs(Inputs), .Outputs(Outputs)) u_lines (
    .clk_i, .clear_i, .start_i(start), .command_i, .busy_o(lines_busy), .width_o(width), .last_row_o(last_row),
    .ready_o(rows_ready), .valid_i(row_valid), .row_i(row), .line_free_i, .line_write_o, .line_o
  );

  // A layer of an unknown codec is left to the executor, which refuses its command.
  assign advance_o = state_q == Finish && !rest && drained
      || state_q == Idle && command_valid_i && !weighted;
  assign error_o = state_q == Damaged;
  assign error_index_o = command_index_i;

  always_ff @(posedge clk_i) begin
    if (clear_i) state_q <= Idle;
    else
      case (state_q)
        Idle: if (start) state_q <= Stored;
        Stored:
          if (row_short) state_q <= Damaged;
          else if (row_valid && rows_ready && last_row) state_q <= Finish;
        Finish: state_q <= rest || !drained ? Damaged : Idle;
        default: state_q <= state_q;
      endcase
  end
endmodule
