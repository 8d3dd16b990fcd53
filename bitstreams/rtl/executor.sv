/// Runs the layer program command by command and keeps its counters.
///
/// A command is checked while the one before runs; then it waits for its tables, runs to its last write, and leaves.
/// Weights, parameters and the next commands arrive meanwhile. The first error stops the executor; `error_o` holds its code until the run is cleared.
module executor
  import sluice_pkg::*;
#(
  parameter int Pixels      = 8,
  parameter int Inputs      = 8,
  parameter int Outputs     = 16,
  parameter int Rows        = 24576,
  parameter int WeightLines = 2048,
  parameter int MaxLayers   = 256,
  parameter logic [15:0] Codecs = 16'h0001
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [31:0]  frames_i,
  input  logic [15:0]  count_i,           // commands of the program

  // The next command: command_queue.
  input  logic         next_valid_i,
  input  logic [511:0] next_words_i,
  input  logic [15:0]  next_index_i,
  input  logic         next_final_i,
  input  logic         next_slot_i,
  output logic         take_o,
  input  logic         may_leave_i,       // the other readers are done with the command
  output logic         leave_o,

  output command_t     command_o,         // constant from three cycles before a unit starts until it is done
  output logic         slot_o,
  output logic [12:0]  in_words_o,
  output logic [12:0]  out_words_o,
  output logic [12:0]  in_groups_o,
  output logic [12:0]  out_groups_o,
  output logic [3:0]   passes_o,
  output logic         compute_start_o,
  output logic         load_start_o,
  output logic         store_start_o,
  input  logic         compute_busy_i,    // walker, pipeline or requantiser
  input  logic         load_busy_i,
  input  logic         store_busy_i,
  input  logic         tables_ready_i,    // output and addend tables of the command
  input  logic         weight_tables_settled_i,
  input  logic         starved_i,         // a step waits for weights
  input  logic         memory_error_i,
  input  logic         tables_error_i,
  input  logic         stream_error_i,
  input  logic [15:0]  stream_error_index_i,
  input  logic [31:0]  crc0_i,
  input  logic [31:0]  crc1_i,

  output logic         frame_done_o,      // pulse
  output logic         all_done_o,        // the last frame is done
  output logic [7:0]   error_o,
  output logic [15:0]  error_index_o,

  output logic [31:0]  stall_weights_o,   // of the last finished frame
  output logic [31:0]  stall_data_o,
  output logic [31:0]  weight_beats_o,
  input  logic [31:0]  layer_select_i,
  output logic [31:0]  layer_cycles_o,
  output logic [31:0]  layer_stall_o,
  output logic [31:0]  layer_beats_o,
  output logic [31:0]  layer_crc0_o,
  output logic [31:0]  layer_crc1_o
);
  localparam int PixelBits = $clog2(Pixels);
  localparam int InputBits = $clog2(Inputs);
  localparam int LayerBits = $clog2(MaxLayers);

  // ---- the next command: sizes and check
  command_t next;
  assign next = unpack_command(next_words_i);
  logic [3:0] settle_q;                        // its words have been there for this many cycles, one-hot
  logic checking_q, check_done, ready_q;
  logic [7:0] check_error, next_error_q;
  logic [12:0] next_in_words_q, next_out_words_q, next_in_groups_q, next_out_groups_q;
  logic [3:0] next_passes_q;
  command_check #(
    .Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Rows(Rows), .WeightLines(WeightLines), .MaxLayers(MaxLayers),
    .Codecs(Codecs)
  ) u_check (
    .clk_i, .clear_i, .start_i(settle_q[3]), .words_i(next_words_i), .command_i(next), .final_i(next_final_i),
    .done_o(check_done), .error_o(check_error)
  );
  always_ff @(posedge clk_i) begin
    next_in_words_q <= 13'((17'(next.in_channels) + 17'(Inputs - 1)) >> InputBits);
    next_out_words_q <= 13'((17'(next.out_channels) + 17'(Inputs - 1)) >> InputBits);
    next_in_groups_q <= 13'((17'(next.in_width) + 17'(Pixels - 1)) >> PixelBits);
    next_out_groups_q <= 13'((17'(next.out_width) + 17'(Pixels - 1)) >> PixelBits);
    if (next.opcode == OP_ADD) next_passes_q <= 4'd1;
    else
      case (next.stride_width)
        4'd1: next_passes_q <= 4'd1;
        4'd2: next_passes_q <= 4'd2;
        4'd4: next_passes_q <= 4'd4;
        default: next_passes_q <= 4'(Pixels);
      endcase
    if (clear_i || take_o) begin
      checking_q <= 1'b0;
      settle_q <= '0;
      ready_q <= 1'b0;
    end else begin
      checking_q <= next_valid_i;
      settle_q <= {settle_q[2:0], next_valid_i && !checking_q};
      if (check_done) begin
        ready_q <= 1'b1;
        next_error_q <= check_error;
      end
    end
  end

  // ---- the command that runs
  typedef enum logic [2:0] {Stopped, Fetch, Prepare, Tables, Settle, Run, Leave, Failed} state_e;
  state_e state_q;
  logic [511:0] words_q;
  logic [15:0] index_q;
  command_t command;
  logic is_load_q, is_store_q, is_end_q, compute_q, weighted_q, final_q, counted_q;   // of the opcode, position and layer
  logic [31:0] frames_left_q, cycles_q, stall_q, frame_stall_q, frame_data_q, frame_beats_q, beats_q;
  logic last_frame_q, busy_q, starved_q;
  logic [2:0] prepare_q;                       // cycles the units have had to look at the command, one-hot
  logic [2:0] started_q;                       // cycles of Run before the units' busy flags speak of it
  assign command = unpack_command(words_q);
  assign command_o = command;

  assign take_o = state_q == Fetch && ready_q;
  wire ended = (state_q == Run && started_q == 0 && !busy_q) || state_q == Leave;
  wire finished = ended && may_leave_i && !sweeping_q;
  assign leave_o = finished;
  wire frame_done = finished && is_end_q;
  logic stream_bad_q;

  always_ff @(posedge clk_i) begin
    if (take_o) begin
      words_q <= next_words_i;
      index_q <= next_index_i;
      final_q <= next_final_i;
      slot_o <= next_slot_i;
      is_load_q <= next.opcode == OP_LOAD;
      is_store_q <= next.opcode == OP_STORE;
      is_end_q <= next.opcode == OP_END;
      compute_q <= next.opcode[4];
      weighted_q <= next.opcode == OP_CONV || next.opcode == OP_DEPTHWISE;
      counted_q <= next.opcode != OP_END && 32'(next.layer) < MaxLayers;
      in_words_o <= next_in_words_q;
      out_words_o <= next_out_words_q;
      in_groups_o <= next_in_groups_q;
      out_groups_o <= next_out_groups_q;
      passes_o <= next_passes_q;
    end
    frame_done_o <= frame_done && !clear_i;
    all_done_o <= frame_done && last_frame_q && !clear_i;
    beats_q <= weighted_q ? 32'((33'(command.weights_bytes) + 33'd15) >> 4) : 32'd0;
    last_frame_q <= frames_left_q == 32'd1;
    busy_q <= compute_busy_i || load_busy_i || store_busy_i;
    starved_q <= starved_i;
    stream_bad_q <= stream_error_i && weighted_q && stream_error_index_i == index_q
        && (state_q == Tables || state_q == Run) && !clear_i;
    started_q <= {started_q[1:0], state_q == Tables && tables_ready_i}
        | {2'b00, state_q == Settle && weight_tables_settled_i} | {2'b00, state_q == Prepare && prepare_q[2]};
    prepare_q <= {prepare_q[1:0], take_o};
    compute_start_o <= state_q == Tables && tables_ready_i && !clear_i;
    load_start_o <= state_q == Prepare && prepare_q[2] && is_load_q && !clear_i;
    store_start_o <= state_q == Settle && weight_tables_settled_i && is_store_q && !clear_i;
    if (clear_i) begin
      state_q <= Stopped;
      error_o <= ERROR_NONE;
      error_index_o <= '0;
    end else begin
      case (state_q)
        Stopped: if (start_i) begin
          state_q <= Fetch;
          frames_left_q <= frames_i;
        end
        Fetch: if (ready_q) begin
          if (next_error_q != ERROR_NONE) begin
            state_q <= Failed;
            error_o <= next_error_q;
            error_index_o <= next_index_i;
          end else state_q <= Prepare;
        end
        Prepare: if (prepare_q[2]) state_q <= compute_q ? Tables : is_load_q ? Run : Settle;
        Tables: if (tables_ready_i) state_q <= Run;
        // Damaged tables end a run before it writes anything, even when no layer needs them.
        Settle: if (weight_tables_settled_i) state_q <= is_end_q ? Leave : Run;
        Run, Leave: begin
          if (finished) begin
            state_q <= is_end_q && last_frame_q ? Stopped : Fetch;
            if (is_end_q) frames_left_q <= frames_left_q - 32'd1;
            else if (final_q) begin
              // The program ends without END.
              state_q <= Failed;
              error_o <= ERROR_BAD_COMMAND;
              error_index_o <= count_i;
            end
          end else if (ended) state_q <= Leave;
        end
        default: state_q <= state_q;
      endcase
      if ((memory_error_i || stream_bad_q || tables_error_i) && error_o == ERROR_NONE && state_q != Stopped) begin
        state_q <= Failed;
        error_o <= memory_error_i ? ERROR_MEMORY : tables_error_i ? ERROR_TABLES : ERROR_WEIGHT_STREAM;
        error_index_o <= tables_error_i && !memory_error_i ? 16'd0 : index_q;
      end
    end
  end

  // ---- layers the last frame has run: known since START, and in a frame of this parity. The frames of a run are of one
  // program, so whatever this one has not run yet is of the other parity.
  (* ram_style = "distributed" *) logic [1:0] layers_run [MaxLayers];
  logic parity_q, sweeping_q, in_range_q, first_q;   // first_q: no command of the frame has ended
  logic [LayerBits-1:0] sweep_q;
  logic [1:0] mark_q;
  wire [LayerBits-1:0] layer = command.layer[LayerBits-1:0];
  wire [LayerBits-1:0] select = layer_select_i[LayerBits-1:0];
  wire shown = in_range_q && !sweeping_q && mark_q == {parity_q, 1'b1};
  always_ff @(posedge clk_i) begin
    if (sweeping_q || (finished && compute_q)) layers_run[sweeping_q ? sweep_q : layer] <= {parity_q, !sweeping_q};
    mark_q <= layers_run[select];
    in_range_q <= layer_select_i < MaxLayers;
    if (clear_i) begin
      sweeping_q <= 1'b1;
      sweep_q <= '0;
      parity_q <= 1'b0;
    end else begin
      sweep_q <= sweep_q + 1'b1;
      if (sweep_q == LayerBits'(MaxLayers - 1)) sweeping_q <= 1'b0;
      if (take_o && first_q) parity_q <= !parity_q;
    end
  end

  // ---- counters
  logic [31:0] ram_cycles [MaxLayers];
  logic [31:0] ram_stall [MaxLayers];
  logic [31:0] ram_beats [MaxLayers];
  logic [31:0] ram_crc0 [MaxLayers];
  logic [31:0] ram_crc1 [MaxLayers];
  // A layer's LOAD and STORE commands stand around its compute command; their cycles are the layer's, too.
  logic [15:0] last_layer_q;
  logic [31:0] layer_cycles_q, layer_stall_q;
  logic same_layer_q;
  wire [31:0] layer_cycles = (same_layer_q ? layer_cycles_q : 32'd0) + cycles_q;
  wire [31:0] layer_stall = (same_layer_q ? layer_stall_q : 32'd0) + stall_q;
  wire running = state_q != Stopped && state_q != Failed;
  wire data_wait = state_q == Tables || state_q == Settle || (state_q == Fetch && !ready_q)
      || (state_q == Run && !compute_q) || (ended && !finished);
  wire starving = state_q == Run && starved_q;

  always_ff @(posedge clk_i) begin
    same_layer_q <= !first_q && command.layer == last_layer_q;
    if (clear_i || finished) begin
      // The cycle at hand is counted already when a command ends.
      cycles_q <= 32'd1;
      stall_q <= '0;
    end else begin
      if (running) cycles_q <= cycles_q + 32'd1;
      if (starving) stall_q <= stall_q + 32'd1;
    end
    if (clear_i || frame_done) begin
      frame_stall_q <= '0;
      frame_data_q <= '0;
      frame_beats_q <= '0;
    end else begin
      if (starving) frame_stall_q <= frame_stall_q + 32'd1;
      if (data_wait) frame_data_q <= frame_data_q + 32'd1;
      if (finished) frame_beats_q <= frame_beats_q + beats_q;
    end
    if (clear_i) begin
      stall_weights_o <= '0;
      stall_data_o <= '0;
      weight_beats_o <= '0;
    end else if (frame_done) begin
      stall_weights_o <= frame_stall_q;
      stall_data_o <= frame_data_q;
      weight_beats_o <= frame_beats_q;
    end
    if (finished && counted_q) begin
      ram_cycles[layer] <= layer_cycles;
      ram_stall[layer] <= layer_stall;
    end
    if (finished) begin
      last_layer_q <= command.layer;
      layer_cycles_q <= layer_cycles;
      layer_stall_q <= layer_stall;
    end
    if (finished && compute_q) begin
      ram_beats[layer] <= beats_q;
      ram_crc0[layer] <= crc0_i;
      ram_crc1[layer] <= crc1_i;
    end
    if (clear_i) first_q <= 1'b1;
    else if (finished) first_q <= is_end_q;
    layer_cycles_o <= shown ? ram_cycles[select] : '0;
    layer_stall_o <= shown ? ram_stall[select] : '0;
    layer_beats_o <= shown ? ram_beats[select] : '0;
    layer_crc0_o <= shown ? ram_crc0[select] : '0;
    layer_crc1_o <= shown ? ram_crc1[select] : '0;
  end

`ifndef SYNTHESIS
  OneUnitStarts_A: assert property (@(posedge clk_i) disable iff (clear_i)
      $onehot0({compute_start_o, load_start_o, store_start_o}));
  RefusedNeverRuns_A: assert property (@(posedge clk_i) disable iff (clear_i)
      state_q == Failed |-> !compute_start_o && !load_start_o && !store_start_o);
  CommandHolds_A: assert property (@(posedge clk_i) disable iff (clear_i) state_q == Run |=> $stable(command_o));
`endif
endmodule
