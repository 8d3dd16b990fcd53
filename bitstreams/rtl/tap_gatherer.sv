/// Gathers the window of one output pixel from the byte store: kernelHeight runs of neighbouring bytes, joined and cut into
/// words of Inputs bytes; bytes outside the image become padValue, the end of the last word 0.
///
/// A read brings the bytes of one beat that belong to the run. They are turned to their place in a ring of 32 bytes, from
/// which words are taken.
module tap_gatherer
  import sluice_pkg::*;
#(
  parameter int Inputs     = 8,
  parameter int StoreBeats = 1024
) (
  input  logic                          clk_i,
  input  logic                          clear_i,
  input  command_t                      command_i,
  input  logic [12:0]                   words_i,
  input  logic [15:0]                   run_bytes_i,   // kernelWidth * inChannels
  input  logic [15:0]                   row_bytes_i,   // inWidth * inChannels

  output logic [$clog2(StoreBeats)-1:0] address_o,
  input  logic                          granted_i,
  input  logic [127:0]                  data_i,        // of the address granted a cycle ago

  input  logic                          start_i,
  input  logic [15:0]                   x_i,
  input  logic signed [16:0]            y_in_i,        // first window row
  input  logic signed [32:0]            row_start_i,   // its byte
  output logic                          busy_o,
  output logic                          valid_o,
  output logic [12:0]                   word_o,
  output logic [Inputs*8-1:0]           data_o
);
  localparam int AddressBits = $clog2(StoreBeats);
  localparam int Ring = 32;
  localparam int Words = Ring / Inputs;
  localparam int WordBits = $clog2(Words);

  // ---- 1: which bytes
  logic busy_q;
  logic [7:0] row_q;
  logic [15:0] run_q;                           // bytes of this run already asked for
  logic signed [17:0] column_q;                 // byte within the source row of the run's next byte, may be negative
  logic [AddressBits+3:0] start_q;              // byte of the source row, modulo the store
  logic signed [16:0] y_q;
  logic signed [17:0] first_column_q;
  logic [12:0] word_q;
  logic [5:0] held_q;
  logic read_valid_q, asking_q;
  logic [4:0] read_count_q;

  wire [AddressBits+3:0] at = start_q + (AddressBits+4)'(column_q);
  wire [4:0] in_beat = 5'd16 - {1'b0, at[3:0]};
  wire [15:0] rest = run_bytes_i - run_q;
  wire last_of_run = rest <= 16'(in_beat);
  wire [4:0] count = last_of_run ? rest[4:0] : in_beat;
  wire last_row = row_q + 8'd1 == command_i.kernel_height;
  // Bytes of the row behind this one, and in front of its start: where the beat leaves the image.
  wire signed [18:0] behind = $signed({3'b000, row_bytes_i}) - 19'(column_q);
  wire row_inside = y_q >= 0 && y_q < $signed({1'b0, command_i.in_height});
  wire [4:0] outside_first = column_q >= 0 ? 5'd0 : column_q < -18'sd16 ? 5'd16 : 5'(-column_q);
  wire [4:0] inside_end = !row_inside || behind <= 0 ? 5'd0 : behind > 19'sd16 ? 5'd16 : behind[4:0];
  wire ask = asking_q && held_q + (read_valid_q ? 6'(read_count_q) : 6'd0) <= 6'(Ring - 16);
  assign address_o = at[AddressBits+3:4];

  // ---- 2: the bytes of the beat that are there, turned to their place in the ring
  logic read_last_q;
  logic [3:0] shift_q;
  logic [5:0] image_first_q, image_end_q;       // bytes of the beat that lie in the image
  logic [$clog2(Ring)-1:0] fill_q;              // place of the next byte
  logic [15:0][7:0] padded, half_turned, turned;
  wire [3:0] turn = fill_q[3:0] - shift_q;
  logic [Ring-1:0] write;
  always_comb begin
    for (int index = 0; index < 16; index += 1) begin
      padded[index] = 6'(index) >= image_first_q && 6'(index) < image_end_q ? data_i[index*8 +: 8] : command_i.pad_value;
    end
    for (int place = 0; place < 16; place += 1) half_turned[place] = padded[4'(place) - {turn[3:2], 2'b00}];
    for (int place = 0; place < 16; place += 1) turned[place] = half_turned[4'(place) - {2'b00, turn[1:0]}];
    for (int place = 0; place < Ring; place += 1) write[place] = read_valid_q && 5'(5'(place) - fill_q) < read_count_q;
  end

  // ---- 3: words
  logic [Ring-1:0][7:0] ring_q;
  logic [WordBits-1:0] next_q;                  // word to take
  logic finishing_q;
  wire full = held_q >= 6'(Inputs);
  wire emit = full || (finishing_q && !read_valid_q && held_q != 0);
  wire [5:0] taken = !emit ? 6'd0 : full ? 6'(Inputs) : held_q;

  // Free for the next pixel in the cycle after its last word.
  wire last_word = emit && word_q + 13'd1 == words_i;
  assign busy_o = busy_q && !last_word;
  assign valid_o = busy_q && emit;
  assign word_o = word_q;
  for (genvar lane = 0; lane < Inputs; lane += 1) begin : gen_byte
    logic [Words-1:0][7:0] choices;
    for (genvar word = 0; word < Words; word += 1) begin : gen_word
      assign choices[word] = ring_q[word*Inputs + lane];
    end
    assign data_o[lane*8 +: 8] = 6'(lane) < held_q ? choices[next_q] : 8'd0;
  end

  wire signed [17:0] window_column =
      ($signed({2'b00, x_i}) * $signed({14'd0, command_i.stride_width}) - $signed({10'd0, command_i.pad_left}))
      * $signed({2'b00, command_i.in_channels});

  always_ff @(posedge clk_i) begin
    shift_q <= at[3:0];
    read_count_q <= count;
    read_last_q <= last_of_run && last_row;
    image_first_q <= 6'(outside_first) + 6'(at[3:0]);
    image_end_q <= 6'(inside_end) + 6'(at[3:0]);
    read_valid_q <= ask && granted_i && !clear_i && !start_i;
    for (int place = 0; place < Ring; place += 1) if (write[place]) ring_q[place] <= turned[place % 16];

    if (clear_i) begin
      busy_q <= 1'b0;
      asking_q <= 1'b0;
      finishing_q <= 1'b0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      asking_q <= 1'b1;
      finishing_q <= 1'b0;
      row_q <= '0;
      run_q <= '0;
      y_q <= y_in_i;
      start_q <= row_start_i[AddressBits+3:0];
      word_q <= '0;
      held_q <= '0;
      fill_q <= '0;
      next_q <= '0;
      // First byte of the window in its row: (x * stride - padLeft) * channels.
      column_q <= window_column;
      first_column_q <= window_column;
    end else begin
      if (ask && granted_i) begin
        run_q <= last_of_run ? '0 : run_q + 16'(in_beat);
        column_q <= last_of_run ? first_column_q : column_q + 18'(in_beat);
        if (last_of_run) begin
          row_q <= row_q + 8'd1;
          y_q <= y_q + 17'sd1;
          start_q <= start_q + (AddressBits+4)'(row_bytes_i);
          if (last_row) asking_q <= 1'b0;
        end
      end
      if (read_valid_q) fill_q <= fill_q + 5'(read_count_q);
      if (read_valid_q && read_last_q) finishing_q <= 1'b1;
      held_q <= held_q - taken + (read_valid_q ? 6'(read_count_q) : 6'd0);
      if (emit) begin
        next_q <= next_q + 1'b1;
        word_q <= word_q + 13'd1;
        if (last_word) busy_q <= 1'b0;
      end
    end
  end
endmodule
