/// Walks the windows of a LOAD with taps, a step per cycle: row by row, `Pixels` neighbouring pixels together (or one
/// pixel, unless `wide_i`), and for these the bytes of their windows in order.
///
///   for each output row, for each group of pixels
///     for each kernel row: a run of kernelWidth * inChannels neighbouring source bytes
///       for each word the run has bytes in                         -> a step
///
/// A step names the source byte that belongs to byte 0 of the first pixel's word, though the run may begin behind it
/// (`first_o`) and end before the word does (`end_o`). All pixels of a group take the same bytes of their word.
///
/// Every address is the sum of the one before and a constant. Where windows have left the image at the right or at the
/// bottom they stop advancing, so that no count leaves its range; all they read from there on is padding.
module tap_walker
  import sluice_pkg::*;
#(
  parameter int Pixels      = 8,
  parameter int Inputs      = 8,
  parameter int Window      = 64,               // bytes of a read
  parameter int AddressBits = 15                // of the ring of source bytes
) (
  input  logic                     clk_i,
  input  logic                     clear_i,
  input  logic                     start_i,
  input  command_t                 command_i,
  // Sizes of the command, settled with start_i
  input  logic                     wide_i,
  input  logic [15:0]              run_bytes_i,     // kernelWidth * inChannels
  input  logic [15:0]              row_bytes_i,     // inWidth * inChannels
  input  logic [19:0]              group_bytes_i,   // from the first pixel of a group to that of the next
  input  logic [23:0]              left_bytes_i,    // padLeft * inChannels
  input  logic [AddressBits-1:0]   top_bytes_i,     // padTop rows
  input  logic [AddressBits-1:0]   stride_bytes_i,  // strideHeight rows

  input  logic                     enough_i,        // the source rows of the next output row have arrived
  output logic                     running_o,
  output logic                     row_last_o,      // the last step of an output row is taken
  output logic                     advance_o,       // a row of windows has left strideHeight source rows behind

  // A step
  output logic                     step_o,
  output logic [AddressBits-1:0]   address_o,
  output logic [$clog2(Window):0]  inside_first_o,  // bytes [first, end) from the address lie inside the image
  output logic [$clog2(Window):0]  inside_end_o,
  output logic [$clog2(Inputs)-1:0] first_o,
  output logic [$clog2(Inputs):0]  end_o,
  output logic                     window_last_o,   // what is left of the word is 0
  output logic                     word_done_o,
  output logic [15:0]              row_o,           // of the activation memory
  output logic [Pixels-1:0]        banks_o
);
  localparam int LaneBits = $clog2(Inputs);
  localparam int PixelBits = $clog2(Pixels);
  localparam int WindowBits = $clog2(Window);

  // ---- 1: counts
  logic active_q, row_start_q, run_last_q, kernel_last_q, group_last_q, rows_last_q;
  logic [LaneBits-1:0] first_q;
  logic [16:0] end_q;                           // of the run, in bytes from the beginning of this word
  logic [7:0] kernel_left_q;
  logic [15:0] columns_q, rows_q;
  logic [Inputs-1:0] short_q;                   // a run that begins at this byte of a word ends in it
  logic single_kernel_q, single_group_q;

  wire go = active_q && (!row_start_q || enough_i);
  wire window_last = run_last_q && kernel_last_q;
  wire row_last = window_last && group_last_q;
  wire [LaneBits-1:0] first_next = run_last_q && !kernel_last_q ? end_q[LaneBits-1:0] : '0;
  wire [15:0] group_columns = wide_i ? 16'(Pixels) : 16'd1;
  assign running_o = active_q;
  assign row_last_o = go && row_last;

  always_ff @(posedge clk_i) begin
    for (int lane = 0; lane < Inputs; lane += 1) short_q[lane] <= run_bytes_i <= 16'(Inputs - lane);
    single_kernel_q <= command_i.kernel_height == 8'd1;
    single_group_q <= command_i.out_width <= group_columns;
    if (clear_i) active_q <= 1'b0;
    else if (start_i) begin
      active_q <= 1'b1;
      row_start_q <= 1'b1;
      first_q <= '0;
      end_q <= 17'(run_bytes_i);
      run_last_q <= short_q[0];
      kernel_left_q <= command_i.kernel_height - 8'd1;
      kernel_last_q <= single_kernel_q;
      columns_q <= command_i.out_width;
      group_last_q <= single_group_q;
      rows_q <= command_i.out_height;
      rows_last_q <= command_i.out_height == 16'd1;
    end else if (go) begin
      row_start_q <= row_last;
      first_q <= first_next;
      end_q <= run_last_q ? 17'(run_bytes_i) + 17'(first_next) : end_q - 17'(Inputs);
      run_last_q <= run_last_q ? short_q[first_next] : end_q <= 17'(2 * Inputs);
      if (run_last_q) begin
        kernel_left_q <= kernel_last_q ? command_i.kernel_height - 8'd1 : kernel_left_q - 8'd1;
        kernel_last_q <= kernel_last_q ? single_kernel_q : kernel_left_q == 8'd1;
      end
      if (window_last) begin
        columns_q <= group_last_q ? command_i.out_width : columns_q - group_columns;
        group_last_q <= group_last_q ? single_group_q : columns_q <= 2 * group_columns;
      end
      if (row_last) begin
        rows_q <= rows_q - 16'd1;
        rows_last_q <= rows_q == 16'd2;
        if (rows_last_q) active_q <= 1'b0;
      end
    end
  end

  // ---- 2: addresses of the step, then those of the next
  logic step2_q, run_last2_q, window_last2_q, row_last2_q;
  logic [LaneBits-1:0] first2_q;
  logic [LaneBits:0] end2_q;
  logic [PixelBits:0] columns2_q;
  logic signed [23:0] column_q, group_column_q;  // source byte within its row
  logic signed [17:0] y_q, window_y_q;
  logic [AddressBits-1:0] row_start2_q, window_row_start_q;
  logic right_q, below_q;                        // the windows have left the image
  logic [15:0] row_q, group_row_q;
  logic [Pixels-1:0] pixel_q;                    // of the group's pixels in the banks, unless wide

  wire next_row = row_last2_q;
  wire next_group = window_last2_q && !row_last2_q;
  wire next_run = run_last2_q && !window_last2_q;
  wire signed [23:0] column_base = next_row ? -$signed(left_bytes_i) : run_last2_q ? group_column_q : column_q;
  wire signed [23:0] column_move = !run_last2_q ? 24'(Inputs) : next_run ? -24'(end2_q[LaneBits-1:0])
      : next_group && !right_q ? {4'd0, group_bytes_i} : 24'd0;
  wire signed [23:0] column_next = column_base + column_move;
  wire advance = row_last2_q && !below_q;
  wire signed [17:0] window_y_next = window_y_q + (advance ? {14'd0, command_i.stride_height} : 18'd0);
  wire [AddressBits-1:0] window_row_start_next = window_row_start_q + (advance ? stride_bytes_i : '0);
  wire word_done2 = !run_last2_q || window_last2_q || end2_q[LaneBits];
  // Neighbouring groups lie in neighbouring rows; pixels one by one fill a row before the next is begun.
  wire next_group_row = window_last2_q && (wide_i || row_last2_q || pixel_q[Pixels-1]);
  wire [15:0] group_row_next = group_row_q + (next_group_row ? command_i.out0_pitch : 16'd0);
  assign advance_o = step2_q && advance;

  always_ff @(posedge clk_i) begin
    step2_q <= go && !clear_i;
    run_last2_q <= run_last_q;
    window_last2_q <= window_last;
    row_last2_q <= row_last;
    first2_q <= first_q;
    end2_q <= run_last_q ? end_q[LaneBits:0] : (LaneBits+1)'(Inputs);
    columns2_q <= group_last_q ? columns_q[PixelBits:0] : (PixelBits+1)'(Pixels);
    right_q <= !(step2_q && row_last2_q) && group_column_q >= $signed({8'd0, row_bytes_i});
    below_q <= window_y_q >= $signed({2'd0, command_i.in_height});
    if (start_i) begin
      column_q <= -$signed(left_bytes_i);
      group_column_q <= -$signed(left_bytes_i);
      y_q <= -$signed({10'd0, command_i.pad_top});
      window_y_q <= -$signed({10'd0, command_i.pad_top});
      row_start2_q <= -top_bytes_i;
      window_row_start_q <= -top_bytes_i;
      row_q <= command_i.out0_base;
      group_row_q <= command_i.out0_base;
      pixel_q <= Pixels'(1);
    end else if (step2_q) begin
      column_q <= column_next;
      if (window_last2_q) begin
        group_column_q <= column_next;
        window_y_q <= window_y_next;
        y_q <= window_y_next;
        window_row_start_q <= window_row_start_next;
        row_start2_q <= window_row_start_next;
        group_row_q <= group_row_next;
        row_q <= group_row_next;
        pixel_q <= row_last2_q ? Pixels'(1) : {pixel_q[Pixels-2:0], pixel_q[Pixels-1]};
      end else begin
        if (run_last2_q) begin
          y_q <= y_q + 18'sd1;
          row_start2_q <= row_start2_q + AddressBits'(row_bytes_i);
        end
        if (word_done2) row_q <= row_q + 16'd1;
      end
    end
  end

  // ---- 3: the step
  wire signed [23:0] behind = $signed({8'd0, row_bytes_i}) - column_q;
  wire left = column_q[23];
  wire far_left = left && !(&column_q[22:WindowBits]);
  wire row_inside = !y_q[17] && y_q[16:0] < {1'b0, command_i.in_height};
  always_ff @(posedge clk_i) begin
    step_o <= step2_q && !clear_i;
    address_o <= row_start2_q + column_q[AddressBits-1:0];
    inside_first_o <= !left ? '0 : far_left ? (WindowBits+1)'(Window) : -column_q[WindowBits:0];
    inside_end_o <= behind[23] || !row_inside ? '0
        : behind[22:WindowBits] != 0 ? (WindowBits+1)'(Window) : behind[WindowBits:0];
    first_o <= first2_q;
    end_o <= end2_q;
    window_last_o <= window_last2_q;
    word_done_o <= word_done2;
    row_o <= row_q;
    for (int pixel = 0; pixel < Pixels; pixel += 1) begin
      banks_o[pixel] <= wide_i ? (PixelBits+1)'(pixel) < columns2_q : pixel_q[pixel];
    end
  end

`ifndef SYNTHESIS
  // What a count will be at its last turn is known a step ahead.
  LastRun_A: assert property (@(posedge clk_i) disable iff (clear_i) active_q |-> run_last_q == (end_q <= 17'(Inputs)));
  LastKernelRow_A: assert property (@(posedge clk_i) disable iff (clear_i) active_q |-> kernel_last_q == (kernel_left_q == 0));
  LastGroup_A: assert property (@(posedge clk_i) disable iff (clear_i) active_q |-> group_last_q == (columns_q <= group_columns));
  LastRow_A: assert property (@(posedge clk_i) disable iff (clear_i) active_q |-> rows_last_q == (rows_q == 16'd1));
  RunInWord_A: assert property (@(posedge clk_i) disable iff (clear_i) active_q |-> end_q > 17'(first_q));
`endif
endmodule
