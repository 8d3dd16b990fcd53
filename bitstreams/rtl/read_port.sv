/// One AXI4 read port for several clients: grants bursts in order of priority (client 0 first), returns beats to the
/// client that asked. One AXI ID, so answers come in the order of the requests.
///
/// The address channel is registered, and so are the beats on their way to the clients. `idle_o` says that no burst is
/// waiting or on its way; `error_o` pulses for a beat that was answered with SLVERR or DECERR.
module read_port #(
  parameter int Clients = 3
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  output logic                     idle_o,
  output logic                     error_o,

  input  logic [Clients-1:0]       ar_valid_i,
  output logic [Clients-1:0]       ar_ready_o,
  input  logic [Clients-1:0][48:0] ar_address_i,
  input  logic [Clients-1:0][3:0]  ar_length_i,
  output logic [Clients-1:0]       beat_o,
  output logic [127:0]             data_o,

  output logic                     axi_arvalid_o,
  input  logic                     axi_arready_i,
  output logic [48:0]              axi_araddr_o,
  output logic [7:0]               axi_arlen_o,
  input  logic                     axi_rvalid_i,
  output logic                     axi_rready_o,
  input  logic [127:0]             axi_rdata_i,
  input  logic [1:0]               axi_rresp_i,
  input  logic                     axi_rlast_i
);
  localparam int ClientBits = Clients > 1 ? $clog2(Clients) : 1;
  localparam int Bursts = 16;                  // under way at most

  logic [ClientBits-1:0] chosen, owner;
  logic any, owner_valid, take, full_q;
  logic [4:0] owners_free;

  always_comb begin
    chosen = '0;
    any = 1'b0;
    for (int client = Clients - 1; client >= 0; client -= 1) begin
      if (ar_valid_i[client]) begin
        chosen = ClientBits'(client);
        any = 1'b1;
      end
    end
  end

  // Full a little early, so that it can be a register.
  assign take = any && !full_q && (!axi_arvalid_o || axi_arready_i);
  always_comb begin
    ar_ready_o = '0;
    ar_ready_o[chosen] = take;
  end

  fifo #(.Width(ClientBits), .Depth(Bursts)) u_owners (
    .clk_i, .clear_i(!rst_ni),
    .push_i(take), .data_i(chosen), .free_o(owners_free),
    .valid_o(owner_valid), .data_o(owner), .pop_i(axi_rvalid_i && axi_rlast_i)
  );

  always_ff @(posedge clk_i) begin
    full_q <= owners_free <= 5'd2;
    if (!rst_ni) axi_arvalid_o <= 1'b0;
    else if (take) axi_arvalid_o <= 1'b1;
    else if (axi_arready_i) axi_arvalid_o <= 1'b0;
    if (take) begin
      axi_araddr_o <= ar_address_i[chosen];
      axi_arlen_o <= {4'd0, ar_length_i[chosen]};
    end
  end

  // Clients have room for every beat they asked for.
  assign axi_rready_o = 1'b1;
  always_ff @(posedge clk_i) begin
    data_o <= axi_rdata_i;
    for (int client = 0; client < Clients; client += 1) begin
      beat_o[client] <= rst_ni && axi_rvalid_i && owner == ClientBits'(client);
    end
    error_o <= rst_ni && axi_rvalid_i && axi_rresp_i[1];
    idle_o <= !take && !axi_arvalid_o && owners_free == 5'(Bursts) && !axi_rvalid_i;
  end

`ifndef SYNTHESIS
  EveryBeatHasAnOwner_A: assert property (@(posedge clk_i) disable iff (!rst_ni) axi_rvalid_i |-> owner_valid);
  RequestHolds_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      axi_arvalid_o && !axi_arready_i |=> axi_arvalid_o && $stable(axi_araddr_o) && $stable(axi_arlen_o));
`endif
endmodule
