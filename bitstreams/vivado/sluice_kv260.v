// The overlay with the port names a Vivado block design recognises. Plain Verilog, because a block design takes no
// SystemVerilog file as a module. Bursts are INCR beats of 16 bytes; HP ports see no caches.
module sluice_kv260 #(
  parameter Pixels = 8,
  parameter Inputs = 8,
  parameter Outputs = 16,
  parameter DecoderLanes = 16,
  parameter RequantizeLanes = 32,
  parameter ActivationRows = 24576,
  parameter WeightLines = 2048,
  parameter MaxLayers = 256
) (
  (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF s_axi:m_axi_weights:m_axi_data, ASSOCIATED_RESET aresetn" *)
  input  wire         aclk,
  (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
  input  wire         aresetn,
  (* X_INTERFACE_INFO = "xilinx.com:signal:interrupt:1.0 interrupt INTERRUPT" *)
  (* X_INTERFACE_PARAMETER = "SENSITIVITY LEVEL_HIGH" *)
  output wire         irq,

  input  wire [11:0]  s_axi_awaddr,
  input  wire [2:0]   s_axi_awprot,
  input  wire         s_axi_awvalid,
  output wire         s_axi_awready,
  input  wire [31:0]  s_axi_wdata,
  input  wire [3:0]   s_axi_wstrb,
  input  wire         s_axi_wvalid,
  output wire         s_axi_wready,
  output wire [1:0]   s_axi_bresp,
  output wire         s_axi_bvalid,
  input  wire         s_axi_bready,
  input  wire [11:0]  s_axi_araddr,
  input  wire [2:0]   s_axi_arprot,
  input  wire         s_axi_arvalid,
  output wire         s_axi_arready,
  output wire [31:0]  s_axi_rdata,
  output wire [1:0]   s_axi_rresp,
  output wire         s_axi_rvalid,
  input  wire         s_axi_rready,
  output wire [48:0]  m_axi_weights_araddr,
  output wire [7:0]   m_axi_weights_arlen,
  output wire [2:0]   m_axi_weights_arsize,
  output wire [1:0]   m_axi_weights_arburst,
  output wire [3:0]   m_axi_weights_arcache,
  output wire [2:0]   m_axi_weights_arprot,
  output wire         m_axi_weights_arvalid,
  input  wire         m_axi_weights_arready,
  input  wire [127:0] m_axi_weights_rdata,
  input  wire [1:0]   m_axi_weights_rresp,
  input  wire         m_axi_weights_rlast,
  input  wire         m_axi_weights_rvalid,
  output wire         m_axi_weights_rready,
  output wire [48:0]  m_axi_data_araddr,
  output wire [7:0]   m_axi_data_arlen,
  output wire [2:0]   m_axi_data_arsize,
  output wire [1:0]   m_axi_data_arburst,
  output wire [3:0]   m_axi_data_arcache,
  output wire [2:0]   m_axi_data_arprot,
  output wire         m_axi_data_arvalid,
  input  wire         m_axi_data_arready,
  input  wire [127:0] m_axi_data_rdata,
  input  wire [1:0]   m_axi_data_rresp,
  input  wire         m_axi_data_rlast,
  input  wire         m_axi_data_rvalid,
  output wire         m_axi_data_rready,
  output wire [48:0]  m_axi_data_awaddr,
  output wire [7:0]   m_axi_data_awlen,
  output wire [2:0]   m_axi_data_awsize,
  output wire [1:0]   m_axi_data_awburst,
  output wire [3:0]   m_axi_data_awcache,
  output wire [2:0]   m_axi_data_awprot,
  output wire         m_axi_data_awvalid,
  input  wire         m_axi_data_awready,
  output wire [127:0] m_axi_data_wdata,
  output wire [15:0]  m_axi_data_wstrb,
  output wire         m_axi_data_wlast,
  output wire         m_axi_data_wvalid,
  input  wire         m_axi_data_wready,
  input  wire [1:0]   m_axi_data_bresp,
  input  wire         m_axi_data_bvalid,
  output wire         m_axi_data_bready
);
  assign m_axi_weights_arsize = 3'd4;
  assign m_axi_weights_arburst = 2'b01;
  assign m_axi_weights_arcache = 4'b0011;
  assign m_axi_weights_arprot = 3'b000;
  assign m_axi_data_arsize = 3'd4;
  assign m_axi_data_arburst = 2'b01;
  assign m_axi_data_arcache = 4'b0011;
  assign m_axi_data_arprot = 3'b000;
  assign m_axi_data_awsize = 3'd4;
  assign m_axi_data_awburst = 2'b01;
  assign m_axi_data_awcache = 4'b0011;
  assign m_axi_data_awprot = 3'b000;

  sluice_overlay #(
    .Pixels(Pixels),
    .Inputs(Inputs),
    .Outputs(Outputs),
    .DecoderLanes(DecoderLanes),
    .RequantizeLanes(RequantizeLanes),
    .ActivationRows(ActivationRows),
    .WeightLines(WeightLines),
    .MaxLayers(MaxLayers)
  ) u_overlay (
    .clk_i(aclk),
    .rst_ni(aresetn),
    .interrupt_o(irq),
    .s_awvalid_i(s_axi_awvalid),
    .s_awready_o(s_axi_awready),
    .s_awaddr_i(s_axi_awaddr),
    .s_wvalid_i(s_axi_wvalid),
    .s_wready_o(s_axi_wready),
    .s_wdata_i(s_axi_wdata),
    .s_bvalid_o(s_axi_bvalid),
    .s_bready_i(s_axi_bready),
    .s_bresp_o(s_axi_bresp),
    .s_arvalid_i(s_axi_arvalid),
    .s_arready_o(s_axi_arready),
    .s_araddr_i(s_axi_araddr),
    .s_rvalid_o(s_axi_rvalid),
    .s_rready_i(s_axi_rready),
    .s_rdata_o(s_axi_rdata),
    .s_rresp_o(s_axi_rresp),
    .w_araddr_o(m_axi_weights_araddr),
    .w_arlen_o(m_axi_weights_arlen),
    .w_arvalid_o(m_axi_weights_arvalid),
    .w_arready_i(m_axi_weights_arready),
    .w_rdata_i(m_axi_weights_rdata),
    .w_rresp_i(m_axi_weights_rresp),
    .w_rlast_i(m_axi_weights_rlast),
    .w_rvalid_i(m_axi_weights_rvalid),
    .w_rready_o(m_axi_weights_rready),
    .d_araddr_o(m_axi_data_araddr),
    .d_arlen_o(m_axi_data_arlen),
    .d_arvalid_o(m_axi_data_arvalid),
    .d_arready_i(m_axi_data_arready),
    .d_rdata_i(m_axi_data_rdata),
    .d_rresp_i(m_axi_data_rresp),
    .d_rlast_i(m_axi_data_rlast),
    .d_rvalid_i(m_axi_data_rvalid),
    .d_rready_o(m_axi_data_rready),
    .d_awaddr_o(m_axi_data_awaddr),
    .d_awlen_o(m_axi_data_awlen),
    .d_awvalid_o(m_axi_data_awvalid),
    .d_awready_i(m_axi_data_awready),
    .d_wdata_o(m_axi_data_wdata),
    .d_wstrb_o(m_axi_data_wstrb),
    .d_wlast_o(m_axi_data_wlast),
    .d_wvalid_o(m_axi_data_wvalid),
    .d_wready_i(m_axi_data_wready),
    .d_bresp_i(m_axi_data_bresp),
    .d_bvalid_i(m_axi_data_bvalid),
    .d_bready_o(m_axi_data_bready)
  );
endmodule
