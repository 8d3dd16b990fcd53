/// Fetches the layer program and keeps the next commands for four readers, each with its own position: the executor, which
/// is always the last; the weight reader; the weight unpacker; the parameter fetch.
///
/// The executor gets whole commands, one ahead of the one it runs; the others get the fields that they read, of the opcode
/// five bits (an unknown one is 31). Every reader sees its command in a register: after an advance
/// the next one needs a cycle or two, the executor's six. The depth is how far weights can be decoded ahead where a program
/// has many small layers: as many of them as fill the weight ring should fit.
/// A slot is free again when the executor leaves it, and it may leave only when the others have. The program is fetched
/// anew for every frame, ahead of time: the first weights of frame n + 1 arrive while frame n still computes.
module command_queue
  import sluice_pkg::*;
#(
  parameter int Depth = 64
) (
  input  logic             clk_i,
  input  logic             clear_i,
  input  logic             halt_i,
  input  logic             start_i,          // begin fetching
  input  logic [48:0]      program_i,        // address of the first command
  input  logic [15:0]      count_i,          // commands of a frame, at least 1
  input  logic [31:0]      frames_i,         // at least 1

  output logic             next_valid_o,     // the command behind the one that the executor runs
  output logic [511:0]     next_words_o,
  output logic [15:0]      next_index_o,     // position in the program
  output logic             next_final_o,     // the last position
  output logic             next_slot_o,      // parity; picks the table memories
  input  logic             next_take_i,
  input  logic             leave_i,          // the executor is done with a command it took
  output logic             may_leave_o,
  output logic             slot_unused_o,    // the executor's command has neither output nor addend tables

  output logic [3:1]       valid_o,          // 1 weight reader, 2 weight unpacker, 3 parameter fetch
  output command_t         reader_command_o,
  output command_t         unpacker_command_o,
  output command_t         parameters_command_o,
  output logic [15:0]      unpacker_index_o,
  input  logic [3:1]       advance_i,
  output logic [1:0]       ahead_o,          // commands the parameter fetch is ahead of the executor, 3 = more than 2
  output logic             slot_ahead_o,     // parity of the parameter fetch's command

  input  logic             yield_i,          // others need the port: no more than the nearest commands now
  output logic             ar_valid_o,
  input  logic             ar_ready_i,
  output logic [48:0]      ar_address_o,
  output logic [3:0]       ar_length_o,
  input  logic             beat_i,
  input  logic [127:0]     data_i
);
  localparam int SlotBits = $clog2(Depth);
  localparam int PointerBits = SlotBits + 1;
  typedef struct packed {
    logic [4:0] opcode;
    logic [27:0] weights_offset;               // in beats; the executor refuses others
    logic [31:0] weights_bytes;
  } read_t;
  typedef struct packed {
    logic [4:0] opcode;
    logic [3:0] codec;
    logic [7:0] kernel_height;
    logic [7:0] kernel_width;
    logic [15:0] in_channels;
    logic [15:0] out_channels;
    logic [31:0] weights_bytes;
  } unpack_t;
  typedef struct packed {
    logic [4:0] opcode;
    logic [15:0] out_channels;
    logic [31:0] weights_bytes;                // of an ADD, the offset of its addend tables
    logic [27:0] parameters_offset;
    logic [27:0] tables_offset;
    logic table_enable0;
    logic table_enable1;
    logic signed [15:0] clamp_min;
    logic signed [15:0] clamp_max;
  } fetch_t;

  // ---- fetching
  logic [1:0] quarter_q;                       // of the command that arrives
  logic [PointerBits-1:0] written_q;           // commands that have arrived
  localparam int FreeBits = $clog2(4 * Depth) + 1;
  logic [FreeBits-1:0] free_q;                 // beats that still fit
  logic [31:0] frames_left_q;
  logic running_q, frames_q, job_busy, job_start;   // frames_q: frames_left_q != 0
  assign job_start = running_q && !job_busy && frames_q;
  // The first commands are fetched at once, before anybody else needs the port; those behind them with two bursts on their way at
  // most, which leaves the port to what the first ones read, and only the nearest of them while there is a LOAD.
  localparam int First = 64;                   // beats
  localparam int Flying = 32;
  logic first_q, yield_q;
  wire [6:0] room = first_q ? 7'(free_q - FreeBits'(4 * Depth - First)) : free_q < FreeBits'(Flying) ? free_q[6:0] : 7'(Flying);
  read_job #(.BeatBits(28), .FreeBits(7)) u_job (
    .clk_i, .clear_i, .halt_i(halt_i || yield_q),
    .start_i(job_start), .address_i(program_i), .beats_i({10'd0, count_i, 2'b00}),
    .busy_o(job_busy), .free_i(room), .beat_i,
    .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );

  logic [383:0] early_q;                       // the first three beats of the command that arrives
  wire [511:0] words = {data_i, early_q};
  wire arrived = beat_i && quarter_q == 2'd3;
  command_t arriving;
  assign arriving = unpack_command(words);
  wire [4:0] opcode = arriving.opcode[7:5] == 0 ? arriving.opcode[4:0] : 5'h1f;
  always_ff @(posedge clk_i) begin
    yield_q <= yield_i && free_q <= FreeBits'(4 * Depth - Flying);
    // Over when it leaves no more room than there is without it: room must not shrink under a burst that is offered.
    first_q <= clear_i || (first_q && free_q > (yield_i ? FreeBits'(4 * Depth - First + Flying) : FreeBits'(4 * Depth - First)));
    for (int quarter = 0; quarter < 3; quarter += 1) if (beat_i && quarter_q == 2'(quarter)) early_q[128*quarter +: 128] <= data_i;
    if (clear_i) begin
      quarter_q <= '0;
      written_q <= '0;
      free_q <= FreeBits'(4 * Depth);
      running_q <= 1'b0;
    end else begin
      running_q <= running_q || start_i;
      if (start_i) begin
        frames_left_q <= frames_i;
        frames_q <= 1'b1;
      end else if (job_start) begin
        frames_left_q <= frames_left_q - 32'd1;
        frames_q <= frames_left_q != 32'd1;
      end
      if (beat_i) quarter_q <= quarter_q + 2'd1;
      if (arrived) written_q <= written_q + 1'b1;
      free_q <= free_q + (leave_i ? FreeBits'(4) : '0) - FreeBits'(beat_i);
    end
  end

  // ---- the executor's command, a beat per cycle. A slot is read into use a cycle after it was written at the earliest: what a
  // read in the cycle of the write brings is read again.
  (* ram_style = "block", no_rw_check *) logic [127:0] beats [4 * Depth];
  (* ram_style = "distributed" *) logic tables [Depth];
  logic [PointerBits-1:0] next_q, leave_q;     // its next command; the one it runs
  logic [127:0] beat_q;                        // read in the cycle before
  logic [1:0] piece_q, beat_piece_q;
  logic pieces_q, beat_valid_q;                // beats are still to be read; beat_q is one of them
  logic [15:0] last_index_q;
  wire next_there = next_q != written_q;
  wire arriving_tables = arriving.opcode == OP_ADD
      || (arriving.opcode[4] && (arriving.table_enable0 || arriving.table_enable1));
  always_ff @(posedge clk_i) begin
    if (beat_i) beats[{written_q[SlotBits-1:0], quarter_q}] <= data_i;
    if (arrived) tables[written_q[SlotBits-1:0]] <= arriving_tables;
    last_index_q <= count_i - 16'd1;
    next_final_o <= next_index_o == last_index_q;
    beat_q <= beats[{next_q[SlotBits-1:0], piece_q}];
    beat_piece_q <= piece_q;
    for (int quarter = 0; quarter < 4; quarter += 1) begin
      if (beat_valid_q && beat_piece_q == 2'(quarter)) next_words_o[128*quarter +: 128] <= beat_q;
    end
    if (beat_valid_q) next_slot_o <= next_q[0];
    if (clear_i) begin
      next_q <= '0;
      leave_q <= '0;
      piece_q <= '0;
      pieces_q <= 1'b1;
      beat_valid_q <= 1'b0;
      next_valid_o <= 1'b0;
      next_index_o <= '0;
      may_leave_o <= 1'b0;
      slot_unused_o <= 1'b0;
    end else begin
      if (next_take_i) begin
        next_valid_o <= 1'b0;
        next_index_o <= next_final_o ? 16'd0 : next_index_o + 16'd1;
        next_q <= next_q + 1'b1;
        pieces_q <= 1'b1;
      end else begin
        beat_valid_q <= pieces_q && next_there;
        if (pieces_q && next_there) begin
          piece_q <= piece_q + 2'd1;
          pieces_q <= piece_q != 2'd3;
        end
        if (beat_valid_q && beat_piece_q == 2'd3) next_valid_o <= 1'b1;
      end
      if (leave_i) leave_q <= leave_q + 1'b1;
      // What depends on the command that is being left is unknown for a cycle.
      may_leave_o <= !leave_i && leave_q != read_q[1] && leave_q != read_q[2] && leave_q != read_q[3];
      slot_unused_o <= !leave_i && leave_q != written_q && !tables[leave_q[SlotBits-1:0]];
    end
  end

  // ---- the other readers
  logic [3:1][PointerBits-1:0] read_q;
  (* ram_style = "block", no_rw_check *) read_t reads [Depth];
  (* ram_style = "block", no_rw_check *) unpack_t unpacks [Depth];
  (* ram_style = "block", no_rw_check *) fetch_t fetches [Depth];
  read_t read;
  unpack_t unpack;
  fetch_t fetch;
  logic unpacker_final_q;
  wire [PointerBits-1:0] lead = read_q[3] - leave_q;
  always_ff @(posedge clk_i) begin
    if (arrived) begin
      reads[written_q[SlotBits-1:0]] <= '{
        opcode: opcode, weights_offset: arriving.weights_offset[31:4], weights_bytes: arriving.weights_bytes
      };
      unpacks[written_q[SlotBits-1:0]] <= '{
        opcode: opcode, codec: arriving.codec, kernel_height: arriving.kernel_height,
        kernel_width: arriving.kernel_width, in_channels: arriving.in_channels, out_channels: arriving.out_channels,
        weights_bytes: arriving.weights_bytes
      };
      fetches[written_q[SlotBits-1:0]] <= '{
        opcode: opcode, out_channels: arriving.out_channels, weights_bytes: arriving.weights_bytes,
        parameters_offset: arriving.parameters_offset[31:4], tables_offset: arriving.tables_offset[31:4],
        table_enable0: arriving.table_enable0, table_enable1: arriving.table_enable1, clamp_min: arriving.clamp_min,
        clamp_max: arriving.clamp_max
      };
    end
    if (!valid_o[1]) read <= reads[read_q[1][SlotBits-1:0]];
    if (!valid_o[2]) unpack <= unpacks[read_q[2][SlotBits-1:0]];
    if (!valid_o[3]) fetch <= fetches[read_q[3][SlotBits-1:0]];
    unpacker_final_q <= unpacker_index_o == last_index_q;
    if (clear_i) begin
      read_q <= '0;
      valid_o <= '0;
      unpacker_index_o <= '0;
      ahead_o <= '0;
    end else begin
      for (int reader = 1; reader < 4; reader += 1) begin
        if (advance_i[reader]) begin
          read_q[reader] <= read_q[reader] + 1'b1;
          valid_o[reader] <= 1'b0;
        end else if (read_q[reader] != written_q) valid_o[reader] <= 1'b1;
      end
      if (advance_i[2]) unpacker_index_o <= unpacker_final_q ? 16'd0 : unpacker_index_o + 16'd1;
      // A cycle late: too large behind a leave, and the parameter fetch has no command in the cycle behind its advance.
      ahead_o <= lead > 2 ? 2'd3 : lead[1:0];
    end
  end
  assign slot_ahead_o = read_q[3][0];

  always_comb begin
    reader_command_o = '0;
    reader_command_o.opcode = {3'd0, read.opcode};
    reader_command_o.weights_offset = {read.weights_offset, 4'd0};
    reader_command_o.weights_bytes = read.weights_bytes;
    unpacker_command_o = '0;
    unpacker_command_o.opcode = {3'd0, unpack.opcode};
    unpacker_command_o.codec = unpack.codec;
    unpacker_command_o.kernel_height = unpack.kernel_height;
    unpacker_command_o.kernel_width = unpack.kernel_width;
    unpacker_command_o.in_channels = unpack.in_channels;
    unpacker_command_o.out_channels = unpack.out_channels;
    unpacker_command_o.weights_bytes = unpack.weights_bytes;
    parameters_command_o = '0;
    parameters_command_o.opcode = {3'd0, fetch.opcode};
    parameters_command_o.out_channels = fetch.out_channels;
    parameters_command_o.weights_bytes = fetch.weights_bytes;
    parameters_command_o.parameters_offset = {fetch.parameters_offset, 4'd0};
    parameters_command_o.tables_offset = {fetch.tables_offset, 4'd0};
    parameters_command_o.table_enable0 = fetch.table_enable0;
    parameters_command_o.table_enable1 = fetch.table_enable1;
    parameters_command_o.clamp_min = fetch.clamp_min;
    parameters_command_o.clamp_max = fetch.clamp_max;
  end

`ifndef SYNTHESIS
  LastToLeave_A: assert property (@(posedge clk_i) disable iff (clear_i)
      leave_i |-> leave_q != next_q && leave_q != read_q[1] && leave_q != read_q[2] && leave_q != read_q[3]);
  TakeOnlyValid_A: assert property (@(posedge clk_i) disable iff (clear_i) next_take_i |-> next_valid_o);
  AdvanceOnlyValid_A: assert property (@(posedge clk_i) disable iff (clear_i) (advance_i & ~valid_o) == 0);
`endif
endmodule
