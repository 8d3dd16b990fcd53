/// Makes the words of a group's pixels from the source bytes their windows share: the word of pixel p begins p strides
/// behind that of the first. Bytes outside the image become padValue, those behind the window's last 0.
///
/// A step brings some bytes of every word; words leave when the last of them are in.
module tap_words #(
  parameter int Pixels = 8,
  parameter int Inputs = 8,
  parameter int Window = 64,
  parameter int Bytes  = 57,
  parameter int Delay  = 3                      // cycles from a step to its bytes, at least 3
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
  localparam int WindowBits = $clog2(Window);
  localparam int Rows = (Bytes + 7) / 8;
  typedef struct packed {
    logic [WindowBits:0] inside_first;
    logic [WindowBits:0] inside_end;
    logic [$clog2(Inputs)-1:0] first;
    logic [$clog2(Inputs):0] last;              // exclusive
    logic window_last;
    logic word_done;
    logic [15:0] row;
    logic [Pixels-1:0] banks;
  } step_t;

  // ---- steps wait for their bytes
  step_t [Delay:1] waiting_q;
  logic [Delay+1:1] valid_q;
  step_t early, next;
  assign early = waiting_q[Delay-2];
  assign next = waiting_q[Delay];
  // A byte's place against the borders of the image: by eights, then within the eight the border lies in.
  logic [Rows-1:0] first_passed_q, first_here_q, end_ahead_q, end_here_q;
  logic [7:0] first_fine_q, end_fine_q;
  logic [Bytes-1:0] inside_q;
  logic [Inputs-1:0] take_q, zero_q;
  logic [Inputs-1:0][7:0] outside_q;            // what a byte outside the image, or behind the window, becomes
  logic word_done_q;
  logic [15:0] row_q;
  logic [Pixels-1:0] banks_q;
  always_ff @(posedge clk_i) begin
    valid_q <= clear_i ? '0 : {valid_q[Delay:1], step_i};
    waiting_q <= {waiting_q[Delay-1:1], step_t'{
      inside_first: inside_first_i, inside_end: inside_end_i, first: first_i, last: end_i, window_last: window_last_i,
      word_done: word_done_i, row: row_i, banks: banks_i
    }};
    if (valid_q[Delay-2]) begin
      for (int row = 0; row < Rows; row += 1) begin
        first_passed_q[row] <= row > 32'(early.inside_first[WindowBits:3]);
        first_here_q[row] <= row == 32'(early.inside_first[WindowBits:3]);
        end_ahead_q[row] <= row < 32'(early.inside_end[WindowBits:3]);
        end_here_q[row] <= row == 32'(early.inside_end[WindowBits:3]);
      end
      for (int place = 0; place < 8; place += 1) begin
        first_fine_q[place] <= place >= 32'(early.inside_first[2:0]);
        end_fine_q[place] <= place < 32'(early.inside_end[2:0]);
      end
    end
    if (valid_q[Delay-1]) begin
      for (int index = 0; index < Bytes; index += 1) begin
        inside_q[index] <= (first_passed_q[index/8] || (first_here_q[index/8] && first_fine_q[index%8]))
            && (end_ahead_q[index/8] || (end_here_q[index/8] && end_fine_q[index%8]));
      end
    end
    if (valid_q[Delay]) begin
      for (int lane = 0; lane < Inputs; lane += 1) begin
        take_q[lane] <= lane >= 32'(next.first) && (lane < 32'(next.last) || next.window_last);
        zero_q[lane] <= lane >= 32'(next.last);
        outside_q[lane] <= lane >= 32'(next.last) ? 8'd0 : pad_value_i;
      end
    end
    word_done_q <= next.word_done;
    row_q <= next.row;
    banks_q <= next.banks;
  end
  assign busy_o = valid_q != 0 || write_o != 0;

  // ---- to the pixels: one of eight places for every byte, in two cycles
  for (genvar pixel = 0; pixel < Pixels; pixel += 1) begin : gen_pixel
    for (genvar lane = 0; lane < Inputs; lane += 1) begin : gen_byte
      logic [7:0][8:0] choices;                 // with `inside` above the byte
      logic [8:0] near_q, far_q;
      for (genvar stride = 0; stride < 8; stride += 1) begin : gen_stride
        assign choices[stride] = {inside_q[pixel*stride + lane], bytes_i[pixel*stride + lane]};
      end
      wire [8:0] chosen = stride_bytes_i[2] ? far_q : near_q;
      always_ff @(posedge clk_i) begin
        if (valid_q[Delay]) begin
          case (stride_bytes_i[1:0])
            2'd0: {far_q, near_q} <= {choices[4], choices[0]};
            2'd1: {far_q, near_q} <= {choices[5], choices[1]};
            2'd2: {far_q, near_q} <= {choices[6], choices[2]};
            default: {far_q, near_q} <= {choices[7], choices[3]};
          endcase
        end
        if (valid_q[Delay+1] && take_q[lane]) begin
          write_data_o[pixel][lane*8 +: 8] <= chosen[8] && !zero_q[lane] ? chosen[7:0] : outside_q[lane];
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    write_o <= valid_q[Delay+1] && word_done_q && !clear_i ? banks_q : '0;
    write_row_o <= row_q;
  end

`ifndef SYNTHESIS
  // A word leaves when every byte of it has come.
  logic [Inputs-1:0] filled_q;
  always_ff @(posedge clk_i) begin
    if (clear_i) filled_q <= '0;
    else if (valid_q[Delay+1]) filled_q <= word_done_q ? '0 : filled_q | take_q;
  end
  WholeWords_A: assert property (@(posedge clk_i) disable iff (clear_i)
      valid_q[Delay+1] |-> (&(filled_q | take_q)) == word_done_q && (filled_q & take_q) == 0);
`endif
endmodule
