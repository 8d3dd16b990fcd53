/// Reads what the requantiser needs for a command, one or two commands ahead of the executor: output tables, addend tables, then the
/// channel parameters.
///
/// An issuer starts the reads and notes what they are; a consumer sends the beats where they belong. Tables and addends
/// live in two slots by parity of the command, so the issuer runs one command ahead, two when the executor's needs no slot. Records go through a
/// FIFO in the order of the tiles. `tables_ready_o` says that the executor's command has its tables.
module parameter_fetch
  import sluice_pkg::*;
#(
  parameter int Outputs = 16
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         halt_i,
  input  logic [48:0]  image_i,

  input  logic         command_valid_i,
  input  command_t     command_i,
  input  logic [1:0]   ahead_i,
  input  logic         slot_unused_i,   // the executor's command has neither output nor addend tables
  input  logic         slot_i,
  output logic         advance_o,
  input  logic         left_i,          // the executor leaves a command
  output logic         tables_ready_o,

  output logic [1:0]   table_write_o,
  output logic [7:0]   table_address_o,
  output logic [1:0]   addend_write_o,
  output logic [8:0]   addend_address_o,
  output logic [31:0]  table_data_o,
  output logic         record_valid_o,
  output logic [127:0] record_o,
  input  logic         record_pop_i,

  output logic         ar_valid_o,
  input  logic         ar_ready_i,
  output logic [48:0]  ar_address_o,
  output logic [3:0]   ar_length_o,
  input  logic         beat_i,
  input  logic [127:0] data_i
);
  typedef enum logic [2:0] {Table0, Table1, Addends, Mark, Records} kind_e;
  typedef struct packed {
    kind_e kind;
    logic slot;
    logic [16:0] beats;
  } section_t;

  // ---- issuer: chooses a section, works out its address, starts its job
  kind_e stage_q;
  section_t section_q, head;
  logic choose_q, address_q, offer_q;          // which of the three, one-hot; none: no command
  logic job_busy, section_push, section_valid, section_pop, wanted;
  logic [3:0] section_free;
  logic [31:0] offset, offset_q;
  logic [48:0] place_q;
  logic [16:0] beats;
  logic [16:0] entries_1_q, tiles_q;
  logic [5:0] table_beats_q;
  logic [1:0] seen_q;                          // the command's sizes are registered
  wire compute = command_i.opcode >= OP_CONV;
  wire is_add = command_i.opcode == OP_ADD;
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;

  always_comb begin
    wanted = 1'b0;
    beats = 17'(table_beats_q);
    offset = command_i.tables_offset;
    case (stage_q)
      Table0: wanted = compute && command_i.table_enable0;
      Table1: wanted = compute && command_i.table_enable1;
      Addends: begin
        wanted = is_add;
        beats = 17'd128;
        offset = command_i.weights_bytes;      // word 10 is addendsOffset in an ADD
      end
      Records: begin
        wanted = compute;
        beats = weighted ? tiles_q << $clog2(Outputs) : 17'd1;
        offset = command_i.parameters_offset;
      end
      default: begin
        wanted = 1'b1;
        beats = '0;
      end
    endcase
  end
  wire may_run_ahead = !ahead_i[1] || (ahead_i == 2'd2 && slot_unused_i);
  wire may = choose_q && may_run_ahead;
  assign section_push = offer_q && !job_busy && section_free[3:1] != 0;
  assign advance_o = stage_q == Records && ((may && !wanted) || section_push);
  always_ff @(posedge clk_i) begin
    entries_1_q <= 17'(command_i.clamp_max) - 17'(command_i.clamp_min);
    table_beats_q <= entries_1_q > 17'd511 ? 6'd32 : 6'(entries_1_q[8:4]) + 6'd1;
    tiles_q <= (17'(command_i.out_channels) + 17'(Outputs - 1)) >> $clog2(Outputs);
    if (choose_q) begin
      section_q <= '{kind: stage_q, slot: slot_i, beats: beats};
      offset_q <= offset;
    end
    place_q <= image_i + 49'(offset_q) + (section_q.kind == Table1 ? 49'd512 : 49'd0);
    if (clear_i) begin
      stage_q <= Table0;
      seen_q <= '0;
      choose_q <= 1'b0;
      address_q <= 1'b0;
      offer_q <= 1'b0;
    end else begin
      seen_q <= advance_o || !command_valid_i ? 2'd0 : {seen_q[0], 1'b1};
      address_q <= may && wanted;
      offer_q <= address_q || (offer_q && !section_push);
      choose_q <= command_valid_i && !advance_o && seen_q[1] && !(may && wanted) && !address_q && !(offer_q && !section_push);
      if ((may && !wanted) || section_push) stage_q <= stage_q == Records ? Table0 : kind_e'(stage_q + 3'd1);
    end
  end

  logic [5:0] data_free;
  read_job #(.BeatBits(17), .FreeBits(8)) u_job (
    .clk_i, .clear_i, .halt_i, .start_i(section_push), .address_i(place_q), .beats_i(section_q.beats),
    .busy_o(job_busy), .free_i({2'd0, data_free}), .beat_i, .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );
  fifo #(.Width($bits(section_t)), .Depth(8)) u_sections (
    .clk_i, .clear_i, .push_i(section_push), .data_i(section_q), .free_o(section_free),
    .valid_o(section_valid), .data_o(head), .pop_i(section_pop)
  );

  // ---- consumer
  logic data_valid, data_pop;
  logic [127:0] data;
  fifo #(.Width(128), .Depth(32)) u_data (
    .clk_i, .clear_i, .push_i(beat_i), .data_i, .free_o(data_free), .valid_o(data_valid), .data_o(data), .pop_i(data_pop)
  );
  logic [9:0] record_free;
  logic table0_q, table1_q, addends_q, records_q, slot_q, last_q, room_q;   // the section at hand
  logic [16:0] left_q;                         // beats of it behind this one
  logic [6:0] done_q;                          // beats of a table
  logic [1:0] quarter_q;
  logic [4:0] marked_q;                        // commands with tables minus commands left
  wire record_push = records_q && data_valid && room_q;
  fifo #(.Width(128), .Depth(512)) u_records (
    .clk_i, .clear_i, .push_i(record_push), .data_i(data), .free_o(record_free),
    .valid_o(record_valid_o), .data_o(record_o), .pop_i(record_pop_i)
  );

  wire in_table = (table0_q || table1_q || addends_q) && data_valid;
  wire idle = !table0_q && !table1_q && !addends_q && !records_q;
  assign data_pop = record_push || (in_table && quarter_q == 2'd3);
  assign section_pop = section_valid && idle;
  wire mark = section_pop && head.kind == Mark;

  always_ff @(posedge clk_i) begin
    room_q <= record_free > 10'd2;             // a cycle late
    if (section_pop) begin
      slot_q <= head.slot;
      left_q <= head.beats - 17'd1;
      last_q <= head.beats == 17'd1;
      done_q <= '0;
    end else if (data_pop) begin
      left_q <= left_q - 17'd1;
      last_q <= left_q == 17'd1;
      done_q <= done_q + 7'd1;
    end
    if (clear_i) begin
      {table0_q, table1_q, addends_q, records_q} <= '0;
      quarter_q <= '0;
      marked_q <= '0;
      tables_ready_o <= 1'b0;
    end else begin
      if (section_pop) begin
        table0_q <= head.kind == Table0;
        table1_q <= head.kind == Table1;
        addends_q <= head.kind == Addends;
        records_q <= head.kind == Records;
      end else if (data_pop && last_q) {table0_q, table1_q, addends_q, records_q} <= '0;
      if (in_table) quarter_q <= quarter_q + 2'd1;
      marked_q <= marked_q + 5'(mark) - 5'(left_i);
      tables_ready_o <= marked_q != 0;         // the executor looks later than a cycle after it has left a command
    end
    table_write_o <= {in_table && table1_q, in_table && table0_q} & {2{!clear_i}};
    addend_write_o <= {2{in_table && addends_q && !clear_i}} & {done_q[6], !done_q[6]};
    table_address_o <= {slot_q, done_q[4:0], quarter_q};
    addend_address_o <= {slot_q, done_q[5:0], quarter_q};
    table_data_o <= data[quarter_q*32 +: 32];
  end
endmodule
