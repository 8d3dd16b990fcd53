/// Stored weights: cuts the byte stream of a layer into rows of 1..Outputs bytes, one row per cycle.
///
/// `bytes_i` at `start_i` is the length of the stream; whatever a last beat holds beyond it is dropped. `short_o` says
/// that a row is asked for and the stream does not have it; `left_o` that bytes are left.
module weight_gearbox #(
  parameter int Outputs = 16
) (
  input  logic                  clk_i,
  input  logic                  clear_i,
  input  logic                  start_i,
  input  logic [31:0]           bytes_i,
  input  logic                  valid_i,
  input  logic [127:0]          data_i,
  output logic                  pop_o,

  input  logic [4:0]            width_i,     // of the row wanted next
  input  logic                  ready_i,
  output logic                  valid_o,
  output logic [Outputs*8-1:0]  row_o,       // bytes from width_i on are undefined
  output logic                  short_o,
  output logic                  left_o,      // stable once the layer's last row is taken
  output logic                  drained_o    // all beats of the stream were taken
);
  logic [255:0] buffer_q;
  logic [5:0] held_q;
  logic [31:0] bytes_left_q;                   // not yet handed out
  logic [28:0] beats_left_q;                   // not yet taken

  wire take = valid_o && ready_i;
  wire [5:0] kept = take ? held_q - 6'(width_i) : held_q;
  wire [255:0] shifted = take ? buffer_q >> {width_i, 3'b000} : buffer_q;

  assign valid_o = held_q >= 6'(width_i) && bytes_left_q >= 32'(width_i);
  assign row_o = buffer_q[Outputs*8-1:0];
  assign short_o = bytes_left_q < 32'(width_i);
  assign left_o = bytes_left_q != 0;
  assign drained_o = beats_left_q == 0;
  assign pop_o = valid_i && beats_left_q != 0 && kept <= 6'd16 && !start_i;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      held_q <= '0;
      bytes_left_q <= '0;
      beats_left_q <= '0;
      buffer_q <= '0;
    end else if (start_i) begin
      held_q <= '0;
      bytes_left_q <= bytes_i;
      beats_left_q <= 29'((33'(bytes_i) + 33'd15) >> 4);
      buffer_q <= '0;
    end else begin
      held_q <= kept + (pop_o ? 6'd16 : 6'd0);
      if (take) bytes_left_q <= bytes_left_q - 32'(width_i);
      if (pop_o) beats_left_q <= beats_left_q - 29'd1;
      // Bytes above the held ones are zero, so a new beat can be ORed in.
      buffer_q <= shifted | (pop_o ? 256'(data_i) << {kept[4:0], 3'b000} : 256'd0);
    end
  end
endmodule
