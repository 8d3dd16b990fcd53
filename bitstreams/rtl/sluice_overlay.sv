/// The overlay: line-rate weight unpacking in front of a Pixels x Inputs x Outputs int8 engine, run by a layer program.
///
/// One clock, synchronous reset. AXI4-Lite slave for the registers, two 128-bit AXI4 read ports (weights; commands,
/// parameters and inputs), one 128-bit AXI4 write port, one level interrupt. Contract: sdk/src/overlay.
module sluice_overlay
  import sluice_pkg::*;
#(
  parameter int Pixels          = 8,
  parameter int Inputs          = 8,
  parameter int Outputs         = 16,
  parameter int DecoderLanes    = 16,
  parameter int RequantizeLanes = 32,
  parameter int ActivationRows  = 24576,
  parameter int WeightLines     = 2048,
  parameter int MaxLayers       = 256,
  parameter int Inflate         = 0          // with a decoder for DEFLATE beside the one for `ans`
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  output logic         interrupt_o,

  input  logic         s_awvalid_i,
  output logic         s_awready_o,
  input  logic [11:0]  s_awaddr_i,
  input  logic         s_wvalid_i,
  output logic         s_wready_o,
  input  logic [31:0]  s_wdata_i,
  output logic         s_bvalid_o,
  input  logic         s_bready_i,
  output logic [1:0]   s_bresp_o,
  input  logic         s_arvalid_i,
  output logic         s_arready_o,
  input  logic [11:0]  s_araddr_i,
  output logic         s_rvalid_o,
  input  logic         s_rready_i,
  output logic [31:0]  s_rdata_o,
  output logic [1:0]   s_rresp_o,

  output logic         w_arvalid_o,     // weights
  input  logic         w_arready_i,
  output logic [48:0]  w_araddr_o,
  output logic [7:0]   w_arlen_o,
  input  logic         w_rvalid_i,
  output logic         w_rready_o,
  input  logic [127:0] w_rdata_i,
  input  logic [1:0]   w_rresp_i,
  input  logic         w_rlast_i,

  output logic         d_arvalid_o,     // data
  input  logic         d_arready_i,
  output logic [48:0]  d_araddr_o,
  output logic [7:0]   d_arlen_o,
  input  logic         d_rvalid_i,
  output logic         d_rready_o,
  input  logic [127:0] d_rdata_i,
  input  logic [1:0]   d_rresp_i,
  input  logic         d_rlast_i,
  output logic         d_awvalid_o,
  input  logic         d_awready_i,
  output logic [48:0]  d_awaddr_o,
  output logic [7:0]   d_awlen_o,
  output logic         d_wvalid_o,
  input  logic         d_wready_i,
  output logic [127:0] d_wdata_o,
  output logic [15:0]  d_wstrb_o,
  output logic         d_wlast_o,
  input  logic         d_bvalid_i,
  output logic         d_bready_o,
  input  logic [1:0]   d_bresp_i
);
  localparam logic [15:0] Codecs = Inflate != 0 ? 16'h0007 : 16'h0005;  // stored, deflate, ans
  localparam int LineBits = Inputs * Outputs * 8;
  localparam int WordBits = Inputs * 8;

  // ---- control
  logic reset_or_clear, run_start, halt, bus_idle, frame_done, all_done;
  logic [48:0] image, input_base, output_base, scratch_base;
  logic [31:0] command_offset, frames, tables_offset, tables_bytes;
  logic [15:0] command_count, error_index;
  logic [7:0] error;
  logic [31:0] stall_weights, stall_data, weight_beats, layer_select, layer_cycles, layer_stall, layer_beats;
  logic [31:0] layer_crc0, layer_crc1;

  control_registers #(
    .Geometry({8'(DecoderLanes), 8'(Outputs), 8'(Inputs), 8'(Pixels)}),
    .Capability({8'(Outputs), 8'(RequantizeLanes), Codecs}), .Rows(ActivationRows), .WeightLines(WeightLines)
  ) u_registers (
    .clk_i, .rst_ni,
    .axi_awvalid_i(s_awvalid_i), .axi_awready_o(s_awready_o), .axi_awaddr_i(s_awaddr_i), .axi_wvalid_i(s_wvalid_i),
    .axi_wready_o(s_wready_o), .axi_wdata_i(s_wdata_i), .axi_bvalid_o(s_bvalid_o), .axi_bready_i(s_bready_i),
    .axi_bresp_o(s_bresp_o), .axi_arvalid_i(s_arvalid_i), .axi_arready_o(s_arready_o), .axi_araddr_i(s_araddr_i),
    .axi_rvalid_o(s_rvalid_o), .axi_rready_i(s_rready_i), .axi_rdata_o(s_rdata_o), .axi_rresp_o(s_rresp_o),
    .interrupt_o, .clear_o(reset_or_clear), .start_o(run_start), .halt_o(halt), .bus_idle_i(bus_idle),
    .image_o(image), .input_o(input_base), .output_o(output_base), .scratch_o(scratch_base),
    .command_offset_o(command_offset), .command_count_o(command_count), .frames_o(frames),
    .tables_offset_o(tables_offset), .tables_bytes_o(tables_bytes),
    .frame_done_i(frame_done), .all_done_i(all_done), .error_i(error), .error_index_i(error_index),
    .stall_weights_i(stall_weights), .stall_data_i(stall_data), .weight_beats_i(weight_beats),
    .layer_select_o(layer_select), .layer_cycles_i(layer_cycles), .layer_stall_i(layer_stall),
    .layer_beats_i(layer_beats), .layer_crc0_i(layer_crc0), .layer_crc1_i(layer_crc1)
  );

  // ---- commands
  logic [3:1] queue_valid, queue_advance;
  command_t reader_command, unpacker_command, parameters_command;
  logic [511:0] next_words;
  logic [15:0] next_index, unpacker_index;
  logic next_valid, next_final, next_slot, next_take, may_leave, slot_unused, slot_ahead, leave;
  logic [1:0] ahead;
  logic [2:0] data_ar_valid, data_ar_ready, data_beat;       // parameters, loads, commands: those are there long before
  logic [2:0][48:0] data_ar_address;
  logic [2:0][3:0] data_ar_length;
  logic [127:0] data;
  // Settings stand still for long before they matter.
  logic [48:0] program_address_q, tables_address_q;
  always_ff @(posedge clk_i) begin
    program_address_q <= image + 49'(command_offset);
    tables_address_q <= image + 49'(tables_offset);
  end

  command_queue u_queue (
    .clk_i, .clear_i(reset_or_clear), .halt_i(halt), .start_i(run_start), .program_i(program_address_q),
    .count_i(command_count), .frames_i(frames), .next_valid_o(next_valid), .next_words_o(next_words),
    .next_index_o(next_index), .next_final_o(next_final), .next_slot_o(next_slot), .next_take_i(next_take),
    .leave_i(leave), .may_leave_o(may_leave), .slot_unused_o(slot_unused), .valid_o(queue_valid),
    .reader_command_o(reader_command), .unpacker_command_o(unpacker_command),
    .parameters_command_o(parameters_command), .unpacker_index_o(unpacker_index), .advance_i(queue_advance),
    .ahead_o(ahead), .slot_ahead_o(slot_ahead), .yield_i(load_busy),
    .ar_valid_o(data_ar_valid[2]), .ar_ready_i(data_ar_ready[2]), .ar_address_o(data_ar_address[2]),
    .ar_length_o(data_ar_length[2]), .beat_i(data_beat[2]), .data_i(data)
  );

  // ---- weights
  logic weights_valid, weights_pop, weight_idle, weight_error, line_free, line_write, stream_error, tables_error, tables_settled;
  logic [127:0] weights_data, weight_data;
  logic [LineBits-1:0] new_line, line;
  logic [15:0] stream_error_index, line_index, release_lines;
  logic line_available, release_lines_now;
  logic [1:0] weight_ar_valid, weight_ar_ready, weight_beat;
  logic [1:0][48:0] weight_ar_address;
  logic [1:0][3:0] weight_ar_length;

  weight_reader u_weight_reader (
    .clk_i, .clear_i(reset_or_clear), .halt_i(halt), .image_i(image), .command_valid_i(queue_valid[1]),
    .command_i(reader_command), .advance_o(queue_advance[1]),
    .valid_o(weights_valid), .data_o(weights_data), .pop_i(weights_pop),
    .ar_valid_o(weight_ar_valid[1]), .ar_ready_i(weight_ar_ready[1]), .ar_address_o(weight_ar_address[1]),
    .ar_length_o(weight_ar_length[1]), .beat_i(weight_beat[1]), .data_i(weight_data)
  );
  read_port #(.Clients(2)) u_weight_port (
    .clk_i, .rst_ni, .idle_o(weight_idle), .error_o(weight_error),
    .ar_valid_i(weight_ar_valid), .ar_ready_o(weight_ar_ready), .ar_address_i(weight_ar_address),
    .ar_length_i(weight_ar_length), .beat_o(weight_beat), .data_o(weight_data),
    .axi_arvalid_o(w_arvalid_o), .axi_arready_i(w_arready_i), .axi_araddr_o(w_araddr_o), .axi_arlen_o(w_arlen_o),
    .axi_rvalid_i(w_rvalid_i), .axi_rready_o(w_rready_o), .axi_rdata_i(w_rdata_i), .axi_rresp_i(w_rresp_i),
    .axi_rlast_i(w_rlast_i)
  );
  weight_unpacker #(.Inputs(Inputs), .Outputs(Outputs), .Lanes(DecoderLanes), .Codecs(Codecs)) u_unpacker (
    .clk_i, .rst_ni, .clear_i(reset_or_clear), .halt_i(halt), .tables_start_i(run_start),
    .tables_address_i(tables_address_q), .tables_bytes_i(tables_bytes), .tables_settled_o(tables_settled),
    .tables_error_o(tables_error), .ar_valid_o(weight_ar_valid[0]), .ar_ready_i(weight_ar_ready[0]),
    .ar_address_o(weight_ar_address[0]), .ar_length_o(weight_ar_length[0]), .beat_i(weight_beat[0]),
    .table_data_i(weight_data), .command_valid_i(queue_valid[2]), .command_i(unpacker_command),
    .command_index_i(unpacker_index), .advance_o(queue_advance[2]), .valid_i(weights_valid), .data_i(weights_data),
    .pop_o(weights_pop), .line_free_i(line_free), .line_write_o(line_write), .line_o(new_line),
    .error_o(stream_error), .error_index_o(stream_error_index)
  );
  weight_ring #(.LineBits(LineBits), .Lines(2 * WeightLines), .Delay(7)) u_ring (
    .clk_i, .clear_i(reset_or_clear), .write_i(line_write), .line_i(new_line), .free_o(line_free),
    .index_i(line_index), .available_o(line_available), .line_o(line), .release_i(release_lines_now),
    .release_lines_i(release_lines)
  );

  // ---- executor
  command_t command;
  logic command_slot, compute_start, load_start, store_start, compute_busy, load_busy, store_busy, tables_ready;
  logic starved, write_error, data_error;
  logic [12:0] in_words, out_words, in_groups, out_groups;
  logic [3:0] passes;
  logic [31:0] crc0, crc1;

  executor #(
    .Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Rows(ActivationRows), .WeightLines(WeightLines),
    .MaxLayers(MaxLayers), .Codecs(Codecs)
  ) u_executor (
    .clk_i, .clear_i(reset_or_clear), .start_i(run_start), .frames_i(frames), .count_i(command_count),
    .next_valid_i(next_valid), .next_words_i(next_words), .next_index_i(next_index), .next_final_i(next_final),
    .next_slot_i(next_slot), .take_o(next_take), .may_leave_i(may_leave), .leave_o(leave), .command_o(command), .slot_o(command_slot), .in_words_o(in_words),
    .out_words_o(out_words), .in_groups_o(in_groups), .out_groups_o(out_groups), .passes_o(passes),
    .compute_start_o(compute_start), .load_start_o(load_start), .store_start_o(store_start),
    .compute_busy_i(compute_busy), .load_busy_i(load_busy), .store_busy_i(store_busy), .tables_ready_i(tables_ready), .weight_tables_settled_i(tables_settled),
    .starved_i(starved), .memory_error_i(weight_error || data_error || write_error), .tables_error_i(tables_error), .stream_error_i(stream_error),
    .stream_error_index_i(stream_error_index), .crc0_i(crc0), .crc1_i(crc1), .frame_done_o(frame_done),
    .all_done_o(all_done), .error_o(error), .error_index_o(error_index), .stall_weights_o(stall_weights),
    .stall_data_o(stall_data), .weight_beats_o(weight_beats), .layer_select_i(layer_select),
    .layer_cycles_o(layer_cycles), .layer_stall_o(layer_stall), .layer_beats_o(layer_beats),
    .layer_crc0_o(layer_crc0), .layer_crc1_o(layer_crc1)
  );

  // ---- parameters and tables
  logic [1:0] table_write, addend_write;
  logic [7:0] table_address;
  logic [8:0] addend_address;
  logic [31:0] table_data;
  logic record_valid, record_pop;
  logic [127:0] record;
  parameter_fetch #(.Outputs(Outputs)) u_parameters (
    .clk_i, .clear_i(reset_or_clear), .halt_i(halt), .image_i(image), .command_valid_i(queue_valid[3]),
    .command_i(parameters_command), .ahead_i(ahead), .slot_unused_i(slot_unused), .slot_i(slot_ahead), .advance_o(queue_advance[3]),
    .left_i(leave), .tables_ready_o(tables_ready), .table_write_o(table_write), .table_address_o(table_address),
    .addend_write_o(addend_write), .addend_address_o(addend_address), .table_data_o(table_data),
    .record_valid_o(record_valid), .record_o(record), .record_pop_i(record_pop),
    .ar_valid_o(data_ar_valid[0]), .ar_ready_i(data_ar_ready[0]), .ar_address_o(data_ar_address[0]),
    .ar_length_o(data_ar_length[0]), .beat_i(data_beat[0]), .data_i(data)
  );

  // ---- loads and the data port
  logic words_start, taps_start, words_busy, taps_busy, words_job, taps_job, load_valid, load_pop, load_job_busy;
  logic [27:0] words_beats, taps_beats;
  logic [127:0] load_data;
  logic [6:0] words_free;
  logic [7:0] taps_free;
  logic [Pixels-1:0] words_write, taps_write;
  logic [15:0] words_row, taps_row;
  logic [WordBits-1:0] words_word;
  logic [Pixels-1:0][WordBits-1:0] taps_word;
  wire taps_mode = command.taps_enable;
  // Ready when the unit that loads or stores has worked out its number of beats.
  logic [48:0] region_base_q, region_address_q;
  always_ff @(posedge clk_i) begin
    region_base_q <= command.region == REGION_INPUT ? input_base : command.region == REGION_OUTPUT ? output_base : scratch_base;
    region_address_q <= region_base_q + 49'(command.offset);
  end
  assign words_start = load_start && !taps_mode;
  assign taps_start = load_start && taps_mode;
  assign load_busy = words_busy || taps_busy || load_job_busy;

  read_job #(.BeatBits(28), .FreeBits(8)) u_load_job (
    .clk_i, .clear_i(reset_or_clear), .halt_i(halt), .start_i(words_job || taps_job), .address_i(region_address_q),
    .beats_i(taps_mode ? taps_beats : words_beats), .busy_o(load_job_busy),
    .free_i(taps_mode ? taps_free : {1'b0, words_free}), .beat_i(data_beat[1]),
    .ar_valid_o(data_ar_valid[1]), .ar_ready_i(data_ar_ready[1]), .ar_address_o(data_ar_address[1]),
    .ar_length_o(data_ar_length[1])
  );
  fifo #(.Width(128), .Depth(64)) u_load_fifo (
    .clk_i, .clear_i(reset_or_clear), .push_i(data_beat[1] && !taps_mode), .data_i(data), .free_o(words_free),
    .valid_o(load_valid), .data_o(load_data), .pop_i(load_pop)
  );
  load_words #(.Pixels(Pixels), .Inputs(Inputs)) u_load_words (
    .clk_i, .clear_i(reset_or_clear), .start_i(words_start), .command_i(command), .words_i(out_words),
    .busy_o(words_busy), .job_start_o(words_job), .beats_o(words_beats), .valid_i(load_valid), .data_i(load_data),
    .pop_o(load_pop), .write_o(words_write), .write_row_o(words_row), .write_data_o(words_word)
  );
  load_taps #(.Pixels(Pixels), .Inputs(Inputs)) u_load_taps (
    .clk_i, .clear_i(reset_or_clear), .start_i(taps_start), .command_i(command), .busy_o(taps_busy),
    .job_start_o(taps_job), .beats_o(taps_beats), .free_o(taps_free), .beat_i(data_beat[1] && taps_mode), .data_i(data),
    .write_o(taps_write), .write_row_o(taps_row), .write_data_o(taps_word)
  );
  logic data_idle;
  read_port #(.Clients(3)) u_data_port (
    .clk_i, .rst_ni, .idle_o(data_idle), .error_o(data_error),
    .ar_valid_i(data_ar_valid), .ar_ready_o(data_ar_ready), .ar_address_i(data_ar_address),
    .ar_length_i(data_ar_length), .beat_o(data_beat), .data_o(data),
    .axi_arvalid_o(d_arvalid_o), .axi_arready_i(d_arready_i), .axi_araddr_o(d_araddr_o), .axi_arlen_o(d_arlen_o),
    .axi_rvalid_i(d_rvalid_i), .axi_rready_o(d_rready_o), .axi_rdata_i(d_rdata_i), .axi_rresp_i(d_rresp_i),
    .axi_rlast_i(d_rlast_i)
  );

  // ---- stores
  logic store_unit_busy, store_active, store_job, store_push, write_busy, write_idle;
  logic [27:0] store_beats;
  logic [15:0] store_row;
  logic [143:0] store_beat;
  logic [5:0] store_free;
  logic [Pixels-1:0][WordBits-1:0] read_data;
  store_words #(.Pixels(Pixels), .Inputs(Inputs)) u_store (
    .clk_i, .clear_i(reset_or_clear), .start_i(store_start), .command_i(command), .words_i(in_words),
    .busy_o(store_unit_busy), .active_o(store_active), .job_start_o(store_job), .beats_o(store_beats),
    .row_o(store_row), .data_i(read_data), .free_i(store_free), .push_o(store_push), .beat_o(store_beat)
  );
  write_port u_write_port (
    .clk_i, .rst_ni, .clear_i(reset_or_clear), .halt_i(halt), .start_i(store_job), .address_i(region_address_q),
    .beats_i(store_beats), .busy_o(write_busy), .idle_o(write_idle), .error_o(write_error), .push_i(store_push),
    .beat_i(store_beat), .free_o(store_free), .axi_awvalid_o(d_awvalid_o), .axi_awready_i(d_awready_i),
    .axi_awaddr_o(d_awaddr_o), .axi_awlen_o(d_awlen_o), .axi_wvalid_o(d_wvalid_o), .axi_wready_i(d_wready_i),
    .axi_wdata_o(d_wdata_o), .axi_wstrb_o(d_wstrb_o), .axi_wlast_o(d_wlast_o), .axi_bvalid_i(d_bvalid_i),
    .axi_bready_o(d_bready_o), .axi_bresp_i(d_bresp_i)
  );
  assign store_busy = store_unit_busy || write_busy;
  assign bus_idle = weight_idle && data_idle && write_idle;

  // ---- the engine
  logic walker_busy, step, step_first, step_last, step_tile_first, step_tile_word, step_second, parameters_ready;
  logic signed [16:0] step_y;
  logic signed [17:0] step_x;
  logic [12:0] step_word;
  logic [3:0] step_pass, block_beats;
  logic [15:0] step_left;
  window_walker #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs)) u_walker (
    .clk_i, .clear_i(reset_or_clear), .start_i(compute_start), .command_i(command), .in_words_i(in_words),
    .out_words_i(out_words), .out_groups_i(out_groups), .passes_i(passes), .block_beats_i(block_beats),
    .busy_o(walker_busy), .line_o(line_index), .line_available_i(line_available), .release_o(release_lines_now),
    .release_lines_o(release_lines), .parameters_ready_i(parameters_ready), .starved_o(starved),
    .step_o(step), .first_o(step_first), .last_o(step_last), .tile_first_o(step_tile_first), .y_o(step_y), .x_o(step_x),
    .word_o(step_word), .tile_word_o(step_tile_word), .pass_o(step_pass), .second_o(step_second), .left_o(step_left)
  );

  logic [Pixels-1:0][15:0] read_rows;
  logic op_valid, op_first, op_last, op_tile_first, op_tile_word, op_second;
  logic [3:0] op_columns;
  logic [Pixels-1:0] op_active, op_inside;
  logic [Pixels-1:0][WordBits-1:0] op_codes;
  window_fetch #(.Pixels(Pixels), .Inputs(Inputs)) u_fetch (
    .clk_i, .clear_i(reset_or_clear), .command_i(command), .in_groups_i(in_groups), .in_words_i(in_words),
    .passes_i(passes), .step_i(step), .first_i(step_first), .last_i(step_last), .tile_first_i(step_tile_first),
    .y_i(step_y), .x_i(step_x), .word_i(step_word), .tile_word_i(step_tile_word), .pass_i(step_pass),
    .second_i(step_second), .left_i(step_left), .store_active_i(store_active), .store_row_i(store_row), .row_o(read_rows),
    .data_i(read_data),
    .valid_o(op_valid), .first_o(op_first), .last_o(op_last), .tile_first_o(op_tile_first),
    .tile_word_o(op_tile_word), .second_o(op_second), .columns_o(op_columns), .active_o(op_active),
    .inside_o(op_inside), .codes_o(op_codes)
  );

  wire weighted = command.opcode == OP_CONV || command.opcode == OP_DEPTHWISE;
  logic signed [31:0] acc [Pixels][Outputs];
  localparam int ArrayLatency = Inputs + 5;
  logic signed [23:0] sums [Pixels][Outputs];
  logic [7:0] beside [Pixels][Outputs];
  mac_array #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs)) u_array (
    .clk_i, .valid_i(op_valid && weighted), .first_i(op_first), .codes_i(op_codes), .line_i(line), .acc_o(acc)
  );
  window_sum #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Latency(ArrayLatency)) u_sums (
    .clk_i, .opcode_i(command.opcode), .pool_i(command.pool), .valid_i(op_valid), .first_i(op_first),
    .second_i(op_second), .tile_word_i(op_tile_word), .active_i(op_active), .inside_i(op_inside), .codes_i(op_codes),
    .sum_o(sums), .code_o(beside)
  );

  // The block is complete ArrayLatency cycles after its last operands.
  logic [ArrayLatency:1] last_q, tile_first_q;
  logic [ArrayLatency:1][3:0] columns_q;
  wire block = last_q[ArrayLatency];
  always_ff @(posedge clk_i) begin
    last_q <= {last_q[ArrayLatency-1:1], op_valid && op_last} & {ArrayLatency{!reset_or_clear}};
    tile_first_q <= {tile_first_q[ArrayLatency-1:1], op_tile_first};
    columns_q <= {columns_q[ArrayLatency-1:1], op_columns};
  end
  // Blocks between the walker and the requantiser.
  logic [5:0] flying_q;
  always_ff @(posedge clk_i) begin
    if (reset_or_clear) flying_q <= '0;
    else flying_q <= flying_q + 6'(step && step_last) - 6'(block);
  end

  logic requantizer_busy;
  logic [Pixels-1:0] result_write, bank_write;
  logic [Pixels-1:0][15:0] result_row, bank_row;
  logic [Pixels-1:0][WordBits-1:0] result_word, bank_word;
  requantizer #(.Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Lanes(RequantizeLanes)) u_requantizer (
    .clk_i, .clear_i(reset_or_clear), .start_i(compute_start), .command_i(command), .slot_i(command_slot),
    .out_words_i(out_words), .block_beats_o(block_beats), .busy_o(requantizer_busy), .record_valid_i(record_valid),
    .record_i(record), .record_pop_o(record_pop), .parameters_ready_o(parameters_ready),
    .tile_taken_i(step && step_last && step_tile_first), .table_write_i(table_write),
    .table_address_i(table_address), .addend_write_i(addend_write), .addend_address_i(addend_address),
    .table_data_i(table_data), .block_i(block), .block_tile_first_i(tile_first_q[ArrayLatency]),
    .block_columns_i(columns_q[ArrayLatency]), .acc_i(acc), .sum_i(sums), .code_i(beside), .write_o(result_write), .write_row_o(result_row),
    .write_data_o(result_word), .crc0_o(crc0), .crc1_o(crc1)
  );
  assign compute_busy = compute_start || walker_busy || flying_q != 0 || last_q != 0 || requantizer_busy;

  always_comb begin
    for (int bank = 0; bank < Pixels; bank += 1) begin
      bank_write[bank] = result_write[bank] || words_write[bank] || taps_write[bank];
      bank_row[bank] = result_write[bank] ? result_row[bank] : taps_mode ? taps_row : words_row;
      bank_word[bank] = result_write[bank] ? result_word[bank] : taps_mode ? taps_word[bank] : words_word;
    end
  end
  activation_memory #(.Pixels(Pixels), .Inputs(Inputs), .Rows(ActivationRows)) u_activations (
    .clk_i, .read_row_i(read_rows), .read_data_o(read_data), .write_i(bank_write), .write_row_i(bank_row),
    .write_data_i(bank_word)
  );
endmodule
