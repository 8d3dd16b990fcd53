/// Reads the tables section of a model and builds the state tables of the lanes (docs/formats/weight-stream.md, section 2).
///
/// Works on the window of weight_words: `take_o` words at a time, bits from `offset_q` on. The counts of a table are read,
/// its states spread and numbered, and the entries written to all lanes at once: about 1,300 cycles a table of 512
/// states. The checksum is compared by the owner, who sees every beat.
module ans_tables #(
  parameter int Entries = 8192          // of all tables together
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  output logic         busy_o,
  output logic         bad_o,           // with the end of busy_o
  input  logic [63:0]  window_i,
  input  logic         window_valid_i,  // 64 bits are there, or the stream has ended
  output logic [4:0]   take_o,

  output logic         write_o,
  output logic [$clog2(Entries)-1:0] address_o,
  output logic [23:0]  entry_o,         // escape, value 8, bits 4, base 11
  output logic [3:0]   log_o,
  output logic [4:0]   classes_o,
  output logic [15:0][3:0] class_table_o,
  output logic [15:0][2:0] class_shift_o
);
  typedef enum logic [3:0] {
    Idle, Head, Classes, Clear, TableHead, Escape, Count, Mirror, Zeros, Rest, Spread, Number, NextTable, Done
  } state_e;
  state_e state_q;
  logic bad_q;
  logic [3:0] offset_q;
  logic [3:0] log_q, last_table_q, table_q;
  logic [4:0] class_q, classes_q;
  logic symmetric_q, negative_q;
  logic [2:0] k_q;
  logic [7:0] extent_q, magnitude_q;
  logic signed [12:0] left_q;
  logic [1:0][11:0] previous_q;
  logic [1:0][7:0] skip_q;
  logic [8:0] symbol_q;
  logic [11:0] repeat_q;
  logic [10:0] position_q;
  logic [11:0] index_q;
  logic [11:0] counts [512];
  logic [8:0] spread [2048];

  wire [31:0] bits = 32'(window_i >> offset_q);
  wire [11:0] size = 12'd1 << log_q;
  wire [10:0] mask = 11'(size - 12'd1);

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
  wire past_last = magnitude_q == 8'd128 && !negative_q;
  wire skipping = skip_q[negative_q] != 0 || past_last;
  wire last_sign = symmetric_q || negative_q;
  wire [8:0] symbol_now = negative_q ? 9'(9'd256 - 9'(magnitude_q)) : 9'(magnitude_q);

  // ---- bits used this cycle
  logic [5:0] used;
  wire parsing = window_valid_i;
  always_comb begin
    used = '0;
    case (state_q)
      Head: used = 6'd18;
      Classes: used = 6'd7;
      TableHead: used = 6'd12;
      Escape, Zeros: used = code_bits;
      Count: used = skipping ? 6'd0 : code_bits;
      default: used = '0;
    endcase
    if (!parsing) used = '0;
  end
  wire [6:0] end_offset = 7'(offset_q) + 7'(used);
  assign take_o = {2'b00, end_offset[6:4]};
  assign busy_o = state_q != Idle;
  assign bad_o = bad_q;
  assign log_o = log_q;
  assign classes_o = classes_q;

  // ---- numbering
  wire [8:0] numbered = spread[index_q[10:0]];
  wire [11:0] x = counts[numbered];
  logic [3:0] top;
  always_comb begin
    top = '0;
    for (int position = 0; position < 12; position += 1) if (x[position]) top = 4'(position);
  end
  wire [3:0] entry_bits = log_q - top;
  wire [11:0] entry_base = 12'((16'(x) << entry_bits) - 16'(size));

  always_ff @(posedge clk_i) begin
    write_o <= state_q == Number;
    address_o <= ($clog2(Entries))'((16'(table_q) << log_q) + 16'(index_q));
    entry_o <= {numbered[8], numbered[7:0], entry_bits, entry_base[10:0]};
    if (clear_i) begin
      state_q <= Idle;
      bad_q <= 1'b0;
    end else begin
      if (parsing || used == 0) offset_q <= end_offset[3:0];
      case (state_q)
        Idle: if (start_i) begin
          state_q <= Head;
          offset_q <= '0;
          bad_q <= 1'b0;
        end
        Head: if (parsing) begin
          state_q <= Classes;
          log_q <= 4'd8 + {2'b00, bits[9:8]};
          last_table_q <= bits[13:10];
          classes_q <= {1'b0, bits[17:14]} + 5'd1;
          class_q <= '0;
          table_q <= '0;
          symbol_q <= '0;
          if (bits[7:0] != 8'd1) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Classes: if (parsing) begin
          class_table_o[class_q[3:0]] <= bits[3:0];
          class_shift_o[class_q[3:0]] <= bits[6:4];
          class_q <= class_q + 5'd1;
          if (class_q + 5'd1 == classes_q) state_q <= Clear;
          if (bits[3:0] > last_table_q || (32'(last_table_q) + 1) << log_q > Entries) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Clear: begin
          counts[symbol_q] <= '0;
          symbol_q <= symbol_q + 9'd1;
          if (symbol_q == 9'd256) state_q <= TableHead;
        end
        TableHead: if (parsing) begin
          symmetric_q <= bits[0];
          k_q <= bits[3:1];
          extent_q <= bits[11:4];
          state_q <= Escape;
        end
        Escape: if (parsing) begin
          counts[256] <= 12'(code);
          left_q <= $signed({1'b0, size}) - $signed({1'b0, 12'(code)});
          previous_q <= '0;
          skip_q <= '0;
          magnitude_q <= 8'd1;
          negative_q <= 1'b0;
          state_q <= extent_q == 0 ? Rest : Count;
          if (code_bad || code > 20'(size) || extent_q > (symmetric_q ? 8'd127 : 8'd128)) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Count: if (skipping || parsing) begin
          if (skipping) begin
            if (skip_q[negative_q] != 0) skip_q[negative_q] <= skip_q[negative_q] - 8'd1;
          end else begin
            previous_q[negative_q] <= 12'(count);
            counts[symbol_now] <= 12'(count);
            left_q <= left_q - (symmetric_q ? 13'(count) <<< 1 : 13'(count));
          end
          if (!skipping && symmetric_q) state_q <= Mirror;
          else if (!skipping && count == 0) state_q <= Zeros;
          else begin
            negative_q <= !last_sign;
            if (last_sign) begin
              magnitude_q <= magnitude_q + 8'd1;
              if (magnitude_q == extent_q) state_q <= Rest;
            end
          end
          if (!skipping && (code_bad || count < 0 || count > $signed({10'd0, size}))) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Mirror: begin
          counts[9'(9'd256 - 9'(magnitude_q))] <= previous_q[0];
          if (previous_q[0] == 0) state_q <= Zeros;
          else begin
            magnitude_q <= magnitude_q + 8'd1;
            state_q <= magnitude_q == extent_q ? Rest : Count;
          end
          if (left_q < 0) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Zeros: if (parsing) begin
          skip_q[negative_q] <= 8'(code);
          negative_q <= !last_sign;
          state_q <= Count;
          if (last_sign) begin
            magnitude_q <= magnitude_q + 8'd1;
            if (magnitude_q == extent_q) state_q <= Rest;
          end
          if (code_bad || code > 20'd128) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Rest: begin
          counts[0] <= 12'(left_q);
          symbol_q <= '0;
          repeat_q <= '0;
          position_q <= '0;
          index_q <= '0;
          state_q <= Spread;
          if (left_q < 0) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Spread: begin
          if (repeat_q == counts[symbol_q]) begin
            repeat_q <= '0;
            symbol_q <= symbol_q + 9'd1;
            if (symbol_q == 9'd256) state_q <= Number;
          end else begin
            spread[position_q] <= symbol_q;
            position_q <= (position_q + 11'(size >> 1) + 11'(size >> 3) + 11'd3) & mask;
            repeat_q <= repeat_q + 12'd1;
          end
        end
        Number: begin
          counts[numbered] <= x + 12'd1;
          index_q <= index_q + 12'd1;
          if (index_q + 12'd1 == size) state_q <= NextTable;
        end
        NextTable: begin
          symbol_q <= '0;
          table_q <= table_q + 4'd1;
          state_q <= table_q == last_table_q ? Done : Clear;
        end
        default: state_q <= Idle;
      endcase
    end
  end
endmodule
