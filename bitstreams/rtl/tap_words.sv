/// Makes the words of a group's pixels from the source bytes their windows share: the word of pixel p begins p strides
/// behind that of the first. Bytes outside the image become padValue, those behind the window's last 0.
///
/// A step brings some bytes of every word; words leave when the last of them are in.
module tap_words #(
  parameter int Pixels = 8,
  parameter int Inputs = 8,
  parameter int Window = 64,
  parameter int Bytes  = 57,
  parameter int Delay  = 3                      // cycles from a step to its bytes
) (
  input  logic                       clk_i,
  input  logic                       clear_i,
  input  logic signed [7:0]          pad_value_i,
  input  logic [2:0]                 stride_bytes_i,   // from pixel to pixel; 0: all take the same bytes

  input  logic                       step_i,
  input  logic [$clog2(Window):0]    inside_first_i,
  input  logic [$clog2(Window):0]    inside_end_i,
  input  logic [$clog2(Inputs)-1:0]  first_i,
  input  logic [$clog2(Inputs):0]    end_i,
  input  logic                       window_last_i,
  input  logic                       word_done_i,
  input  logic [15:0]                row_i,
  input  logic [Pixels-1:0]          banks_i,
  input  logic [Bytes-1:0][7:0]      bytes_i,          // Delay cycles after their step

  output logic                       busy_o,
  output logic [Pixels-1:0]          write_o,
  output logic [15:0]                write_row_o,
  output logic [Pixels-1:0][Inputs*8-1:0] write_data_o
);
  typedef struct packed {
    logic [$clog2(Window):0] inside_first;
    logic [$clog2(Window):0] inside_end;
    logic [$clog2(Inputs)-1:0] first;
    logic [$clog2(Inputs):0] last;              // exclusive
    logic window_last;
    logic word_done;
    logic [15:0] row;
    logic [Pixels-1:0] banks;
  } step_t;

  // ---- steps wait for their bytes
  step_t [Delay-1:1] waiting_q;
  logic [Delay:1] valid_q;
  logic [Bytes-1:0] inside_q;
  logic [Inputs-1:0] take_q, zero_q;
  logic word_done_q;
  logic [15:0] row_q;
  logic [Pixels-1:0] banks_q;
  step_t next;
  assign next = waiting_q[Delay-1];
  always_ff @(posedge clk_i) begin
    valid_q <= clear_i ? '0 : {valid_q[Delay-1:1], step_i};
    waiting_q <= {waiting_q[Delay-2:1], step_t'{
      inside_first: inside_first_i, inside_end: inside_end_i, first: first_i, last: end_i, window_last: window_last_i,
      word_done: word_done_i, row: row_i, banks: banks_i
    }};
    if (valid_q[Delay-1]) begin
      for (int index = 0; index < Bytes; index += 1) begin
        inside_q[index] <= ($clog2(Window)+1)'(index) >= next.inside_first && ($clog2(Window)+1)'(index) < next.inside_end;
      end
      for (int lane = 0; lane < Inputs; lane += 1) begin
        take_q[lane] <= lane >= 32'(next.first) && (lane < 32'(next.last) || next.window_last);
        zero_q[lane] <= lane >= 32'(next.last);
      end
    end
    word_done_q <= next.word_done;
    row_q <= next.row;
    banks_q <= next.banks;
  end
  assign busy_o = valid_q != 0 || write_o != 0;

  // ---- to the pixels
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar lane = 0; lane < Inputs; lane += 1) begin : gen_byte
      logic [7:0][7:0] choices;
      logic [7:0] choices_inside;
      for (genvar stride = 0; stride < 8; stride += 1) begin : gen_stride
        assign choices[stride] = bytes_i[pixel*stride + lane];
        assign choices_inside[stride] = inside_q[pixel*stride + lane];
      end
      always_ff @(posedge clk_i) begin
        if (valid_q[Delay] && take_q[lane]) begin
          write_data_o[pixel][lane*8 +: 8] <= zero_q[lane] ? 8'd0
              : choices_inside[stride_bytes_i] ? choices[stride_bytes_i] : pad_value_i;
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    write_o <= valid_q[Delay] && word_done_q && !clear_i ? banks_q : '0;
    write_row_o <= row_q;
  end
endmodule
