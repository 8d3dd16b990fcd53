/// Turns a job (address, number of 16-byte beats) into AXI read bursts for one client of a read port.
///
/// A burst is at most 16 beats and ends at a 256-byte boundary, so it never crosses 4 KiB. It is issued only when the
/// client has room for it beside everything already on its way: the client never has to refuse a beat.
module read_job #(
  parameter int BeatBits = 28,
  parameter int FreeBits = 8
) (
  input  logic                clk_i,
  input  logic                clear_i,
  input  logic                halt_i,        // no new bursts
  input  logic                start_i,       // only while not busy
  input  logic [48:0]         address_i,     // 16-byte aligned
  input  logic [BeatBits-1:0] beats_i,       // 0 is an empty job
  output logic                busy_o,        // bursts are still to be issued
  input  logic [FreeBits-1:0] free_i,        // beats the client can take, not counting those on their way
  input  logic                beat_i,        // a beat arrived at the client
  output logic                ar_valid_o,
  input  logic                ar_ready_i,
  output logic [48:0]         ar_address_o,
  output logic [3:0]          ar_length_o    // beats - 1
);
  logic [BeatBits-1:0] left_q;
  logic [48:0] address_q;
  logic [FreeBits:0] flying_q;

  wire [4:0] to_boundary = 5'd16 - {1'b0, address_q[7:4]};
  wire [4:0] burst = left_q < BeatBits'(to_boundary) ? left_q[4:0] : to_boundary;
  wire room = {1'b0, free_i} >= flying_q + (FreeBits+1)'(burst);

  assign busy_o = left_q != 0;
  assign ar_valid_o = busy_o && room && !halt_i;
  assign ar_address_o = address_q;
  assign ar_length_o = 4'(burst - 5'd1);
  wire issued = ar_valid_o && ar_ready_i;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      left_q <= '0;
      flying_q <= '0;
    end else begin
      if (start_i) begin
        left_q <= beats_i;
        address_q <= address_i;
      end else if (issued) begin
        left_q <= left_q - BeatBits'(burst);
        address_q <= address_q + {40'd0, burst, 4'd0};
      end
      flying_q <= flying_q + (issued ? (FreeBits+1)'(burst) : '0) - (FreeBits+1)'(beat_i);
    end
  end
endmodule
