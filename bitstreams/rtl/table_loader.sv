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
  output logic         classes_known_o, // classes and their tables are there, states perhaps not yet
  output logic         damaged_o,

  output logic         ar_valid_o,
  input  logic         ar_ready_i,
  output logic [48:0]  ar_address_o,
  output logic [3:0]   ar_length_o,
  input  logic         beat_i,
  input  logic [127:0] data_i,

  output logic         write_o,         // entries of two neighbouring states
  output logic [$clog2(Entries)-2:0] address_o,
  output logic [1:0][20:0] entries_o,
  output logic [3:0]   log_o,
  output logic [4:0]   classes_o,
  output logic [15:0][3:0] class_table_o,
  output logic [15:0][2:0] class_shift_o
);
  import sluice_pkg::*;
  localparam int Depth = 32;
  typedef enum logic [2:0] {Idle, Scan, Compare, Build, Damaged} state_e;
  state_e state_q;
  logic loaded_q, job_start, job_busy;
  logic [31:0] bytes_left_q;                   // in beats that have not arrived
  logic [$clog2(Depth):0] free;
  wire again = state_q == Compare && !same_q && sum_q == CrcResidue;
  assign job_start = (start_i && bytes_i != 0) || again;

  // While it only scans it takes every beat.
  read_job #(.BeatBits(28), .FreeBits($clog2(Depth)+1)) u_job (
    .clk_i, .clear_i, .halt_i, .start_i(job_start), .address_i, .beats_i(28'((33'(bytes_i) + 33'd15) >> 4)),
    .busy_o(job_busy), .free_i(state_q == Build ? free : ($clog2(Depth)+1)'(Depth)), .beat_i,
    .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );

  // ---- checksum: over the section and its own checksum it comes to a constant
  localparam logic [31:0] CrcResidue = 32'hb798b438;
  logic [31:0] sum_q, identity_q, identity_bytes_q, tail_q;
  logic [255:0] beat_bytes_q;
  logic [4:0] beat_count_q;
  logic beat_q, same_q, summed_q;
  wire [4:0] beat_count = bytes_left_q >= 32'd16 ? 5'd16 : bytes_left_q[4:0];
  wire [159:0] history = {data_i, tail_q};
  always_ff @(posedge clk_i) begin
    beat_q <= beat_i && state_q == Scan && !clear_i;
    beat_count_q <= beat_count;
    beat_bytes_q <= 256'(data_i) << {6'd32 - 6'(beat_count), 3'b000};
    if (beat_i) tail_q <= history[{beat_count, 3'b000} +: 32];  // the last four bytes
    if (job_start) begin
      bytes_left_q <= bytes_i;
      sum_q <= '1;
    end else begin
      if (beat_i) bytes_left_q <= bytes_left_q - 32'(beat_count);
      if (beat_q) sum_q <= crc32c_skip(sum_q, beat_count_q) ^ crc32c_data(beat_bytes_q);
    end
    summed_q <= state_q == Scan && bytes_left_q == 0 && !beat_q && !job_start;
    same_q <= loaded_q && identity_q == tail_q && identity_bytes_q == bytes_i;
  end

  // ---- words for the parser
  logic beats_valid, beats_pop;
  logic [127:0] beat;
  fifo #(.Width(128), .Depth(Depth)) u_beats (
    .clk_i, .clear_i(clear_i || start_i), .push_i(beat_i && state_q == Build), .data_i, .free_o(free),
    .valid_o(beats_valid), .data_o(beat), .pop_i(beats_pop)
  );
  logic [95:0] window_q;
  logic [2:0] held_q;                          // words of it that are real
  logic [1:0] piece_q, take;
  wire [2:0] kept = held_q - 3'(take);
  wire refill = beats_valid && kept <= 3'd4;
  wire words_end = bytes_left_q == 0 && !beats_valid;
  wire [95:0] shifted = window_q >> {take, 4'b0000};
  assign beats_pop = refill && piece_q == 2'd3;
  always_ff @(posedge clk_i) begin
    if (job_start) begin
      held_q <= '0;
      piece_q <= '0;
      window_q <= '0;
    end else begin
      // Behind the end of the section the window is of no concern: the parser counts its bits.
      held_q <= words_end && take > held_q[1:0] && held_q < 3'd4 ? '0 : kept + (refill ? 3'd2 : 3'd0);
      window_q <= shifted;
      if (refill) window_q[{kept, 4'b0000} +: 32] <= beat[{piece_q, 5'b00000} +: 32];
      if (refill) piece_q <= piece_q + 2'd1;
    end
  end

  logic counts_busy, counts_bad, builder_busy, builder_bad, positive_write, negative_write, bank, table_valid, table_take, known;
  logic [6:0] magnitude;
  logic [7:0] extent;
  logic [11:0] count, zero, escape;
  logic [3:0] last_table;
  table_counts #(.Entries(Entries)) u_counts (
    .clk_i, .clear_i, .start_i(again), .payload_bytes_i(bytes_i - 32'd4), .busy_o(counts_busy), .bad_o(counts_bad),
    .classes_known_o(known), .window_i({16'd0, window_q[47:0]}), .window_valid_i(held_q >= 3'd3 || words_end), .take_o(take),
    .positive_write_o(positive_write), .negative_write_o(negative_write), .magnitude_o(magnitude), .count_o(count),
    .bank_o(bank), .table_valid_o(table_valid), .table_take_i(table_take), .extent_o(extent), .zero_o(zero),
    .escape_o(escape), .log_o, .last_table_o(last_table), .classes_o, .class_table_o, .class_shift_o
  );
  table_builder #(.Entries(Entries)) u_builder (
    .clk_i, .clear_i, .start_i(again), .busy_o(builder_busy), .bad_o(builder_bad), .positive_write_i(positive_write),
    .negative_write_i(negative_write), .magnitude_i(magnitude), .count_i(count), .bank_i(bank), .table_valid_i(table_valid),
    .table_take_o(table_take), .extent_i(extent), .zero_i(zero), .escape_i(escape), .log_i(log_o), .classes_i(classes_o),
    .class_table_i(class_table_o), .class_shift_i(class_shift_o), .write_o, .address_o, .entries_o
  );

  assign damaged_o = state_q == Damaged;
  assign settled_o = state_q == Idle;
  assign usable_o = state_q == Idle && loaded_q;
  assign classes_known_o = usable_o || (state_q == Build && known);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) loaded_q <= 1'b0;
    if (clear_i) state_q <= Idle;
    else begin
      case (state_q)
        Idle: if (start_i) begin
          if (bytes_i != 0) state_q <= Scan;
          else loaded_q <= 1'b0;
        end
        Scan: if (summed_q) state_q <= Compare;
        Compare: begin
          state_q <= sum_q != CrcResidue ? Damaged : same_q ? Idle : Build;
          if (!same_q) loaded_q <= 1'b0;
        end
        Build: if (!counts_busy && !builder_busy && !table_valid) begin
          state_q <= counts_bad || builder_bad ? Damaged : Idle;
          loaded_q <= !counts_bad && !builder_bad;
          identity_q <= tail_q;
          identity_bytes_q <= bytes_i;
        end
        default: state_q <= state_q;
      endcase
    end
  end
endmodule
