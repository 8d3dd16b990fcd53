/// Parses the tables section of a model (docs/formats/weight-stream.md, section 2): the classes, then the counts of one
/// table after the other, a code per cycle.
///
/// Works on a window of the section's bits. Every magnitude up to the extent of a table is written, zeros too, so that
/// the reader's memory needs no clearing. A table is offered with `table_valid_o`; the next one is parsed into the other
/// bank once it has been taken.
module table_counts #(
  parameter int Entries = 8192          // of all tables together
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [31:0]  payload_bytes_i, // of the section, checksum not included
  output logic         busy_o,
  output logic         bad_o,           // with the end of busy_o
  output logic         classes_known_o,
  input  logic [63:0]  window_i,        // the next bits, from bit 0
  input  logic         window_valid_i,  // 48 bits are there, or the section has ended
  output logic [1:0]   take_o,          // words of 16 bits that are done with

  output logic         positive_write_o,
  output logic         negative_write_o,
  output logic [6:0]   magnitude_o,     // -128 is magnitude 0 of the negative ones
  output logic [11:0]  count_o,
  output logic         bank_o,

  output logic         table_valid_o,
  input  logic         table_take_i,
  output logic [7:0]   extent_o,
  output logic [11:0]  zero_o,          // counts of symbol 0 and of the escape
  output logic [11:0]  escape_o,

  output logic [3:0]   log_o,
  output logic [3:0]   last_table_o,
  output logic [4:0]   classes_o,
  output logic [15:0][3:0] class_table_o,
  output logic [15:0][2:0] class_shift_o
);
  typedef enum logic [3:0] {Idle, Head, Classes, TableHead, Escape, Count, Zeros, Offer, End} state_e;
  state_e state_q;
  logic bad_q, bank_q, symmetric_q, negative_q, known_q;
  logic [3:0] offset_q, log_q, last_table_q, table_q;
  logic [4:0] class_q, classes_q;
  logic [2:0] k_q;
  logic [7:0] extent_q, magnitude_q;
  logic [11:0] escape_q;
  logic signed [13:0] left_q;
  logic [1:0][11:0] previous_q;
  logic [1:0][7:0] skip_q;
  logic [31:0] bits_left_q;

  wire [31:0] bits = 32'(window_i >> offset_q);
  wire [11:0] size = 12'd1 << log_q;

  // ---- an Exp-Golomb code at the front
  logic [3:0] zeros;
  logic code_bad;
  logic [19:0] code;
  logic [5:0] code_bits;
  wire [2:0] order = state_q == Count ? k_q : 3'd0;
  always_comb begin
    zeros = 4'd13;
    for (int position = 12; position >= 0; position -= 1) if (bits[position]) zeros = 4'(position);
    code_bad = zeros == 4'd13;
    code_bits = {1'b0, zeros, 1'b1} + 6'(order);
    code = 20'((bits >> (zeros + 4'd1)) & ~(32'hffff_ffff << (5'(zeros) + 5'(order))))
        + (((20'd1 << zeros) - 20'd1) << order);
  end
  wire signed [20:0] difference = code[0] ? -$signed({2'b00, code[19:1]}) - 21'sd1 : $signed({2'b00, code[19:1]});
  wire signed [21:0] count = $signed({10'd0, previous_q[negative_q]}) + 22'(difference);
  wire skipping = skip_q[negative_q] != 0 || (magnitude_q == 8'd128 && !negative_q);
  wire last_sign = symmetric_q || negative_q;
  wire last_magnitude = magnitude_q == extent_q;
  wire [7:0] skip_most = (extent_q == 8'd128 && !negative_q ? 8'd127 : extent_q) - magnitude_q;

  // ---- bits used this cycle
  logic [5:0] used;
  wire counting = state_q == Count && left_q >= 0 && (skipping || window_valid_i);
  always_comb begin
    case (state_q)
      Head: used = 6'd18;
      Classes: used = 6'd7;
      TableHead: used = 6'd12;
      Escape, Zeros: used = code_bits;
      Count: used = skipping ? 6'd0 : code_bits;
      default: used = '0;
    endcase
    if (!window_valid_i) used = '0;
  end
  wire [6:0] end_offset = 7'(offset_q) + 7'(used);
  assign take_o = end_offset[5:4];

  assign busy_o = state_q != Idle;
  assign bad_o = bad_q;
  assign classes_known_o = known_q;
  assign log_o = log_q;
  assign last_table_o = last_table_q;
  assign classes_o = classes_q;
  assign table_valid_o = state_q == Offer && left_q >= 0;
  assign extent_o = extent_q;
  assign zero_o = 12'(left_q);
  assign escape_o = escape_q;
  assign bank_o = bank_q;
  assign magnitude_o = magnitude_q[6:0];
  assign count_o = skipping ? 12'd0 : 12'(count);
  assign positive_write_o = counting && !negative_q && magnitude_q != 8'd128;
  assign negative_write_o = counting && last_sign;

  always_ff @(posedge clk_i) begin
    if (clear_i) begin
      state_q <= Idle;
      bad_q <= 1'b0;
      known_q <= 1'b0;
    end else begin
      offset_q <= end_offset[3:0];
      bits_left_q <= bits_left_q - 32'(used);
      case (state_q)
        Idle: if (start_i) begin
          state_q <= Head;
          offset_q <= '0;
          bits_left_q <= {payload_bytes_i[28:0], 3'b000};
          bad_q <= 1'b0;
          known_q <= 1'b0;
        end
        Head: if (window_valid_i) begin
          state_q <= Classes;
          log_q <= 4'd8 + {2'b00, bits[9:8]};
          last_table_q <= bits[13:10];
          classes_q <= {1'b0, bits[17:14]} + 5'd1;
          class_q <= '0;
          table_q <= '0;
          bank_q <= 1'b0;
          if (bits[7:0] != 8'd1) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Classes: if (window_valid_i) begin
          class_table_o[class_q[3:0]] <= bits[3:0];
          class_shift_o[class_q[3:0]] <= bits[6:4];
          class_q <= class_q + 5'd1;
          if (class_q + 5'd1 == classes_q) begin
            state_q <= TableHead;
            known_q <= 1'b1;
          end
          if (bits[3:0] > last_table_q || (32'(last_table_q) + 1) << log_q > Entries) begin
            bad_q <= 1'b1;
            known_q <= 1'b0;
            state_q <= Idle;
          end
        end
        TableHead: if (window_valid_i) begin
          symmetric_q <= bits[0];
          k_q <= bits[3:1];
          extent_q <= bits[11:4];
          state_q <= Escape;
        end
        Escape: if (window_valid_i) begin
          escape_q <= 12'(code);
          left_q <= $signed({2'b00, size}) - $signed({2'b00, 12'(code)});
          previous_q <= '0;
          skip_q <= '0;
          magnitude_q <= 8'd1;
          negative_q <= 1'b0;
          state_q <= extent_q == 0 ? Offer : Count;
          if (code_bad || code > 20'(size) || extent_q > (symmetric_q ? 8'd127 : 8'd128)) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Count: if (counting) begin
          if (skipping) begin
            if (skip_q[negative_q] != 0) skip_q[negative_q] <= skip_q[negative_q] - 8'd1;
          end else begin
            previous_q[negative_q] <= 12'(count);
            left_q <= left_q - (symmetric_q ? 14'(count) <<< 1 : 14'(count));
          end
          if (!skipping && count == 0) state_q <= Zeros;
          else begin
            negative_q <= !last_sign;
            if (last_sign) begin
              magnitude_q <= magnitude_q + 8'd1;
              if (last_magnitude) state_q <= Offer;
            end
          end
          if (!skipping && (code_bad || count < 0 || count > $signed({10'd0, size}))) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end else if (left_q < 0) begin
          bad_q <= 1'b1;
          state_q <= Idle;
        end
        Zeros: if (window_valid_i) begin
          skip_q[negative_q] <= 8'(code);
          negative_q <= !last_sign;
          state_q <= Count;
          if (last_sign) begin
            magnitude_q <= magnitude_q + 8'd1;
            if (last_magnitude) state_q <= Offer;
          end
          // The zeros end within the extent.
          if (code_bad || code > 20'(skip_most)) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Offer: if (left_q < 0) begin
          bad_q <= 1'b1;
          state_q <= Idle;
        end else if (table_take_i) begin
          bank_q <= !bank_q;
          table_q <= table_q + 4'd1;
          state_q <= table_q == last_table_q ? End : TableHead;
        end
        End: if (window_valid_i) begin
          // Nothing but zeros up to the end of the byte may be left.
          state_q <= Idle;
          bad_q <= bits_left_q[31:3] != 0 || (bits[7:0] & ~(8'hff << bits_left_q[2:0])) != 0;
        end
        default: state_q <= Idle;
      endcase
    end
  end
endmodule
