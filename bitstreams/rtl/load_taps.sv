/// LOAD with taps: packed HWC bytes from DDR; every output pixel gets its whole window as channels [tap][channel], so a
/// first layer with few channels becomes a 1x1 convolution.
///
/// `Lanes` gatherers work on neighbouring pixels (different banks), two at a copy of the last 16 KiB of source bytes. A
/// window row is kernelWidth * inChannels neighbouring bytes: a gatherer takes those of one beat per cycle and
/// emits a word of Inputs bytes whenever it has one, so a pixel costs about as many cycles as it has words. A pixel is
/// begun when the last byte of its window has arrived.
module load_taps
  import sluice_pkg::*;
#(
  parameter int Pixels = 8,
  parameter int Inputs = 8,
  parameter int Lanes  = 4
) (
  input  logic                          clk_i,
  input  logic                          clear_i,
  input  logic                          start_i,
  input  command_t                      command_i,
  input  logic [12:0]                   words_i,       // of an output pixel
  output logic                          busy_o,
  output logic                          job_start_o,
  output logic [27:0]                   beats_o,
  output logic [7:0]                    free_o,        // beats the byte store can take (saturated)
  input  logic                          beat_i,
  input  logic [127:0]                  data_i,
  output logic [Pixels-1:0]             write_o,
  output logic [Pixels-1:0][15:0]       write_row_o,
  output logic [Pixels-1:0][Inputs*8-1:0] write_data_o
);
  localparam int StoreBeats = 1024;
  localparam int PixelBits = $clog2(Pixels);

  // ---- sizes
  logic [2:0] setup_q;
  logic [15:0] row_bytes_q;
  logic [31:0] total_q;
  logic [31:0] stride_bytes_q;
  logic running_q, reading_q;
  wire [15:0] run_bytes = 16'(command_i.kernel_width) * command_i.in_channels;

  assign job_start_o = setup_q[2];
  assign beats_o = 28'((total_q + 32'd15) >> 4);

  // ---- bytes in the store: [oldest needed, arrived)
  logic [27:0] arrived_q;                       // beats
  logic signed [32:0] oldest;
  wire signed [32:0] held = $signed({1'b0, arrived_q, 4'd0}) - oldest;
  wire signed [32:0] room = 33'sd16384 - 33'sd32 - held;
  assign free_o = !running_q ? 8'd127 : room <= 0 ? 8'd0 : room > 33'sd2032 ? 8'd127 : {1'b0, room[10:4]};

  // ---- a group of Lanes pixels at a time
  logic [15:0] x_q, y_q, group_row_q;
  logic signed [16:0] y_in_q;
  logic signed [32:0] row_start_q;              // byte of (y_in, column 0) in the source, may be negative
  logic [Lanes-1:0] lane_busy;
  wire group_done = lane_busy == 0;
  logic group_start, group_active_q;
  logic signed [32:0] last_byte;                // of the last row any pixel of this output row reads, exclusive
  wire signed [16:0] bottom = y_in_q + $signed({9'd0, command_i.kernel_height});
  wire signed [16:0] bottom_clipped = bottom > $signed({1'b0, command_i.in_height}) ? $signed({1'b0, command_i.in_height}) : bottom;
  // Waiting for whole source rows keeps the test simple; a row is a few beats.
  logic signed [32:0] needed_q;
  logic needed_valid_q;
  assign last_byte = needed_q;
  wire arrived_enough = needed_valid_q && ($signed({1'b0, arrived_q, 4'd0}) >= last_byte);
  wire at_x = x_q + 16'(Lanes) >= command_i.out_width;
  wire at_y = y_q + 16'd1 == command_i.out_height;
  assign group_start = running_q && setup_q == 0 && !group_active_q && arrived_enough;
  wire group_end = group_active_q && group_done;
  // Row y_in is the oldest one still needed; rows above the image need nothing.
  assign oldest = row_start_q < 0 ? 33'sd0 : row_start_q;
  // Rows below the last window are read all the same, and waited for.
  assign busy_o = start_i || setup_q != 0 || running_q || reading_q || write_o != 0;

  always_ff @(posedge clk_i) begin
    setup_q <= clear_i ? '0 : {setup_q[1:0], start_i};
    row_bytes_q <= 16'(command_i.in_width * command_i.in_channels);
    total_q <= 32'(row_bytes_q) * 32'(command_i.in_height);
    stride_bytes_q <= 32'(row_bytes_q) * 32'(command_i.stride_height);
    needed_q <= bottom_clipped <= 0 ? 33'sd0 : 33'(32'(bottom_clipped[15:0]) * 32'(row_bytes_q));
    needed_valid_q <= 1'b1;
    if (beat_i) arrived_q <= arrived_q + 28'd1;
    if (clear_i) begin
      running_q <= 1'b0;
      reading_q <= 1'b0;
      group_active_q <= 1'b0;
    end else if (start_i) begin
      running_q <= 1'b1;
      reading_q <= 1'b1;
      group_active_q <= 1'b0;
      arrived_q <= '0;
      x_q <= '0;
      y_q <= '0;
      y_in_q <= -$signed({9'd0, command_i.pad_top});
      group_row_q <= command_i.out0_base;
      needed_valid_q <= 1'b0;
      row_start_q <= '0;
    end else begin
      if (setup_q == 0 && arrived_q == beats_o) reading_q <= 1'b0;
      if (setup_q[0] || setup_q[1]) row_start_q <= -$signed(33'(32'(row_bytes_q) * 32'(command_i.pad_top)));
      if (setup_q[1]) needed_valid_q <= 1'b0;
      if (group_start) group_active_q <= 1'b1;
      if (group_end) begin
        group_active_q <= 1'b0;
        x_q <= at_x ? '0 : x_q + 16'(Lanes);
        if (at_x || ((x_q + 16'(Lanes)) & 16'(Pixels - 1)) == 0) group_row_q <= group_row_q + command_i.out0_pitch;
        if (at_x) begin
          y_q <= y_q + 16'd1;
          y_in_q <= y_in_q + $signed({13'd0, command_i.stride_height});
          row_start_q <= row_start_q + $signed({1'b0, stride_bytes_q});
          needed_valid_q <= 1'b0;
          if (at_y) running_q <= 1'b0;
        end
      end
    end
  end

  // ---- gatherers
  logic [Lanes-1:0] word_valid;
  logic [Lanes-1:0][12:0] word_index;
  logic [Lanes-1:0][Inputs*8-1:0] word_data;
  logic [Lanes-1:0] granted;
  logic [Lanes-1:0][$clog2(StoreBeats)-1:0] address;
  logic [Lanes-1:0][127:0] stored;
  for (genvar pair = 0; pair < Lanes / 2; pair += 1) begin : gen_pair
    tap_store #(.Beats(StoreBeats)) u_store (
      .clk_i, .write_i(beat_i), .write_address_i(arrived_q[$clog2(StoreBeats)-1:0]), .data_i,
      .address_i(address[2*pair +: 2]), .granted_o(granted[2*pair +: 2]), .data_o(stored[2*pair +: 2])
    );
  end
  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    tap_gatherer #(.Inputs(Inputs), .StoreBeats(StoreBeats)) u_gatherer (
      .clk_i, .clear_i, .command_i, .words_i, .run_bytes_i(run_bytes), .row_bytes_i(row_bytes_q),
      .address_o(address[lane]), .granted_i(granted[lane]), .data_i(stored[lane]),
      .start_i(group_start && x_q + 16'(lane) < command_i.out_width), .x_i(x_q + 16'(lane)), .y_in_i(y_in_q),
      .row_start_i(row_start_q), .busy_o(lane_busy[lane]),
      .valid_o(word_valid[lane]), .word_o(word_index[lane]), .data_o(word_data[lane])
    );
  end
  always_ff @(posedge clk_i) begin
    write_o <= '0;
    for (int lane = 0; lane < Lanes; lane += 1) begin
      logic [PixelBits-1:0] bank;
      bank = x_q[PixelBits-1:0] | PixelBits'(lane);   // x_q is a multiple of Lanes
      if (word_valid[lane] && !clear_i) begin
        write_o[bank] <= 1'b1;
        write_row_o[bank] <= group_row_q + 16'(word_index[lane]);
        write_data_o[bank] <= word_data[lane];
      end
    end
  end
endmodule
