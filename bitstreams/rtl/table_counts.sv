/// Parses the tables section of a model (docs/formats/weight-stream.md, section 2): the classes, then the counts of one
/// table after the other, a code in three cycles: taken apart, added to its predecessor, checked.
///
/// Works on the bits that table_bits lays in front of it. Every magnitude up to the extent of a table is written, zeros too, so that
/// the reader's memory needs no clearing. A table is offered with `table_valid_o`; the next one is parsed into the other
/// bank once it has been taken.
module table_counts #(
  parameter int Entries = 8192          // of all classes together
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,
  input  logic [31:0]  payload_bytes_i, // of the section, checksum not included
  output logic         busy_o,
  output logic         bad_o,           // with the end of busy_o
  output logic         classes_known_o,
  input  logic         bits_valid_i,    // of table_bits
  input  logic [31:0]  bits_i,
  input  logic [3:0]   zeros_i,
  output logic         use_o,
  output logic [5:0]   used_o,

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
  output logic [4:0]   classes_o,
  output logic [15:0][3:0] class_table_o,
  output logic [15:0][2:0] class_narrow_o,  // raw bits of a narrow symbol,
  output logic [15:0][2:0] class_wide_o,    // of a wide one,
  output logic [15:0][2:0] class_from_o     // of which magnitudes there are: 0 none, else 2^(from - 1) and above
);
  typedef enum logic [3:0] {Idle, Head, Classes, TableHead, Escape, Count, Zeros, Offer, End} state_e;
  typedef enum logic [1:0] {Take, Add, Check} step_e;       // of a code
  state_e state_q;
  step_e step_q;
  logic bad_q, bank_q, symmetric_q, negative_q, known_q, too_many_q;
  logic [3:0] log_q, last_table_q, table_q;
  logic [4:0] class_q, classes_q;
  logic [2:0] k_q;
  logic [7:0] extent_q, magnitude_q;
  logic [11:0] escape_q, size_q;
  logic signed [13:0] left_q;
  logic [1:0][11:0] previous_q;
  logic [1:0][7:0] skip_q;
  logic [1:0] skips_q;                          // skip_q != 0
  logic [31:0] bits_left_q;

  // ---- an Exp-Golomb code at the front: zeros, a one, then zeros + order bits
  wire [2:0] order = state_q == Count ? k_q : 3'd0;
  wire [4:0] width = 5'(zeros_i) + 5'(order);
  wire [20:0] behind = 21'(bits_i[31:1] >> zeros_i);
  logic [20:0] value;                           // the bits behind the one, and it above them
  always_comb begin
    for (int position = 0; position < 21; position += 1) begin
      value[position] = 32'(width) == position || (32'(width) > position && behind[position]);
    end
  end
  logic [19:0] code_q;
  logic code_bad_q;
  wire [19:0] difference = {20{code_q[0]}} ^ {1'b0, code_q[19:1]};   // zigzag
  logic signed [20:0] count_q;
  logic [7:0] skip_most_q;
  wire skipping = skips_q[negative_q] || (magnitude_q[7] && !negative_q);   // no code for this magnitude
  wire last_sign = symmetric_q || negative_q;
  wire last_magnitude = magnitude_q == extent_q;
  wire enough = !left_q[13];

  // ---- a class at the front
  wire [2:0] from = bits_i[9:7];
  wire [3:0] wide = {1'b0, bits_i[6:4]} + (from == 0 ? 4'd0 : {2'b00, bits_i[11:10]} + 4'd1);

  // ---- bits used this cycle
  always_comb begin
    case (state_q)
      Head, Classes, TableHead, Escape, Zeros: use_o = bits_valid_i && step_q == Take;
      Count: use_o = bits_valid_i && step_q == Take && !skipping && enough;
      default: use_o = 1'b0;
    endcase
    case (state_q)
      Head: used_o = 6'd18;
      Classes: used_o = from == 0 ? 6'd10 : 6'd12;
      TableHead: used_o = 6'd12;
      default: used_o = {1'b0, zeros_i, 1'b1} + 6'(order);
    endcase
  end

  assign busy_o = state_q != Idle;
  assign bad_o = bad_q;
  assign classes_known_o = known_q;
  assign log_o = log_q;
  assign classes_o = classes_q;
  assign table_valid_o = state_q == Offer && enough;
  assign extent_o = extent_q;
  assign zero_o = 12'(left_q);
  assign escape_o = escape_q;
  assign bank_o = bank_q;
  assign magnitude_o = magnitude_q[6:0];
  assign count_o = skipping ? 12'd0 : 12'(count_q);
  wire counting = state_q == Count && enough && (skipping || step_q == Check);
  assign positive_write_o = counting && !negative_q && !magnitude_q[7];
  assign negative_write_o = counting && last_sign;

  always_ff @(posedge clk_i) begin
    if (step_q == Take) begin
      code_bad_q <= zeros_i == 4'd13;
      // The shortest codes begin at 0.
      code_q <= 20'(value - (21'd1 << order));
    end
    count_q <= $signed({9'd0, previous_q[negative_q]}) + $signed({difference[19], difference});
    // Zeros end within the extent.
    skip_most_q <= (extent_q[7] && !negative_q ? 8'd127 : extent_q) - magnitude_q;
    size_q <= 12'd1 << log_q;
    too_many_q <= 32'(classes_q) << log_q > Entries;
    if (clear_i) begin
      state_q <= Idle;
      bad_q <= 1'b0;
      known_q <= 1'b0;
    end else begin
      if (use_o) bits_left_q <= bits_left_q - 32'(used_o);
      case (state_q)
        Idle: if (start_i) begin
          state_q <= Head;
          step_q <= Take;
          bits_left_q <= {payload_bytes_i[28:0], 3'b000};
          bad_q <= 1'b0;
          known_q <= 1'b0;
        end
        Head: if (bits_valid_i) begin
          state_q <= Classes;
          log_q <= 4'd8 + {2'b00, bits_i[9:8]};
          last_table_q <= bits_i[13:10];
          classes_q <= {1'b0, bits_i[17:14]} + 5'd1;
          class_q <= '0;
          table_q <= '0;
          bank_q <= 1'b0;
          if (bits_i[7:0] != 8'd2) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Classes: if (bits_valid_i) begin
          class_table_o[class_q[3:0]] <= bits_i[3:0];
          class_narrow_o[class_q[3:0]] <= bits_i[6:4];
          class_wide_o[class_q[3:0]] <= wide[2:0];
          class_from_o[class_q[3:0]] <= from;
          class_q <= class_q + 5'd1;
          if (class_q + 5'd1 == classes_q) begin
            state_q <= TableHead;
            known_q <= 1'b1;
          end
          if (bits_i[3:0] > last_table_q || wide[3] || too_many_q) begin
            bad_q <= 1'b1;
            known_q <= 1'b0;
            state_q <= Idle;
          end
        end
        TableHead: if (bits_valid_i) begin
          symmetric_q <= bits_i[0];
          k_q <= bits_i[3:1];
          extent_q <= bits_i[11:4];
          state_q <= Escape;
        end
        Escape: if (step_q == Take) begin
          if (bits_valid_i) step_q <= Check;
        end else begin
          step_q <= Take;
          escape_q <= code_q[11:0];
          left_q <= $signed({2'b00, size_q}) - $signed({2'b00, code_q[11:0]});
          previous_q <= '0;
          skip_q <= '0;
          skips_q <= '0;
          magnitude_q <= 8'd1;
          negative_q <= 1'b0;
          state_q <= extent_q == 0 ? Offer : Count;
          if (code_bad_q || code_q > 20'(size_q) || extent_q > (symmetric_q ? 8'd127 : 8'd128)) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Count: if (!enough) begin
          bad_q <= 1'b1;
          state_q <= Idle;
        end else if (skipping || step_q == Check) begin
          step_q <= Take;
          if (skipping) begin
            if (skips_q[negative_q]) skip_q[negative_q] <= skip_q[negative_q] - 8'd1;
            skips_q[negative_q] <= skip_q[negative_q] > 8'd1;
          end else begin
            previous_q[negative_q] <= count_q[11:0];
            left_q <= left_q - (symmetric_q ? {1'b0, count_q[11:0], 1'b0} : {2'b00, count_q[11:0]});
          end
          if (!skipping && count_q == 0) state_q <= Zeros;
          else begin
            negative_q <= !last_sign;
            if (last_sign) begin
              magnitude_q <= magnitude_q + 8'd1;
              if (last_magnitude) state_q <= Offer;
            end
          end
          if (!skipping && (code_bad_q || count_q < 0 || count_q > $signed({9'd0, size_q}))) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end else if (step_q == Add) step_q <= Check;
        else if (bits_valid_i) step_q <= Add;
        Zeros: if (step_q == Take) begin
          if (bits_valid_i) step_q <= Check;
        end else begin
          step_q <= Take;
          skip_q[negative_q] <= code_q[7:0];
          skips_q[negative_q] <= code_q[7:0] != 0;
          negative_q <= !last_sign;
          state_q <= Count;
          if (last_sign) begin
            magnitude_q <= magnitude_q + 8'd1;
            if (last_magnitude) state_q <= Offer;
          end
          if (code_bad_q || code_q > 20'(skip_most_q)) begin
            bad_q <= 1'b1;
            state_q <= Idle;
          end
        end
        Offer: if (!enough) begin
          bad_q <= 1'b1;
          state_q <= Idle;
        end else if (table_take_i) begin
          bank_q <= !bank_q;
          table_q <= table_q + 4'd1;
          state_q <= table_q == last_table_q ? End : TableHead;
        end
        End: if (bits_valid_i) begin
          // Nothing but zeros up to the end of the byte may be left.
          state_q <= Idle;
          bad_q <= bits_left_q[31:3] != 0 || (bits_i[7:0] & ~(8'hff << bits_left_q[2:0])) != 0;
        end
        default: state_q <= Idle;
      endcase
    end
  end
endmodule
