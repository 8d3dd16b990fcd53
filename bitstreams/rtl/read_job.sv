/// Turns a job (address, number of 16-byte beats) into AXI read bursts for one client of a read port.
///
/// A burst is at most 16 beats and ends at a 256-byte boundary, so it never crosses 4 KiB. It is issued only when the
/// client has room for it beside everything already on its way: the client never has to refuse a beat. Size and room of
/// a burst take a cycle each before it is offered, so a job issues one in three cycles at most.
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
  logic size_q, room_q, offer_q;               // what happens this cycle, while busy
  logic [BeatBits-1:0] left_q;
  logic [48:0] address_q;
  logic [4:0] burst_q;
  logic [3:0] length_q;                        // burst_q - 1
  logic [FreeBits:0] flying_q;

  wire [4:0] to_boundary = 5'd16 - {1'b0, address_q[7:4]};
  wire [4:0] burst = left_q < BeatBits'(to_boundary) ? left_q[4:0] : to_boundary;
  // What is free less what is on its way only grows until the next burst is issued.
  wire room = {1'b0, free_i} >= flying_q + (FreeBits+1)'(burst_q);

  assign ar_valid_o = offer_q && !halt_i;
  assign ar_address_o = address_q;
  assign ar_length_o = length_q;
  wire issued = ar_valid_o && ar_ready_i;

  always_ff @(posedge clk_i) begin
    if (size_q) begin
      burst_q <= burst;
      length_q <= 4'(burst - 5'd1);
    end
    if (clear_i) begin
      busy_o <= 1'b0;
      size_q <= 1'b0;
      room_q <= 1'b0;
      offer_q <= 1'b0;
      flying_q <= '0;
    end else begin
      size_q <= start_i || issued;
      if (start_i) busy_o <= 1'b1;
      else if (size_q && left_q == 0) busy_o <= 1'b0;
      if (size_q) room_q <= left_q != 0;
      else if (room) room_q <= 1'b0;
      offer_q <= (room_q && room) || (offer_q && !issued);
      flying_q <= flying_q + (issued ? (FreeBits+1)'(burst_q) : '0) - (FreeBits+1)'(beat_i);
    end
    if (start_i) begin
      left_q <= beats_i;
      address_q <= address_i;
    end else if (issued) begin
      // A burst ends at the boundary or ends the job.
      left_q <= left_q - BeatBits'(burst_q);
      address_q <= {address_q[48:8] + 41'd1, 8'd0};
    end
  end

`ifndef SYNTHESIS
  StartOnlyWhenIdle_A: assert property (@(posedge clk_i) disable iff (clear_i) start_i |-> !busy_o);
  OfferHolds_A: assert property (@(posedge clk_i) disable iff (clear_i || halt_i)
      ar_valid_o && !ar_ready_i |=> ar_valid_o && $stable(ar_address_o) && $stable(ar_length_o));
  RoomForEveryBeat_A: assert property (@(posedge clk_i) disable iff (clear_i)
      ar_valid_o |-> {1'b0, free_i} >= flying_q + (FreeBits+1)'(ar_length_o) + (FreeBits+1)'(1));
  InsidePage_A: assert property (@(posedge clk_i) disable iff (clear_i)
      ar_valid_o |-> {1'b0, ar_address_o[7:4]} + {1'b0, ar_length_o} < 5'd16);
`endif
endmodule
