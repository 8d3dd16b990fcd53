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

  // ---- issuer
  kind_e stage_q;
  section_t section, head;
  logic job_busy, section_push, section_valid, section_pop, wanted;
  logic [3:0] section_free;
  logic [48:0] address;
  wire compute = command_i.opcode >= OP_CONV;
  wire is_add = command_i.opcode == OP_ADD;
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
  wire [16:0] entries = 17'(command_i.clamp_max) - 17'(command_i.clamp_min) + 17'd1;
  wire [16:0] table_beats = entries > 17'd512 ? 17'd32 : (entries + 17'd15) >> 4;
  wire [16:0] tiles = (17'(command_i.out_channels) + 17'(Outputs - 1)) >> $clog2(Outputs);

  always_comb begin
    section.kind = stage_q;
    section.slot = slot_i;
    wanted = 1'b0;
    case (stage_q)
      Table0: begin
        wanted = compute && command_i.table_enable0;
        section.beats = table_beats;
        address = image_i + 49'(command_i.tables_offset);
      end
      Table1: begin
        wanted = compute && command_i.table_enable1;
        section.beats = table_beats;
        address = image_i + 49'(command_i.tables_offset) + 49'd512;
      end
      Addends: begin
        wanted = is_add;
        section.beats = 17'd128;
        address = image_i + 49'(command_i.weights_bytes);  // word 10 is addendsOffset in an ADD
      end
      Records: begin
        wanted = compute;
        section.beats = weighted ? tiles << $clog2(Outputs) : 17'd1;
        address = image_i + 49'(command_i.parameters_offset);
      end
      default: begin
        wanted = 1'b1;
        section.beats = '0;
        address = '0;
      end
    endcase
  end
  wire may_run_ahead = !ahead_i[1] || (ahead_i == 2'd2 && slot_unused_i);
  wire may = command_valid_i && may_run_ahead && !job_busy && section_free != 0;
  assign section_push = may && wanted;
  assign advance_o = may && stage_q == Records;
  always_ff @(posedge clk_i) begin
    if (clear_i) stage_q <= Table0;
    else if (may) stage_q <= stage_q == Records ? Table0 : kind_e'(stage_q + 3'd1);
  end

  logic [5:0] data_free;
  read_job #(.BeatBits(17), .FreeBits(8)) u_job (
    .clk_i, .clear_i, .halt_i, .start_i(section_push), .address_i(address), .beats_i(section.beats),
    .busy_o(job_busy), .free_i({2'd0, data_free}), .beat_i, .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );
  fifo #(.Width($bits(section_t)), .Depth(8)) u_sections (
    .clk_i, .clear_i, .push_i(section_push), .data_i(section), .free_o(section_free),
    .valid_o(section_valid), .data_o(head), .pop_i(section_pop)
  );

  // ---- consumer
  logic data_valid, data_pop;
  logic [127:0] data;
  fifo #(.Width(128), .Depth(32)) u_data (
    .clk_i, .clear_i, .push_i(beat_i), .data_i, .free_o(data_free), .valid_o(data_valid), .data_o(data), .pop_i(data_pop)
  );
  logic [9:0] record_free;
  wire record_push = section_valid && head.kind == Records && data_valid && record_free != 0;
  fifo #(.Width(128), .Depth(512)) u_records (
    .clk_i, .clear_i, .push_i(record_push), .data_i(data), .free_o(record_free),
    .valid_o(record_valid_o), .data_o(record_o), .pop_i(record_pop_i)
  );

  logic [16:0] done_q;
  logic [1:0] quarter_q;
  logic [4:0] marked_q;                        // commands with tables minus commands left
  wire in_table = section_valid && data_valid && (head.kind == Table0 || head.kind == Table1 || head.kind == Addends);
  assign data_pop = record_push || (in_table && quarter_q == 2'd3);
  assign section_pop = section_valid && (head.kind == Mark || (data_pop && done_q + 17'd1 == head.beats));
  assign tables_ready_o = marked_q != 0;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      done_q <= '0;
      quarter_q <= '0;
      marked_q <= '0;
    end else begin
      if (data_pop) done_q <= section_pop ? '0 : done_q + 17'd1;
      if (in_table) quarter_q <= quarter_q + 2'd1;
      marked_q <= marked_q + 5'(section_pop && head.kind == Mark) - 5'(left_i);
    end
    table_write_o <= {in_table && head.kind == Table1, in_table && head.kind == Table0} & {2{!clear_i}};
    addend_write_o <= {2{in_table && head.kind == Addends && !clear_i}} & {done_q[6], !done_q[6]};
    table_address_o <= {head.slot, done_q[4:0], quarter_q};
    addend_address_o <= {head.slot, done_q[5:0], quarter_q};
    table_data_o <= data[quarter_q*32 +: 32];
  end
endmodule
