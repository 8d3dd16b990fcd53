/// Gathers the window of one output pixel from the byte store: kernelHeight runs of neighbouring bytes, joined and cut into
/// words of Inputs bytes; bytes outside the image become padValue, the end of the last word 0.
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
  input  logic                          beat_i,
  input  logic [$clog2(StoreBeats)-1:0] beat_address_i,
  input  logic [127:0]                  data_i,

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
  localparam int AssemblyBits = 48 * 8;
  // Even and odd beats apart, so that 16 bytes from any offset are one read of each.
  logic [127:0] even [StoreBeats/2];
  logic [127:0] odd [StoreBeats/2];

  // 1: which bytes
  logic busy_q;
  logic [7:0] row_q;
  logic [15:0] run_q;                           // bytes of this run already asked for
  logic signed [17:0] column_q;                 // byte within the source row of the run's next byte, may be negative
  logic signed [32:0] start_q;                  // byte of the source row
  logic signed [16:0] y_q;
  logic signed [17:0] first_column_q;
  logic [12:0] word_q;
  logic [5:0] held_q;
  logic [AssemblyBits-1:0] assembly_q;

  wire [15:0] rest = run_bytes_i - run_q;
  wire [4:0] count = rest > 16'd16 ? 5'd16 : rest[4:0];
  wire last_of_run = rest <= 16'd16;
  wire last_row = row_q + 8'd1 == command_i.kernel_height;
  wire signed [32:0] byte_address = start_q + 33'(column_q);
  wire [AddressBits+3:0] at = byte_address[AddressBits+3:0];

  // 2: the bytes, masked
  logic read_valid_q, read_last_q, row_inside_q;
  logic [4:0] read_count_q;
  logic [3:0] shift_q;
  logic swap_q;
  logic signed [17:0] read_column_q;
  logic [127:0] even_q, odd_q;
  logic asking_q;
  wire [255:0] pair = swap_q ? {even_q, odd_q} : {odd_q, even_q};
  wire [127:0] aligned = 128'(pair >> {shift_q, 3'b000});
  logic [127:0] masked;
  always_comb begin
    for (int index = 0; index < 16; index += 1) begin
      logic signed [17:0] column;
      column = read_column_q + 18'(index);
      if (index >= 32'(read_count_q)) masked[index*8 +: 8] = 8'd0;
      else if (!row_inside_q || column < 0 || column >= $signed({2'b00, row_bytes_i}))
        masked[index*8 +: 8] = command_i.pad_value;
      else masked[index*8 +: 8] = aligned[index*8 +: 8];
    end
  end

  // 3: words
  logic finishing_q;
  wire full = held_q >= 6'(Inputs);
  wire emit = full || (finishing_q && !read_valid_q && held_q != 0);
  // A chunk is asked for when the assembly surely has room for it and for the one on its way.
  wire ask = asking_q && held_q + (read_valid_q ? 6'(read_count_q) : 6'd0) <= 6'd32;
  wire [5:0] after_emit = emit ? (held_q > 6'(Inputs) ? held_q - 6'(Inputs) : 6'd0) : held_q;

  assign busy_o = busy_q;
  assign valid_o = busy_q && emit;
  assign word_o = word_q;
  assign data_o = assembly_q[Inputs*8-1:0];

  always_ff @(posedge clk_i) begin
    if (beat_i && !beat_address_i[0]) even[beat_address_i[AddressBits-1:1]] <= data_i;
    if (beat_i && beat_address_i[0]) odd[beat_address_i[AddressBits-1:1]] <= data_i;
    even_q <= even[at[AddressBits+3:5] + (AddressBits-1)'(at[4])];
    odd_q <= odd[at[AddressBits+3:5]];
    swap_q <= at[4];
    shift_q <= at[3:0];
    read_count_q <= count;
    read_column_q <= column_q;
    read_last_q <= last_of_run && last_row;
    row_inside_q <= y_q >= 0 && y_q < $signed({1'b0, command_i.in_height});
    read_valid_q <= ask && !clear_i;

    if (clear_i) begin
      busy_q <= 1'b0;
      asking_q <= 1'b0;
      read_valid_q <= 1'b0;
      finishing_q <= 1'b0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      asking_q <= 1'b1;
      finishing_q <= 1'b0;
      row_q <= '0;
      run_q <= '0;
      y_q <= y_in_i;
      start_q <= row_start_i;
      word_q <= '0;
      held_q <= '0;
      assembly_q <= '0;
      // First byte of the window in its row: (x * stride - padLeft) * channels.
      column_q <= ($signed({2'b00, x_i}) * $signed({14'd0, command_i.stride_width}) - $signed({10'd0, command_i.pad_left}))
          * $signed({2'b00, command_i.in_channels});
      first_column_q <= ($signed({2'b00, x_i}) * $signed({14'd0, command_i.stride_width})
          - $signed({10'd0, command_i.pad_left})) * $signed({2'b00, command_i.in_channels});
    end else begin
      if (ask) begin
        run_q <= last_of_run ? '0 : run_q + 16'd16;
        column_q <= last_of_run ? first_column_q : column_q + 18'sd16;
        if (last_of_run) begin
          row_q <= row_q + 8'd1;
          y_q <= y_q + 17'sd1;
          start_q <= start_q + $signed({17'd0, row_bytes_i});
          if (last_row) asking_q <= 1'b0;
        end
      end
      if (read_valid_q && read_last_q) finishing_q <= 1'b1;
      held_q <= after_emit + (read_valid_q ? 6'(read_count_q) : 6'd0);
      assembly_q <= (emit ? assembly_q >> (Inputs * 8) : assembly_q)
          | (read_valid_q ? AssemblyBits'(masked) << {after_emit, 3'b000} : '0);
      if (emit) begin
        word_q <= word_q + 13'd1;
        if (word_q + 13'd1 == words_i) busy_q <= 1'b0;
      end
    end
  end
endmodule
