/// Walks the words of a tensor in the activation memory in the order of DDR: row-major pixels, each with its words. Every
/// row is the one before and a constant; what ends a loop is known a step ahead.
module word_walker #(
  parameter int Pixels = 8
) (
  input  logic              clk_i,
  input  logic              start_i,   // the tensor has not changed since the cycle before
  input  logic [15:0]       base_i,
  input  logic [15:0]       pitch_i,
  input  logic [15:0]       height_i,
  input  logic [15:0]       width_i,
  input  logic [12:0]       words_i,   // of a pixel
  input  logic              step_i,    // on to the next word
  output logic [15:0]       row_o,
  output logic [Pixels-1:0] bank_o,    // one of them
  output logic              last_o     // word of the tensor
);
  logic single_word_q, single_column_q, single_row_q;
  logic word_last_q, column_last_q, row_last_q;
  logic [12:0] words_q;                          // from this one on
  logic [15:0] columns_q, rows_q;
  logic [15:0] group_row_q;                      // row of the pixel's first word
  wire column_done = word_last_q && column_last_q;
  wire group_done = word_last_q && (column_last_q || bank_o[Pixels-1]);
  wire [15:0] group_row_next = group_row_q + (group_done ? pitch_i : 16'd0);
  assign last_o = column_done && row_last_q;

  always_ff @(posedge clk_i) begin
    single_word_q <= words_i == 13'd1;
    single_column_q <= width_i == 16'd1;
    single_row_q <= height_i == 16'd1;
    if (start_i) begin
      words_q <= words_i;
      columns_q <= width_i;
      rows_q <= height_i;
      word_last_q <= single_word_q;
      column_last_q <= single_column_q;
      row_last_q <= single_row_q;
      bank_o <= Pixels'(1);
      group_row_q <= base_i;
      row_o <= base_i;
    end else if (step_i) begin
      words_q <= word_last_q ? words_i : words_q - 13'd1;
      word_last_q <= word_last_q ? single_word_q : words_q == 13'd2;
      row_o <= word_last_q ? group_row_next : row_o + 16'd1;
      group_row_q <= group_row_next;
      if (word_last_q) begin
        columns_q <= column_last_q ? width_i : columns_q - 16'd1;
        column_last_q <= column_last_q ? single_column_q : columns_q == 16'd2;
        bank_o <= column_last_q ? Pixels'(1) : {bank_o[Pixels-2:0], bank_o[Pixels-1]};
      end
      if (column_done) begin
        rows_q <= rows_q - 16'd1;
        row_last_q <= rows_q == 16'd2;
      end
    end
  end

`ifndef SYNTHESIS
  OneBank_A: assert property (@(posedge clk_i) step_i |-> $onehot(bank_o));
  LastWord_A: assert property (@(posedge clk_i) step_i |-> word_last_q == (words_q == 13'd1));
  LastColumn_A: assert property (@(posedge clk_i) step_i |-> column_last_q == (columns_q == 16'd1));
  LastRow_A: assert property (@(posedge clk_i) step_i |-> row_last_q == (rows_q == 16'd1));
`endif
endmodule
