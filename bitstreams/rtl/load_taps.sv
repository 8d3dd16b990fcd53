/// LOAD with taps: packed HWC bytes from DDR; every output pixel gets its whole window as channels [tap][channel], so a
/// first layer with few channels becomes a 1x1 convolution.
///
/// The last source rows lie in a ring (`tap_store`). A step takes neighbouring bytes from it that hold one word's share of
/// a window row for a whole group of pixels (`tap_walker`) and hands every pixel its own (`tap_words`). An
/// output row is begun when the last source row of its windows has arrived.
///
/// Pixels up to `TAP_WIDE_STRIDE` bytes apart are done `Pixels` at a time; further apart, one by one.
module load_taps
  import sluice_pkg::*;
#(
  parameter int Pixels = 8,
  parameter int Inputs = 8
) (
  input  logic                          clk_i,
  input  logic                          clear_i,
  input  logic                          start_i,
  input  command_t                      command_i,
  output logic                          busy_o,
  output logic                          job_start_o,
  output logic [27:0]                   beats_o,
  output logic [7:0]                    free_o,        // beats the ring can take (saturated)
  input  logic                          beat_i,
  input  logic [127:0]                  data_i,
  output logic [Pixels-1:0]             write_o,
  output logic [15:0]                   write_row_o,
  output logic [Pixels-1:0][Inputs*8-1:0] write_data_o
);
  localparam int Bytes = (Pixels - 1) * TAP_WIDE_STRIDE + Inputs;
  localparam int Window = 1 << $clog2(Bytes + 3);
  localparam int Lines = 512;                   // of a block RAM
  localparam int StoreBytes = Window * Lines;
  localparam int AddressBits = $clog2(StoreBytes);
  localparam int BeatBits = AddressBits - 4;
  // Beats that have just arrived are not yet counted in free_o.
  localparam int Room = StoreBytes - 64;

  // ---- sizes
  logic [3:1] setup_q;
  logic [15:0] row_bytes_q, run_bytes_q;
  logic [19:0] pixel_bytes_q, stride_bytes_q;
  logic [23:0] left_bytes_q, top_bytes_q, window_bytes_q;
  logic [31:0] total_q;
  logic wide_q;
  wire [19:0] group_bytes = wide_q ? 20'(pixel_bytes_q) << $clog2(Pixels) : pixel_bytes_q;
  always_ff @(posedge clk_i) begin
    row_bytes_q <= 16'(command_i.in_width * command_i.in_channels);
    run_bytes_q <= 16'(command_i.kernel_width * command_i.in_channels);
    pixel_bytes_q <= 20'(command_i.stride_width) * 20'(command_i.in_channels);
    left_bytes_q <= 24'(command_i.pad_left) * 24'(command_i.in_channels);
    wide_q <= pixel_bytes_q <= 20'(TAP_WIDE_STRIDE);
    total_q <= 32'(row_bytes_q) * 32'(command_i.in_height);
    stride_bytes_q <= 20'(row_bytes_q) * 20'(command_i.stride_height);
    top_bytes_q <= 24'(row_bytes_q) * 24'(command_i.pad_top);
    window_bytes_q <= 24'(row_bytes_q) * 24'(command_i.kernel_height);
    setup_q <= clear_i ? '0 : {setup_q[2:1], start_i};
  end
  wire begin_walk = setup_q[3];
  assign job_start_o = setup_q[3];
  assign beats_o = 28'((total_q + 32'd15) >> 4);

  // ---- arrivals
  logic beat_q, reading_q;
  logic [127:0] data_q;
  logic [BeatBits-1:0] place_q;
  logic [27:0] left_q;                          // beats still to come
  logic running, row_last, advance;
  logic signed [31:0] missing_q;                // bytes from the last arrived to the end of the next row's windows, less 1
  logic signed [24:0] oldest_q;                 // byte of the first source row still needed, as long as it is above the image
  logic signed [20:0] room_q;
  logic [19:0] released_q;
  wire signed [24:0] oldest_next = oldest_q + $signed({5'd0, stride_bytes_q});
  wire enough = missing_q[31] || !reading_q;
  always_ff @(posedge clk_i) begin
    beat_q <= beat_i && !clear_i;
    data_q <= data_i;
    if (begin_walk) begin
      place_q <= '0;
      missing_q <= 32'(window_bytes_q) - 32'(top_bytes_q) - 32'sd1;
      oldest_q <= -25'(top_bytes_q);
      room_q <= 21'(Room);
      released_q <= '0;
    end else begin
      if (beat_q) place_q <= place_q + 1'b1;
      missing_q <= missing_q + (row_last ? $signed({12'd0, stride_bytes_q}) : 32'sd0) - (beat_q ? 32'sd16 : 32'sd0);
      if (advance && oldest_q[24]) oldest_q <= oldest_next;
      // Rows above the image take no room.
      released_q <= !advance || oldest_next[24] ? '0 : oldest_q[24] ? oldest_next[19:0] : stride_bytes_q;
      room_q <= room_q + $signed({1'b0, released_q}) - (beat_i ? 21'sd16 : 21'sd0);
    end
    if (clear_i) reading_q <= 1'b0;
    else if (start_i) reading_q <= 1'b1;
    else if (setup_q == 0 && left_q == 0 && !beat_q) reading_q <= 1'b0;
    if (begin_walk) left_q <= beats_o;
    else if (beat_i) left_q <= left_q - 28'd1;
    // Once every step is taken the ring may be overwritten by what is left.
    free_o <= !running || (!room_q[20] && room_q[19:11] != 0) ? 8'd127 : room_q[20] ? 8'd0 : {1'b0, room_q[10:4]};
  end

  // ---- steps, their bytes, words
  logic step, window_last, word_done, words_busy;
  logic [AddressBits-1:0] address;
  logic [$clog2(Window):0] inside_first, inside_end;
  logic [$clog2(Inputs)-1:0] first_byte;
  logic [$clog2(Inputs):0] end_byte;
  logic [15:0] row;
  logic [Pixels-1:0] banks;
  logic [Bytes-1:0][7:0] bytes;
  tap_walker #(.Pixels(Pixels), .Inputs(Inputs), .Window(Window), .AddressBits(AddressBits)) u_walker (
    .clk_i, .clear_i, .start_i(begin_walk), .command_i, .wide_i(wide_q), .run_bytes_i(run_bytes_q),
    .row_bytes_i(row_bytes_q), .group_bytes_i(group_bytes), .left_bytes_i(left_bytes_q),
    .top_bytes_i(AddressBits'(top_bytes_q)), .stride_bytes_i(AddressBits'(stride_bytes_q)), .enough_i(enough),
    .running_o(running), .row_last_o(row_last), .advance_o(advance), .step_o(step), .address_o(address),
    .inside_first_o(inside_first), .inside_end_o(inside_end), .first_o(first_byte), .end_o(end_byte),
    .window_last_o(window_last), .word_done_o(word_done), .row_o(row), .banks_o(banks)
  );
  tap_store #(.Window(Window), .Lines(Lines), .Bytes(Bytes)) u_store (
    .clk_i, .write_i(beat_q), .beat_i(place_q), .data_i(data_q), .read_i(step), .address_i(address), .bytes_o(bytes)
  );
  tap_words #(.Pixels(Pixels), .Inputs(Inputs), .Window(Window), .Bytes(Bytes), .Delay(3)) u_words (
    .clk_i, .clear_i, .pad_value_i(command_i.pad_value), .stride_bytes_i(wide_q ? pixel_bytes_q[2:0] : 3'd0),
    .step_i(step), .inside_first_i(inside_first), .inside_end_i(inside_end), .first_i(first_byte), .end_i(end_byte),
    .window_last_i(window_last), .word_done_i(word_done), .row_i(row), .banks_i(banks), .bytes_i(bytes),
    .busy_o(words_busy), .write_o, .write_row_o, .write_data_o
  );
  // Rows below the last window are read all the same, and waited for. A last step takes two cycles to the words.
  logic [2:1] running_q;
  always_ff @(posedge clk_i) running_q <= clear_i ? '0 : {running_q[1], running};
  assign busy_o = start_i || setup_q != 0 || reading_q || running || running_q != 0 || words_busy;

`ifndef SYNTHESIS
  // A beat never lands on a source row that a window still needs.
  RingHasRoom_A: assert property (@(posedge clk_i) disable iff (clear_i) beat_i && running |-> !room_q[20]);
  BeatsAsAsked_A: assert property (@(posedge clk_i) disable iff (clear_i) beat_i |-> left_q != 0);
`endif
endmodule
