/// The bits of the tables section from where the parser stands: 32 of them, and how many zeros they begin with.
///
/// A window of three half words is aligned into a register; what the parser has used leaves it half word by half word.
/// The next bits are there two cycles after a use, one more for every half word.
module table_bits (
  input  logic        clk_i,
  input  logic        start_i,        // a new section
  input  logic [15:0] half_i,
  input  logic        half_zero_i,    // the section has ended: zeros instead
  input  logic        half_valid_i,
  output logic        half_take_o,

  output logic        valid_o,
  output logic [31:0] bits_o,
  output logic [3:0]  zeros_o,        // in front of the first one; 13: more than 12
  input  logic        use_i,          // only while valid_o
  input  logic [5:0]  used_i          // bits
);
  logic [47:0] window_q;
  logic [3:0] offset_q;               // of the parser in the window
  logic [1:0] missing_q;              // half words that the window still has to move by
  wire [31:0] aligned = 32'(window_q >> offset_q);
  wire [5:0] end_offset = 6'(offset_q) + used_i;
  assign half_take_o = missing_q != 0 && half_valid_i;

  always_ff @(posedge clk_i) begin
    if (half_take_o) window_q <= {half_zero_i ? 16'd0 : half_i, window_q[47:16]};
    bits_o <= aligned;
    zeros_o <= 4'd13;
    for (int position = 12; position >= 0; position -= 1) if (aligned[position]) zeros_o <= 4'(position);
    if (start_i) begin
      missing_q <= 2'd3;
      offset_q <= '0;
      valid_o <= 1'b0;
    end else if (use_i) begin
      {missing_q, offset_q} <= end_offset;
      valid_o <= 1'b0;
    end else begin
      if (half_take_o) missing_q <= missing_q - 2'd1;
      valid_o <= missing_q == 0;
    end
  end

`ifndef SYNTHESIS
  UseOnlyValid_A: assert property (@(posedge clk_i) disable iff (start_i) use_i |-> valid_o);
`endif
endmodule
