/// Fetches the layer program and keeps the next commands for four readers, each with its own position:
/// 0 the executor, which is always the last; 1 the weight reader; 2 the weight unpacker; 3 the parameter fetch.
///
/// A slot is free again when the executor leaves it, and it may leave only when the others have. The program is fetched
/// anew for every frame, ahead of time: the first weights of frame n + 1 arrive while frame n still computes.
module command_queue
  import sluice_pkg::*;
#(
  parameter int Depth = 8
) (
  input  logic             clk_i,
  input  logic             clear_i,
  input  logic             halt_i,
  input  logic             start_i,          // begin fetching
  input  logic [48:0]      program_i,        // address of the first command
  input  logic [15:0]      count_i,          // commands of a frame, at least 1
  input  logic [31:0]      frames_i,         // at least 1

  output logic [3:0]       valid_o,
  output logic [3:0][511:0] words_o,
  output logic [3:0][15:0] index_o,          // position in the program
  input  logic [3:0]       advance_i,
  output logic             may_leave_o,      // the executor may advance
  output logic [1:0]       ahead_o,          // commands the parameter fetch is ahead of the executor, 3 = more than 2
  output logic             slot_o,           // parity of the executor's command; picks the table memories
  output logic             slot_ahead_o,     // the same for the parameter fetch

  output logic             ar_valid_o,
  input  logic             ar_ready_i,
  output logic [48:0]      ar_address_o,
  output logic [3:0]       ar_length_o,
  input  logic             beat_i,
  input  logic [127:0]     data_i
);
  localparam int PointerBits = $clog2(Depth) + 1;
  logic [PointerBits+1:0] beats_q;             // beats written, modulo 8 * Depth
  logic [3:0][PointerBits-1:0] read_q;
  logic [15:0] index_q;
  logic [31:0] frames_left_q;
  logic running_q, job_busy, job_start;

  wire [PointerBits-1:0] written = beats_q[PointerBits+1:2];
  // Beats that still fit.
  wire [PointerBits+1:0] used = beats_q - {read_q[0], 2'b00};
  wire [7:0] free = 8'(4 * Depth) - 8'(used);

  assign job_start = running_q && !job_busy && frames_left_q != 0;
  read_job #(.BeatBits(28), .FreeBits(8)) u_job (
    .clk_i, .clear_i, .halt_i,
    .start_i(job_start), .address_i(program_i), .beats_i({10'd0, count_i, 2'b00}),
    .busy_o(job_busy), .free_i(free), .beat_i,
    .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      beats_q <= '0;
      read_q <= '0;
      index_q <= '0;
      running_q <= 1'b0;
    end else begin
      if (start_i) begin
        running_q <= 1'b1;
        frames_left_q <= frames_i;
      end else if (job_start) frames_left_q <= frames_left_q - 1;
      if (beat_i) begin
        beats_q <= beats_q + 1'b1;
        if (beats_q[1:0] == 2'd3) index_q <= index_q == count_i - 1 ? '0 : index_q + 1'b1;
      end
      for (int reader = 0; reader < 4; reader += 1) begin
        if (advance_i[reader]) read_q[reader] <= read_q[reader] + 1'b1;
      end
    end
  end

  for (genvar reader = 0; reader < 4; reader += 1) begin : gen_reader
    // Every reader has its own copy: LUT memory has one read port, and every beat of a command its own memory.
    wire [PointerBits-2:0] at = read_q[reader][PointerBits-2:0];
    logic [15:0] indices [Depth];
    always_ff @(posedge clk_i) if (beat_i && beats_q[1:0] == 2'd3) indices[beats_q[PointerBits:2]] <= index_q;
    for (genvar quarter = 0; quarter < 4; quarter += 1) begin : gen_quarter
      logic [127:0] memory [Depth];
      always_ff @(posedge clk_i) if (beat_i && beats_q[1:0] == 2'(quarter)) memory[beats_q[PointerBits:2]] <= data_i;
      assign words_o[reader][quarter*128 +: 128] = memory[at];
    end
    assign valid_o[reader] = read_q[reader] != written;
    assign index_o[reader] = indices[at];
  end
  assign may_leave_o = read_q[1] != read_q[0] && read_q[2] != read_q[0] && read_q[3] != read_q[0];
  wire [PointerBits-1:0] lead = read_q[3] - read_q[0];
  assign ahead_o = lead > 2 ? 2'd3 : lead[1:0];
  assign slot_o = read_q[0][0];
  assign slot_ahead_o = read_q[3][0];
endmodule
