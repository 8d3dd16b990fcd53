/// Loads the weight codec's tables at START, beside everything else that starts: reads the section once for its checksum and,
/// unless it is the one already built, once more to build from. Layers are decoded when `settled_o`.
module table_loader #(
  parameter int Entries = 8192
) (
  input  logic         clk_i,
  input  logic         rst_ni,          // forgets the tables; clear_i keeps finished ones
  input  logic         clear_i,
  input  logic         halt_i,
  input  logic         start_i,
  input  logic [48:0]  address_i,
  input  logic [31:0]  bytes_i,         // 0: the model has no tables
  output logic         settled_o,       // tables are there, or there are none
  output logic         usable_o,        // tables are there
  output logic         classes_known_o, // classes and their raw bits are there, states perhaps not yet
  output logic         damaged_o,

  output logic         ar_valid_o,
  input  logic         ar_ready_i,
  output logic [48:0]  ar_address_o,
  output logic [3:0]   ar_length_o,
  input  logic         beat_i,
  input  logic [127:0] data_i,

  output logic         write_o,         // entries of two neighbouring states
  output logic [$clog2(Entries)-2:0] address_o,
  output logic [1:0][21:0] entries_o,
  output logic [3:0]   log_o,
  output logic [4:0]   classes_o,
  output logic [15:0][2:0] class_narrow_o,
  output logic [15:0][2:0] class_wide_o
);
  import sluice_pkg::*;
  localparam int Depth = 32;
  typedef enum logic [2:0] {Idle, Begin, Scan, Weigh, Compare, Build, Damaged} state_e;
  state_e state_q;
  logic loaded_q, any_bytes_q, building_q, job_start, job_busy;
  wire again = state_q == Compare && sum_good_q && !same_q;
  assign job_start = (state_q == Begin && any_bytes_q) || again;

  // ---- beats
  logic beats_valid, beats_pop;
  logic [127:0] beats;
  logic [$clog2(Depth):0] free;
  read_job #(.BeatBits(28), .FreeBits($clog2(Depth)+1)) u_job (
    .clk_i, .clear_i, .halt_i, .start_i(job_start), .address_i, .beats_i(28'((33'(bytes_i) + 33'd15) >> 4)),
    .busy_o(job_busy), .free_i(free), .beat_i, .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );
  fifo #(.Width(128), .Depth(Depth)) u_beats (
    .clk_i, .clear_i, .push_i(beat_i), .data_i, .free_o(free), .valid_o(beats_valid), .data_o(beats), .pop_i(beats_pop)
  );

  // ---- words of the section, zeros behind its end
  logic [31:0] word_q;
  logic [29:0] left_q;                         // words that are not in word_q yet
  logic [1:0] piece_q;
  logic word_valid_q, more_q, last_q, half_q;  // more_q: left_q != 0; last_q: left_q == 1
  logic bits_half;                             // the parser takes half a word
  wire word_take = building_q ? bits_half && half_q : 1'b1;
  wire word_load = beats_valid && more_q && (word_take || !word_valid_q);
  assign beats_pop = word_load && (piece_q == 2'd3 || last_q);
  wire [31:0] words = bytes_i + 32'd3;
  always_ff @(posedge clk_i) begin
    if (clear_i || job_start) begin
      left_q <= words[31:2];
      piece_q <= '0;
      half_q <= 1'b0;
      word_valid_q <= 1'b0;
      more_q <= job_start;
      last_q <= words[31:2] == 30'd1;
    end else begin
      if (word_load) begin
        left_q <= left_q - 30'd1;
        last_q <= left_q == 30'd2;
        if (last_q) more_q <= 1'b0;
        piece_q <= piece_q + 2'd1;
      end
      if (word_load) word_valid_q <= 1'b1;
      else if (word_take) word_valid_q <= 1'b0;
      if (bits_half) half_q <= !half_q;
    end
    if (word_load) begin
      for (int index = 0; index < 4; index += 1) begin
        if (last_q && bytes_i[1:0] != 0 && 32'(bytes_i[1:0]) <= index) word_q[index*8 +: 8] <= '0;
        else word_q[index*8 +: 8] <= beats[{piece_q, 5'b00000} + 7'(index * 8) +: 8];
      end
    end
  end

  // ---- checksum: over the section and its own checksum it comes to a constant, over the zeros behind it to another
  localparam logic [31:0] CrcResidue = 32'hb798b438;
  localparam logic [3:0][31:0] Residues = {
    crc32c_skip(CrcResidue, 5'd1), crc32c_skip(CrcResidue, 5'd2), crc32c_skip(CrcResidue, 5'd3), CrcResidue
  };
  logic [31:0] sum_q, identity_q, identity_bytes_q, tail_q;
  logic [63:0] recent_q;                       // the last two words
  logic sum_good_q, same_q;
  logic [1:0] weigh_q;                         // cycles the comparison has had to settle
  always_ff @(posedge clk_i) begin
    if (job_start) sum_q <= '1;
    else if (word_valid_q) sum_q <= crc32c_data({sum_q ^ word_q, 224'd0});
    if (word_valid_q && !building_q) recent_q <= {word_q, recent_q[63:32]};
    // The last four bytes tell one section from another.
    case (bytes_i[1:0])
      2'd0: tail_q <= recent_q[63:32];
      2'd1: tail_q <= recent_q[39:8];
      2'd2: tail_q <= recent_q[47:16];
      default: tail_q <= recent_q[55:24];
    endcase
    sum_good_q <= sum_q == Residues[bytes_i[1:0]];
    same_q <= loaded_q && identity_q == tail_q && identity_bytes_q == bytes_i;
    any_bytes_q <= bytes_i != 0;
  end

  // ---- bits for the parser
  logic bits_valid, bits_use;
  logic [31:0] bits;
  logic [3:0] zeros;
  logic [5:0] bits_used;
  wire ended = !more_q && !word_valid_q;
  table_bits u_bits (
    .clk_i, .start_i(again), .half_i(half_q ? word_q[31:16] : word_q[15:0]), .half_zero_i(ended),
    .half_valid_i(building_q && (word_valid_q || ended)), .half_take_o(bits_half), .valid_o(bits_valid), .bits_o(bits),
    .zeros_o(zeros), .use_i(bits_use), .used_i(bits_used)
  );

  logic counts_busy, counts_bad, builder_busy, builder_bad, positive_write, negative_write, bank, table_valid, table_take, known;
  logic [6:0] magnitude;
  logic [7:0] extent;
  logic [11:0] count, zero, escape;
  logic [15:0][3:0] class_table;
  logic [15:0][2:0] class_from;
  table_counts #(.Entries(Entries)) u_counts (
    .clk_i, .clear_i, .start_i(again), .payload_bytes_i(bytes_i - 32'd4), .busy_o(counts_busy), .bad_o(counts_bad),
    .classes_known_o(known), .bits_valid_i(bits_valid), .bits_i(bits), .zeros_i(zeros), .use_o(bits_use), .used_o(bits_used),
    .positive_write_o(positive_write), .negative_write_o(negative_write), .magnitude_o(magnitude), .count_o(count),
    .bank_o(bank), .table_valid_o(table_valid), .table_take_i(table_take), .extent_o(extent), .zero_o(zero),
    .escape_o(escape), .log_o, .classes_o, .class_table_o(class_table), .class_narrow_o, .class_wide_o, .class_from_o(class_from)
  );
  table_builder #(.Entries(Entries)) u_builder (
    .clk_i, .clear_i, .start_i(again), .busy_o(builder_busy), .bad_o(builder_bad), .positive_write_i(positive_write),
    .negative_write_i(negative_write), .magnitude_i(magnitude), .count_i(count), .bank_i(bank), .table_valid_i(table_valid),
    .table_take_o(table_take), .extent_i(extent), .zero_i(zero), .escape_i(escape), .log_i(log_o), .classes_i(classes_o),
    .class_table_i(class_table), .class_narrow_i(class_narrow_o), .class_wide_i(class_wide_o), .class_from_i(class_from), .write_o, .address_o, .entries_o
  );

  assign damaged_o = state_q == Damaged;
  assign settled_o = state_q == Idle;
  assign usable_o = state_q == Idle && loaded_q;
  assign classes_known_o = usable_o || (building_q && known);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) loaded_q <= 1'b0;
    weigh_q <= state_q == Weigh ? weigh_q + 2'd1 : 2'd0;
    if (clear_i) begin
      state_q <= Idle;
      building_q <= 1'b0;
    end else begin
      case (state_q)
        Idle: if (start_i) state_q <= Begin;
        Begin: begin
          if (any_bytes_q) state_q <= Scan;
          else begin
            loaded_q <= 1'b0;
            state_q <= Idle;
          end
        end
        Scan: if (ended) state_q <= Weigh;
        Weigh: if (weigh_q == 2'd2) state_q <= Compare;
        Compare: begin
          state_q <= !sum_good_q ? Damaged : same_q ? Idle : Build;
          building_q <= again;
          if (!same_q) loaded_q <= 1'b0;
        end
        Build: if (!counts_busy && !builder_busy && !table_valid) begin
          state_q <= counts_bad || builder_bad ? Damaged : Idle;
          building_q <= 1'b0;
          loaded_q <= !counts_bad && !builder_bad;
          identity_q <= tail_q;
          identity_bytes_q <= bytes_i;
        end
        default: state_q <= state_q;
      endcase
    end
  end
endmodule
