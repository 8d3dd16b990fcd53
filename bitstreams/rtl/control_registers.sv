/// The overlay's AXI4-Lite registers (sdk/src/overlay/registers.ts) and the state of a run.
///
/// START clears the datapath and begins; the last frame, an error or ABORT ends the run. After an error or ABORT the bus is
/// brought to rest first: `halt_o` stops new bursts, and only when nothing is under way does STATUS leave BUSY.
/// Settings are taken as they stand; software must not change them while BUSY.
module control_registers
  import sluice_pkg::*;
#(
  parameter logic [31:0] Geometry      = '0,
  parameter logic [31:0] Capability    = '0,
  parameter int          Rows          = 0,
  parameter int          WeightLines   = 0
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         axi_awvalid_i,
  output logic         axi_awready_o,
  input  logic [11:0]  axi_awaddr_i,
  input  logic         axi_wvalid_i,
  output logic         axi_wready_o,
  input  logic [31:0]  axi_wdata_i,
  output logic         axi_bvalid_o,
  input  logic         axi_bready_i,
  output logic [1:0]   axi_bresp_o,
  input  logic         axi_arvalid_i,
  output logic         axi_arready_o,
  input  logic [11:0]  axi_araddr_i,
  output logic         axi_rvalid_o,
  input  logic         axi_rready_i,
  output logic [31:0]  axi_rdata_o,
  output logic [1:0]   axi_rresp_o,
  output logic         interrupt_o,

  output logic         clear_o,          // resets the datapath: for one cycle, and as long as rst_ni is low
  output logic         start_o,
  output logic         halt_o,
  input  logic         bus_idle_i,
  output logic [48:0]  image_o,
  output logic [48:0]  input_o,          // of the current frame
  output logic [48:0]  output_o,
  output logic [48:0]  scratch_o,
  output logic [31:0]  command_offset_o,
  output logic [15:0]  command_count_o,
  output logic [31:0]  frames_o,
  output logic [31:0]  tables_offset_o,
  output logic [31:0]  tables_bytes_o,

  input  logic         frame_done_i,
  input  logic         all_done_i,
  input  logic [7:0]   error_i,
  input  logic [15:0]  error_index_i,
  input  logic [31:0]  stall_weights_i,
  input  logic [31:0]  stall_data_i,
  input  logic [31:0]  weight_beats_i,
  output logic [31:0]  layer_select_o,
  input  logic [31:0]  layer_cycles_i,
  input  logic [31:0]  layer_stall_i,
  input  logic [31:0]  layer_beats_i,
  input  logic [31:0]  layer_crc0_i,
  input  logic [31:0]  layer_crc1_i
);
  typedef enum logic [2:0] {Ready, Clear, Cleared, Begin, Running, Stopping, Halting} state_e;
  state_e state_q;
  logic clear_q = 1'b1;                        // the datapath starts up cleared
  logic done_q, failed_q, irq_enable_q, irq_q;
  logic [7:0] error_q;
  logic [15:0] error_command_q;
  logic [31:0] settings_q [16];                // 0x040..0x07c; FRAMES_DONE is not one of them
  logic [31:0] frames_done_q, layer_select_q;
  logic [63:0] cycles_q;
  logic [48:0] input_q, output_q;

  function automatic logic [3:0] setting(input logic [11:0] address);
    setting = address[5:2];
  endfunction

  wire [31:0] image_lo = settings_q[setting(REG_IMAGE_BASE_LO)];
  assign image_o = {settings_q[setting(REG_IMAGE_BASE_HI)][16:0], image_lo};
  assign scratch_o = {settings_q[setting(REG_SCRATCH_BASE_HI)][16:0], settings_q[setting(REG_SCRATCH_BASE_LO)]};
  assign input_o = input_q;
  assign output_o = output_q;
  assign command_offset_o = settings_q[setting(REG_COMMAND_OFFSET)];
  assign command_count_o = settings_q[setting(REG_COMMAND_COUNT)][15:0];
  assign frames_o = settings_q[setting(REG_FRAME_COUNT)];
  assign tables_offset_o = settings_q[setting(REG_TABLES_OFFSET)];
  assign tables_bytes_o = settings_q[setting(REG_TABLES_BYTES)];
  assign layer_select_o = layer_select_q;
  assign interrupt_o = irq_q && irq_enable_q;

  // Addresses the bus cannot reach, bases that break the contract's alignment, nothing to run. Settings are older than START.
  logic bad_bases_q, bad_count_q, no_frames_q;
  always_ff @(posedge clk_i) begin
    bad_bases_q <= image_lo[11:0] != 0 || settings_q[setting(REG_INPUT_BASE_LO)][5:0] != 0
        || settings_q[setting(REG_OUTPUT_BASE_LO)][5:0] != 0 || settings_q[setting(REG_SCRATCH_BASE_LO)][5:0] != 0
        || settings_q[setting(REG_IMAGE_BASE_HI)][31:17] != 0 || settings_q[setting(REG_INPUT_BASE_HI)][31:17] != 0
        || settings_q[setting(REG_OUTPUT_BASE_HI)][31:17] != 0 || settings_q[setting(REG_SCRATCH_BASE_HI)][31:17] != 0;
    bad_count_q <= settings_q[setting(REG_COMMAND_COUNT)] == 0 || settings_q[setting(REG_COMMAND_COUNT)][31:16] != 0;
    no_frames_q <= frames_o == 0;
  end

  // ---- writes: address and data are taken together, and act a cycle later
  wire write = axi_awvalid_i && axi_wvalid_i && !axi_bvalid_o;
  assign axi_awready_o = write;
  assign axi_wready_o = write;
  assign axi_bresp_o = 2'b00;
  logic write_q, write_setting_q;
  logic [11:0] write_address_q;
  logic [31:0] write_data_q;
  always_ff @(posedge clk_i) begin
    write_q <= write && rst_ni;
    write_setting_q <= write && rst_ni && axi_awaddr_i[11:6] == 6'd1;
    write_address_q <= axi_awaddr_i;
    write_data_q <= axi_wdata_i;
  end
  wire busy = state_q != Ready;
  wire command = write_q && write_address_q == REG_CONTROL;
  wire start = command && write_data_q[0] && !write_data_q[1] && !busy;
  wire abort = command && write_data_q[1] && busy;
  logic aborted_q;
  logic finish_now, finish_bad;
  logic [7:0] finish_code;

  assign start_o = state_q == Begin && !finish_now;
  assign clear_o = clear_q;

  always_comb begin
    finish_now = 1'b0;
    finish_bad = 1'b0;
    finish_code = ERROR_NONE;
    case (state_q)
      Begin: begin
        finish_bad = bad_bases_q || bad_count_q;
        finish_now = finish_bad || no_frames_q;
        finish_code = bad_bases_q ? ERROR_MEMORY : ERROR_BAD_COMMAND;
      end
      Running: finish_now = all_done_i;
      Halting: begin
        finish_now = bus_idle_i;
        finish_bad = 1'b1;
        finish_code = error_q;
      end
      default: finish_now = 1'b0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    clear_q <= !rst_ni || state_q == Clear || (state_q == Halting && bus_idle_i);
    // From the first cycle of Halting, in which the bus still tells of the last burst, until the datapath is cleared.
    halt_o <= state_q == Stopping || state_q == Halting;
    if (state_q == Clear) begin
      input_q <= {settings_q[setting(REG_INPUT_BASE_HI)][16:0], settings_q[setting(REG_INPUT_BASE_LO)]};
      output_q <= {settings_q[setting(REG_OUTPUT_BASE_HI)][16:0], settings_q[setting(REG_OUTPUT_BASE_LO)]};
    end else if (frame_done_i) begin
      input_q <= input_q + 49'(settings_q[setting(REG_INPUT_STRIDE)]);
      output_q <= output_q + 49'(settings_q[setting(REG_OUTPUT_STRIDE)]);
    end
    if (!rst_ni) begin
      state_q <= Ready;
      done_q <= 1'b0;
      failed_q <= 1'b0;
      irq_enable_q <= 1'b0;
      irq_q <= 1'b0;
      error_q <= ERROR_NONE;
      error_command_q <= '0;
      frames_done_q <= '0;
      layer_select_q <= '0;
      cycles_q <= '0;
      aborted_q <= 1'b0;
      axi_bvalid_o <= 1'b0;
      for (int index = 0; index < 16; index += 1) settings_q[index] <= '0;
    end else begin
      if (write) axi_bvalid_o <= 1'b1;
      else if (axi_bready_i) axi_bvalid_o <= 1'b0;

      for (int index = 0; index < 16; index += 1) begin
        if (write_setting_q && write_address_q[5:2] == 4'(index)) settings_q[index] <= write_data_q;
      end
      if (write_q && write_address_q == REG_IRQ_ENABLE) irq_enable_q <= write_data_q[0];
      if (write_q && write_address_q == REG_IRQ_STATUS && write_data_q[0]) irq_q <= 1'b0;
      if (write_q && write_address_q == REG_LAYER_SELECT) layer_select_q <= write_data_q;

      if (state_q == Clear) cycles_q <= '0;
      else if (state_q == Running || state_q == Stopping || state_q == Halting) cycles_q <= cycles_q + 64'd1;
      if (state_q == Clear) frames_done_q <= '0;
      else if (state_q == Running && frame_done_i) frames_done_q <= frames_done_q + 32'd1;
      case (state_q)
        Ready: if (start) begin
          state_q <= Clear;
          done_q <= 1'b0;
          failed_q <= 1'b0;
          aborted_q <= 1'b0;
        end
        Clear: begin
          state_q <= Cleared;
          error_q <= ERROR_NONE;
          error_command_q <= '0;
        end
        Cleared: state_q <= Begin;
        Begin: state_q <= Running;
        Running: begin
          if (error_i != ERROR_NONE || abort || aborted_q) begin
            state_q <= Stopping;
            error_q <= error_i != ERROR_NONE ? error_i : ERROR_ABORTED;
            error_command_q <= error_index_i;
          end
        end
        Stopping: state_q <= Halting;
        default: state_q <= state_q;
      endcase
      if (abort) aborted_q <= 1'b1;
      if (finish_now) begin
        state_q <= Ready;
        done_q <= !finish_bad;
        failed_q <= finish_bad;
        if (finish_bad) error_q <= finish_code;
        if (irq_enable_q) irq_q <= 1'b1;
      end
    end
  end

  // ---- reads: the address, a value from each of four groups, their union
  (* ram_style = "distributed" *) logic [31:0] copies [16];   // of the settings, to read them back
  logic [15:0] written_q;                      // since reset; the others are 0
  logic [2:0] read_q;                          // one-hot
  logic [11:0] read_address_q;
  logic [31:0] setting_q, state_value_q, counter_value_q, layer_value_q;
  assign axi_arready_o = !axi_rvalid_o && read_q == 0;
  assign axi_rresp_o = 2'b00;
  always_ff @(posedge clk_i) begin
    if (write_setting_q) copies[write_address_q[5:2]] <= write_data_q;
    if (!rst_ni) written_q <= '0;
    else if (write_setting_q) written_q[write_address_q[5:2]] <= 1'b1;

    read_q <= rst_ni ? {read_q[1:0], axi_arvalid_i && axi_arready_o} : 3'd0;
    if (axi_arvalid_i && axi_arready_o) read_address_q <= axi_araddr_i;
    setting_q <= read_address_q[11:6] == 6'd1 && read_address_q[1:0] == 0 && written_q[read_address_q[5:2]]
        && read_address_q != REG_FRAMES_DONE ? copies[read_address_q[5:2]] : '0;
    case (read_address_q)
      REG_ID: state_value_q <= OVERLAY_ID;
      REG_VERSION: state_value_q <= OVERLAY_VERSION;
      REG_GEOMETRY: state_value_q <= Geometry;
      REG_CAPABILITY: state_value_q <= Capability;
      REG_ACTIVATION_ROWS: state_value_q <= 32'(Rows);
      REG_WEIGHT_LINES: state_value_q <= 32'(WeightLines);
      REG_STATUS: state_value_q <= busy ? STATUS_BUSY : done_q ? STATUS_DONE : failed_q ? STATUS_ERROR : 32'd0;
      REG_ERROR: state_value_q <= busy ? 32'd0 : 32'(error_q);
      REG_ERROR_COMMAND: state_value_q <= busy ? 32'd0 : 32'(error_command_q);
      REG_IRQ_ENABLE: state_value_q <= 32'(irq_enable_q);
      REG_IRQ_STATUS: state_value_q <= 32'(irq_q);
      default: state_value_q <= '0;
    endcase
    case (read_address_q)
      REG_FRAMES_DONE: counter_value_q <= frames_done_q;
      REG_CYCLES_LO: counter_value_q <= cycles_q[31:0];
      REG_CYCLES_HI: counter_value_q <= cycles_q[63:32];
      REG_STALL_WEIGHTS: counter_value_q <= stall_weights_i;
      REG_STALL_DATA: counter_value_q <= stall_data_i;
      REG_WEIGHT_BEATS: counter_value_q <= weight_beats_i;
      REG_LAYER_SELECT: counter_value_q <= layer_select_q;
      default: counter_value_q <= '0;
    endcase
    case (read_address_q)
      REG_LAYER_CYCLES: layer_value_q <= layer_cycles_i;
      REG_LAYER_STALL_WEIGHTS: layer_value_q <= layer_stall_i;
      REG_LAYER_WEIGHT_BEATS: layer_value_q <= layer_beats_i;
      REG_LAYER_CRC0: layer_value_q <= layer_crc0_i;
      REG_LAYER_CRC1: layer_value_q <= layer_crc1_i;
      default: layer_value_q <= '0;
    endcase
    if (!rst_ni) axi_rvalid_o <= 1'b0;
    else if (read_q[2]) axi_rvalid_o <= 1'b1;
    else if (axi_rready_i) axi_rvalid_o <= 1'b0;
    if (read_q[2]) axi_rdata_o <= setting_q | state_value_q | counter_value_q | layer_value_q;
  end

`ifndef SYNTHESIS
  AnswerHolds_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      axi_rvalid_o && !axi_rready_i |=> axi_rvalid_o && $stable(axi_rdata_o));
  StartsClear_A: assert property (@(posedge clk_i) disable iff (!rst_ni) start_o |-> !clear_o && !halt_o);
`endif
endmodule
