/// Opens the weight streams of the codec `deflate`: one zlib stream per layer, its bytes packed into rows of weights, a byte per
/// cycle. `width_i` is that of the row being packed. A layer ends in `done_o` when its last row has been taken and the
/// stream was whole; anything else ends in `damaged_o`, until cleared.
module inflate_rows #(
  parameter int Outputs = 16
) (
  input  logic                 clk_i,
  input  logic                 clear_i,
  input  logic                 start_i,
  input  logic [31:0]          bytes_i,      // of the stream
  output logic                 busy_o,
  output logic                 done_o,       // pulse
  output logic                 damaged_o,

  input  logic                 valid_i,
  input  logic [127:0]         data_i,
  output logic                 pop_o,

  input  logic [4:0]           width_i,
  input  logic                 last_row_i,
  output logic                 row_valid_o,
  output logic [Outputs*8-1:0] row_o,
  input  logic                 row_pop_i
);
  logic busy_q, rows_done_q, damaged_q, core_pop, byte_valid, core_done;
  logic [4:0] count_q;                       // bytes of the row that are there
  logic [Outputs-1:0][7:0] row_q;
  logic [7:0] weight;
  logic [3:0] core_error;
  wire row_full = count_q == width_i;
  wire ready = busy_q && !rows_done_q && (!row_full || row_pop_i) && !(row_pop_i && last_row_i);
  wire taken = byte_valid && ready;
  wire [$clog2(Outputs)-1:0] place = row_pop_i ? ($clog2(Outputs))'(0) : ($clog2(Outputs))'(count_q);

  inflate u_inflate (
    .clk_i, .rst_ni(!clear_i), .start_i, .bytes_i, .valid_i(valid_i && busy_q), .data_i, .pop_o(core_pop), .valid_o(byte_valid),
    .byte_o(weight), .ready_i(ready), .done_o(core_done), .error_o(core_error)
  );

  assign pop_o = core_pop && busy_q;
  assign busy_o = busy_q;
  assign done_o = busy_q && rows_done_q && core_done && !damaged_q;
  assign damaged_o = damaged_q;
  assign row_valid_o = busy_q && !rows_done_q && row_full;
  assign row_o = row_q;

  always_ff @(posedge clk_i) begin
    if (taken) row_q[place] <= weight;
    if (clear_i) begin
      busy_q <= 1'b0;
      damaged_q <= 1'b0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      rows_done_q <= 1'b0;
      count_q <= '0;
    end else begin
      count_q <= (row_pop_i ? 5'd0 : count_q) + 5'(taken);
      if (row_pop_i && last_row_i) rows_done_q <= 1'b1;
      if (done_o) busy_q <= 1'b0;
      // Damage, too many weights, or too few.
      if (busy_q && (core_error != 0 || (rows_done_q && byte_valid)
          || (core_done && !rows_done_q && !row_full))) damaged_q <= 1'b1;
    end
  end
endmodule
