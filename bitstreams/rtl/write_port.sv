/// AXI4 write port: a job of beats from a FIFO, as bursts of at most 16 beats that end at 256-byte boundaries.
///
/// A burst is announced only when all its beats are in the FIFO, so the data channel never starves a burst that is on its
/// way, and stopping between bursts leaves the bus clean. `busy_o` falls after the last response.
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
  logic [27:0] left_q;
  logic [48:0] address_q;
  logic [4:0] burst_q;                         // beats of the current burst still to send
  logic [7:0] answers_q;                       // responses still to come
  logic fifo_valid, pop;
  wire [4:0] to_boundary = 5'd16 - {1'b0, address_q[7:4]};
  wire [4:0] burst = left_q < 28'(to_boundary) ? left_q[4:0] : to_boundary;
  wire [5:0] held = 6'd32 - free_o;
  wire announce = left_q != 0 && burst_q == 0 && !axi_awvalid_o && held >= 6'(burst) && !halt_i && answers_q < 8'd200;

  fifo #(.Width(144), .Depth(32)) u_fifo (
    .clk_i, .clear_i(clear_i || !rst_ni), .push_i, .data_i(beat_i), .free_o, .valid_o(fifo_valid),
    .data_o({axi_wstrb_o, axi_wdata_o}), .pop_i(pop)
  );
  assign axi_wvalid_o = burst_q != 0 && fifo_valid;
  assign axi_wlast_o = burst_q == 5'd1;
  assign pop = axi_wvalid_o && axi_wready_i;
  assign axi_bready_o = 1'b1;
  assign error_o = axi_bvalid_i && axi_bresp_i[1];
  assign idle_o = !axi_awvalid_o && burst_q == 0 && answers_q == 0;
  assign busy_o = left_q != 0 || !idle_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      axi_awvalid_o <= 1'b0;
      burst_q <= '0;
      answers_q <= '0;
      left_q <= '0;
    end else begin
      if (clear_i) left_q <= '0;
      else if (start_i) begin
        left_q <= beats_i;
        address_q <= address_i;
      end else if (announce) begin
        left_q <= left_q - 28'(burst);
        address_q <= address_q + {40'd0, burst, 4'd0};
      end
      if (announce) begin
        axi_awvalid_o <= 1'b1;
        axi_awaddr_o <= address_q;
        axi_awlen_o <= {3'd0, burst} - 8'd1;
        burst_q <= burst;
      end else begin
        if (axi_awready_i) axi_awvalid_o <= 1'b0;
        if (pop) burst_q <= burst_q - 5'd1;
      end
      answers_q <= answers_q + 8'(announce) - 8'(axi_bvalid_i);
    end
  end
endmodule
