/// Runs the layer program command by command and keeps its counters.
///
/// A command is checked, waits for its tables, runs to its last write, and leaves. Weights, parameters and the next
/// commands arrive meanwhile. The first error stops the executor; `error_o` holds its code until the run is cleared.
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

  input  logic         command_valid_i,
  input  logic [511:0] words_i,
  input  logic [15:0]  index_i,
  input  logic         slot_i,
  input  logic         may_leave_i,
  output logic         leave_o,

  output command_t     command_o,         // constant while a unit works
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
  typedef enum logic [3:0] {Stopped, Fetch, Check, Tables, Settle, Start, Run, Leave, Failed} state_e;

  state_e state_q;
  logic [511:0] words_q;
  logic slot_q, check_done, settle_q;
  logic [7:0] check_error;
  logic [15:0] index_q;
  logic [31:0] frames_left_q, cycles_q, stall_q, frame_stall_q, frame_data_q, frame_beats_q;
  command_t command;
  assign command = unpack_command(words_q);
  assign command_o = command;
  assign slot_o = slot_q;

  wire compute = command.opcode >= OP_CONV;
  wire weighted = command.opcode == OP_CONV || command.opcode == OP_DEPTHWISE;
  wire [31:0] beats = weighted ? 32'((33'(command.weights_bytes) + 33'd15) >> 4) : 32'd0;

  // Derived sizes settle while the command is checked.
  always_ff @(posedge clk_i) begin
    in_words_o <= 13'((17'(command.in_channels) + 17'(Inputs - 1)) >> InputBits);
    out_words_o <= 13'((17'(command.out_channels) + 17'(Inputs - 1)) >> InputBits);
    in_groups_o <= 13'((17'(command.in_width) + 17'(Pixels - 1)) >> PixelBits);
    out_groups_o <= 13'((17'(command.out_width) + 17'(Pixels - 1)) >> PixelBits);
    if (command.opcode == OP_ADD) passes_o <= 4'd1;
    else
      case (command.stride_width)
        4'd1: passes_o <= 4'd1;
        4'd2: passes_o <= 4'd2;
        4'd4: passes_o <= 4'd4;
        default: passes_o <= 4'(Pixels);
      endcase
  end

  command_check #(
    .Pixels(Pixels), .Inputs(Inputs), .Outputs(Outputs), .Rows(Rows), .WeightLines(WeightLines), .MaxLayers(MaxLayers),
    .Codecs(Codecs)
  ) u_check (
    .clk_i, .clear_i, .start_i(state_q == Check && !settle_q), .words_i(words_q), .command_i(command),
    .final_i(index_q == count_i - 16'd1), .done_o(check_done), .error_o(check_error)
  );

  wire finished = state_q == Leave && may_leave_i;
  assign leave_o = finished;
  assign compute_start_o = state_q == Start && compute;
  assign load_start_o = state_q == Start && command.opcode == OP_LOAD;
  assign store_start_o = state_q == Start && command.opcode == OP_STORE;
  assign frame_done_o = finished && command.opcode == OP_END;
  assign all_done_o = frame_done_o && frames_left_q == 1;

  wire stream_bad = stream_error_i && weighted && stream_error_index_i == index_q
      && (state_q == Tables || state_q == Run);

  always_ff @(posedge clk_i) begin
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
        Fetch: if (command_valid_i) begin
          words_q <= words_i;
          index_q <= index_i;
          slot_q <= slot_i;
          settle_q <= 1'b0;
          state_q <= Check;
        end
        Check: begin
          settle_q <= 1'b1;
          if (check_done) begin
            state_q <= check_error != ERROR_NONE ? Failed : compute ? Tables : command.opcode == OP_LOAD ? Start : Settle;
            if (check_error != ERROR_NONE) begin
              error_o <= check_error;
              error_index_o <= index_q;
            end
          end
        end
        Tables: if (tables_ready_i) state_q <= Start;
        // Damaged tables end a run before it writes anything, even when no layer needs them.
        Settle: if (weight_tables_settled_i) state_q <= command.opcode == OP_END ? Leave : Start;
        Start: state_q <= Run;
        Run: if (!compute_busy_i && !load_busy_i && !store_busy_i) state_q <= Leave;
        Leave: if (may_leave_i) begin
          state_q <= all_done_o ? Stopped : Fetch;
          if (command.opcode == OP_END) frames_left_q <= frames_left_q - 32'd1;
          else if (index_q == count_i - 16'd1) begin
            // The program ends without END.
            state_q <= Failed;
            error_o <= ERROR_BAD_COMMAND;
            error_index_o <= count_i;
          end
        end
        default: state_q <= state_q;
      endcase
      if ((memory_error_i || stream_bad || tables_error_i) && error_o == ERROR_NONE && state_q != Stopped) begin
        state_q <= Failed;
        error_o <= memory_error_i ? ERROR_MEMORY : tables_error_i ? ERROR_TABLES : ERROR_WEIGHT_STREAM;
        error_index_o <= tables_error_i && !memory_error_i ? 16'd0 : index_q;
      end
    end
  end

  // ---- counters
  logic [31:0] ram_cycles [MaxLayers];
  logic [31:0] ram_stall [MaxLayers];
  logic [31:0] ram_beats [MaxLayers];
  logic [31:0] ram_crc0 [MaxLayers];
  logic [31:0] ram_crc1 [MaxLayers];
  logic [MaxLayers-1:0] shown_q;               // layers the last frame has run
  logic first_q;
  // A layer's LOAD and STORE commands stand around its compute command; their cycles are the layer's, too.
  logic [15:0] last_layer_q;
  logic [31:0] layer_cycles_q, layer_stall_q;
  wire same_layer = !first_q && command.layer == last_layer_q;
  wire [31:0] layer_cycles = (same_layer ? layer_cycles_q : 32'd0) + cycles_q + 32'd1;
  wire [31:0] layer_stall = (same_layer ? layer_stall_q : 32'd0) + stall_q;
  wire running = state_q != Stopped && state_q != Failed;
  wire [LayerBits-1:0] select = layer_select_i[LayerBits-1:0];
  wire shown = layer_select_i < MaxLayers && shown_q[select];
  wire data_wait = state_q == Tables || state_q == Settle || ((state_q == Fetch) && !command_valid_i)
      || (state_q == Run && !compute) || (state_q == Leave && !may_leave_i);
  wire starving = state_q == Run && starved_i;
  wire [LayerBits-1:0] layer = command.layer[LayerBits-1:0];

  always_ff @(posedge clk_i) begin
    if (clear_i || finished) begin
      cycles_q <= '0;
      stall_q <= '0;
    end else if (running) begin
      cycles_q <= cycles_q + 32'd1;
      stall_q <= stall_q + 32'(starving);
    end
    if (clear_i || frame_done_o) begin
      frame_stall_q <= '0;
      frame_data_q <= '0;
      frame_beats_q <= '0;
    end else begin
      frame_stall_q <= frame_stall_q + 32'(starving);
      frame_data_q <= frame_data_q + 32'(running && data_wait);
      if (finished) frame_beats_q <= frame_beats_q + beats;
    end
    if (clear_i) begin
      stall_weights_o <= '0;
      stall_data_o <= '0;
      weight_beats_o <= '0;
    end else if (frame_done_o) begin
      stall_weights_o <= frame_stall_q;
      stall_data_o <= frame_data_q;
      weight_beats_o <= frame_beats_q;
    end
    if (finished && command.opcode != OP_END && 32'(command.layer) < MaxLayers) begin
      ram_cycles[layer] <= layer_cycles;
      ram_stall[layer] <= layer_stall;
    end
    if (finished) begin
      last_layer_q <= command.layer;
      layer_cycles_q <= layer_cycles;
      layer_stall_q <= layer_stall;
    end
    if (finished && compute) begin
      ram_beats[layer] <= beats;
      ram_crc0[layer] <= crc0_i;
      ram_crc1[layer] <= crc1_i;
    end
    if (clear_i) begin
      shown_q <= '0;
      first_q <= 1'b1;
    end else if (finished) begin
      first_q <= command.opcode == OP_END;
      if (first_q) shown_q <= '0;
      if (compute) shown_q[layer] <= 1'b1;
    end
    layer_cycles_o <= shown ? ram_cycles[select] : '0;
    layer_stall_o <= shown ? ram_stall[select] : '0;
    layer_beats_o <= shown ? ram_beats[select] : '0;
    layer_crc0_o <= shown ? ram_crc0[select] : '0;
    layer_crc1_o <= shown ? ram_crc1[select] : '0;
  end
endmodule
