/// Three read jobs with FIFOs of different depths on one read port, and the write port: everything between the units of the
/// overlay and its AXI masters.
module port_clients (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             clear_i,
  input  logic             halt_i,
  output logic             read_idle_o,
  output logic             read_error_o,
  input  logic [2:0]       start_i,
  input  logic [48:0]      address_i,
  input  logic [27:0]      beats_i,
  output logic [2:0]       busy_o,
  output logic [2:0]       valid_o,
  output logic [2:0][31:0] data_o,        // the first word of the beat
  input  logic [2:0]       pop_i,

  input  logic             write_start_i,
  output logic             write_busy_o,
  output logic             write_idle_o,
  output logic             write_error_o,
  input  logic             push_i,
  input  logic [127:0]     push_data_i,
  input  logic [15:0]      push_strobes_i,
  output logic [5:0]       push_free_o,

  output logic             arvalid_o,
  input  logic             arready_i,
  output logic [48:0]      araddr_o,
  output logic [7:0]       arlen_o,
  input  logic             rvalid_i,
  output logic             rready_o,
  input  logic [127:0]     rdata_i,
  input  logic [1:0]       rresp_i,
  input  logic             rlast_i,
  output logic             awvalid_o,
  input  logic             awready_i,
  output logic [48:0]      awaddr_o,
  output logic [7:0]       awlen_o,
  output logic             wvalid_o,
  input  logic             wready_i,
  output logic [127:0]     wdata_o,
  output logic [15:0]      wstrb_o,
  output logic             wlast_o,
  input  logic             bvalid_i,
  output logic             bready_o,
  input  logic [1:0]       bresp_i
);
  logic [2:0] ar_valid, ar_ready, beat;
  logic [2:0][48:0] ar_address;
  logic [2:0][3:0] ar_length;
  logic [127:0] data;
  for (genvar client = 0; client < 3; client += 1) begin : gen_client
    localparam int Depth = 16 << (2 * client);             // 16, 64 in LUT memory, 256 in block RAM
    logic [$clog2(Depth):0] free;
    logic [127:0] word;
    read_job #(.BeatBits(28), .FreeBits($clog2(Depth) + 1)) u_job (
      .clk_i, .clear_i, .halt_i, .start_i(start_i[client]), .address_i, .beats_i, .busy_o(busy_o[client]), .free_i(free),
      .beat_i(beat[client]), .ar_valid_o(ar_valid[client]), .ar_ready_i(ar_ready[client]),
      .ar_address_o(ar_address[client]), .ar_length_o(ar_length[client])
    );
    fifo #(.Width(128), .Depth(Depth)) u_fifo (
      .clk_i, .clear_i, .push_i(beat[client]), .data_i(data), .free_o(free), .valid_o(valid_o[client]),
      .data_o(word), .pop_i(pop_i[client])
    );
    assign data_o[client] = word[31:0];
  end
  read_port #(.Clients(3)) u_read_port (
    .clk_i, .rst_ni, .idle_o(read_idle_o), .error_o(read_error_o), .ar_valid_i(ar_valid), .ar_ready_o(ar_ready),
    .ar_address_i(ar_address), .ar_length_i(ar_length), .beat_o(beat), .data_o(data), .axi_arvalid_o(arvalid_o),
    .axi_arready_i(arready_i), .axi_araddr_o(araddr_o), .axi_arlen_o(arlen_o), .axi_rvalid_i(rvalid_i),
    .axi_rready_o(rready_o), .axi_rdata_i(rdata_i), .axi_rresp_i(rresp_i), .axi_rlast_i(rlast_i)
  );
  write_port u_write_port (
    .clk_i, .rst_ni, .clear_i, .halt_i, .start_i(write_start_i), .address_i, .beats_i, .busy_o(write_busy_o),
    .idle_o(write_idle_o), .error_o(write_error_o), .push_i, .beat_i({push_strobes_i, push_data_i}),
    .free_o(push_free_o), .axi_awvalid_o(awvalid_o), .axi_awready_i(awready_i), .axi_awaddr_o(awaddr_o),
    .axi_awlen_o(awlen_o), .axi_wvalid_o(wvalid_o), .axi_wready_i(wready_i), .axi_wdata_o(wdata_o), .axi_wstrb_o(wstrb_o),
    .axi_wlast_o(wlast_o), .axi_bvalid_i(bvalid_i), .axi_bready_o(bready_o), .axi_bresp_i(bresp_i)
  );
endmodule
