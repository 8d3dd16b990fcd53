/// AXI4 write port: a job of beats from a FIFO, as bursts of at most 16 beats that end at 256-byte boundaries.
///
/// A burst is announced only when all its beats are in the FIFO, so the data channel never starves a burst that is on its
/// way, and stopping between bursts leaves the bus clean. `busy_o` falls after the last response. Size and beats of a
/// burst are looked at while the one before is sent.
module write_port (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,        // only while idle_o
  input  logic         halt_i,
  input  logic         start_i,
  input  logic [48:0]  address_i,
  input  logic [27:0]  beats_i,
  output logic         busy_o,
  output logic         idle_o,         // nothing on the bus
  output logic         error_o,

  input  logic         push_i,
  input  logic [143:0] beat_i,
  output logic [5:0]   free_o,

  output logic         axi_awvalid_o,
  input  logic         axi_awready_i,
  output logic [48:0]  axi_awaddr_o,
  output logic [7:0]   axi_awlen_o,
  output logic         axi_wvalid_o,
  input  logic         axi_wready_i,
  output logic [127:0] axi_wdata_o,
  output logic [15:0]  axi_wstrb_o,
  output logic         axi_wlast_o,
  input  logic         axi_bvalid_i,
  output logic         axi_bready_o,
  input  logic [1:0]   axi_bresp_i
);
  logic working_q;                             // bursts are still to be announced
  logic size_q, sized_q, ready_q;              // the next burst: being sized, sized, all its beats there
  logic [27:0] left_q;
  logic [48:0] address_q;
  logic [4:0] next_q, burst_q;                 // beats of the next burst; of the current one, still to send
  logic sending_q;                             // burst_q != 0
  logic [5:0] unclaimed_q;                     // beats in the FIFO that are in no announced burst
  logic [7:0] answers_q;                       // responses still to come
  logic fifo_valid, pop;
  wire [4:0] to_boundary = 5'd16 - {1'b0, address_q[7:4]};
  wire [4:0] size = left_q < 28'(to_boundary) ? left_q[4:0] : to_boundary;
  wire announce = ready_q && !sending_q && !axi_awvalid_o && !halt_i && answers_q[7:6] != 2'b11;

  fifo #(.Width(144), .Depth(32)) u_fifo (
    .clk_i, .clear_i(clear_i || !rst_ni), .push_i, .data_i(beat_i), .free_o, .valid_o(fifo_valid),
    .data_o({axi_wstrb_o, axi_wdata_o}), .pop_i(pop)
  );
  assign axi_wvalid_o = sending_q;
  assign pop = sending_q && axi_wready_i;
  assign axi_bready_o = 1'b1;
  assign busy_o = working_q || !idle_o;

  always_ff @(posedge clk_i) begin
    if (size_q) next_q <= size;
    if (start_i) begin
      left_q <= beats_i;
      address_q <= address_i;
    end else if (announce) begin
      // A burst ends at the boundary or ends the job.
      left_q <= left_q - 28'(next_q);
      address_q <= {address_q[48:8] + 41'd1, 8'd0};
    end
    if (announce) begin
      axi_awaddr_o <= address_q;
      axi_awlen_o <= {3'd0, next_q} - 8'd1;
    end
    error_o <= rst_ni && axi_bvalid_i && axi_bresp_i[1];
    if (!rst_ni || clear_i) begin
      working_q <= 1'b0;
      size_q <= 1'b0;
      sized_q <= 1'b0;
      ready_q <= 1'b0;
      unclaimed_q <= '0;
    end else begin
      size_q <= start_i || announce;
      if (start_i) working_q <= 1'b1;
      else if (size_q && left_q == 0) working_q <= 1'b0;
      if (announce) sized_q <= 1'b0;
      else if (size_q) sized_q <= left_q != 0;
      ready_q <= sized_q && !announce && unclaimed_q >= 6'(next_q);
      unclaimed_q <= unclaimed_q + 6'(push_i) - (announce ? 6'(next_q) : 6'd0);
    end
    if (!rst_ni) begin
      axi_awvalid_o <= 1'b0;
      axi_wlast_o <= 1'b0;
      sending_q <= 1'b0;
      burst_q <= '0;
      answers_q <= '0;
      idle_o <= 1'b1;
    end else begin
      if (announce) begin
        axi_awvalid_o <= 1'b1;
        burst_q <= next_q;
        sending_q <= 1'b1;
        axi_wlast_o <= next_q == 5'd1;
      end else begin
        if (axi_awready_i) axi_awvalid_o <= 1'b0;
        if (pop) begin
          burst_q <= burst_q - 5'd1;
          axi_wlast_o <= burst_q == 5'd2;
          if (axi_wlast_o) sending_q <= 1'b0;
        end
      end
      if (announce != axi_bvalid_i) answers_q <= announce ? answers_q + 8'd1 : answers_q - 8'd1;
      idle_o <= !announce && !axi_awvalid_o && !sending_q && answers_q == 0;
    end
  end

`ifndef SYNTHESIS
  BeatsAreThere_A: assert property (@(posedge clk_i) disable iff (!rst_ni) axi_wvalid_o |-> fifo_valid);
  ClearOnlyWhenIdle_A: assert property (@(posedge clk_i) disable iff (!rst_ni) clear_i |-> !axi_awvalid_o && !sending_q);
  AddressHolds_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      axi_awvalid_o && !axi_awready_i |=> axi_awvalid_o && $stable(axi_awaddr_o) && $stable(axi_awlen_o));
  DataHolds_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      axi_wvalid_o && !axi_wready_i |=> axi_wvalid_o && $stable(axi_wdata_o) && $stable(axi_wstrb_o) && $stable(axi_wlast_o));
  InsidePage_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      axi_awvalid_o |-> {5'd0, axi_awaddr_o[7:4]} + {1'b0, axi_awlen_o} < 9'd16);
`endif
endmodule
