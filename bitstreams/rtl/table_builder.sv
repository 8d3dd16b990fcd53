/// Builds the state tables of the lanes from counts (docs/formats/weight-stream.md, section 2), two states per cycle: about
/// 370 cycles for a table of 512 states and 40 symbols.
///
/// The construction asks for symbol number j at state j * step mod 2^R. `Fill` lists the symbols in the order of j, up to
/// eight equal ones per cycle, in two memories of even and odd j. `Number` walks the states i, i + 1: they are the symbols
/// number i * inverse and (i + 1) * inverse, one of which is even as the inverse is odd. Occurrences are counted
/// separately for even and odd states, so that each count is written once per cycle.
module table_builder #(
  parameter int Entries = 8192
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         start_i,         // forget earlier tables
  output logic         busy_o,
  output logic         bad_o,           // a symbol takes more bits than a lane can refill

  input  logic         positive_write_i,
  input  logic         negative_write_i,
  input  logic [6:0]   magnitude_i,
  input  logic [11:0]  count_i,
  input  logic         bank_i,
  input  logic         table_valid_i,
  output logic         table_take_o,
  input  logic [7:0]   extent_i,
  input  logic [11:0]  zero_i,
  input  logic [11:0]  escape_i,
  input  logic [3:0]   log_i,
  input  logic [4:0]   classes_i,
  input  logic [15:0][3:0] class_table_i,
  input  logic [15:0][2:0] class_shift_i,

  output logic         write_o,         // entries of two neighbouring states
  output logic [$clog2(Entries)-2:0] address_o,
  output logic [1:0][20:0] entries_o    // escape, value 8, code 12 (ans_lanes)
);
  localparam int MaxBits = 16;          // of a symbol; one refill of a lane
  typedef enum logic [1:0] {Idle, Fill, Number, Flush} state_e;
  typedef enum logic [1:0] {Zero, Positive, Negative, Escape} part_e;
  state_e state_q;
  part_e part_q;
  logic bank_q, bad_q;
  logic [7:0] extent_q, magnitude_q;
  logic [11:0] zero_q, escape_q;
  logic [3:0] table_q;
  logic [2:0] max_shift_q;
  wire [11:0] size = 12'd1 << log_i;
  wire [10:0] mask = 11'(size - 12'd1);

  // step * inverse = 1 mod 2^R
  function automatic logic [10:0] inverse_of(input int log);
    int step, inverse;
    step = (1 << log) / 2 + (1 << log) / 8 + 3;
    inverse = step;
    for (int round = 0; round < 4; round += 1) inverse = inverse * (2 - step * inverse);
    return 11'(inverse & ((1 << log) - 1));
  endfunction
  localparam logic [3:0][10:0] Inverses = {inverse_of(11), inverse_of(10), inverse_of(9), inverse_of(8)};
  wire [10:0] inverse = Inverses[log_i[1:0]];

  // ---- counts, as parsed
  logic [11:0] positive [256];
  logic [11:0] negative [256];
  always_ff @(posedge clk_i) begin
    if (positive_write_i) positive[{bank_i, magnitude_i}] <= count_i;
    if (negative_write_i) negative[{bank_i, magnitude_i}] <= count_i;
  end

  // ---- symbols in the order of j
  logic [7:0] symbol_now;
  logic [11:0] count_now, left_q, left;
  logic fresh_q;                                // first cycle of a symbol
  logic [11:0] j_q;
  always_comb begin
    case (part_q)
      Zero: begin
        symbol_now = 8'd0;
        count_now = zero_q;
      end
      Positive: begin
        symbol_now = magnitude_q;
        count_now = positive[{bank_q, magnitude_q[6:0]}];
      end
      Negative: begin
        symbol_now = 8'd0 - magnitude_q;
        count_now = negative[{bank_q, magnitude_q[6:0]}];
      end
      default: begin
        symbol_now = 8'd0;
        count_now = escape_q;
      end
    endcase
  end
  assign left = fresh_q ? count_now : left_q;
  wire [3:0] room = 4'd8 - {1'b0, j_q[2:0]};
  wire [3:0] placed = left < 12'(room) ? left[3:0] : room;
  wire symbol_done = left == 12'(placed);
  wire [7:0] chosen = 8'(~(9'h1ff << placed)) << j_q[2:0];
  logic [35:0] even_symbols [256];              // of j = 8 row + 0, 2, 4, 6; bit 8 is the escape
  logic [35:0] odd_symbols [256];
  logic [35:0] even_q, odd_q;

  // ---- pairs of states
  logic [10:0] state_index_q, number_q;         // i and i * inverse
  wire [10:0] second_number = (number_q + inverse) & mask;
  wire [10:0] even_number = number_q[0] ? second_number : number_q;
  wire [10:0] odd_number = number_q[0] ? number_q : second_number;
  always_ff @(posedge clk_i) begin
    for (int at = 0; at < 4; at += 1) begin
      if (state_q == Fill && chosen[2*at]) even_symbols[j_q[10:3]][9*at +: 9] <= {part_q == Escape, symbol_now};
      if (state_q == Fill && chosen[2*at+1]) odd_symbols[j_q[10:3]][9*at +: 9] <= {part_q == Escape, symbol_now};
    end
    even_q <= even_symbols[even_number[10:3]];
    odd_q <= odd_symbols[odd_number[10:3]];
  end

  logic read_q, symbol_q, count_q, read_swapped_q;
  logic [1:0] even_at_q, odd_at_q;
  logic [10:0] read_index_q, symbol_index_q, count_index_q;
  logic [1:0][8:0] symbols_q, counted_q;
  logic [1:0][11:0] x_q;
  wire [8:0] even_symbol = even_q[9*even_at_q +: 9];
  wire [8:0] odd_symbol = odd_q[9*odd_at_q +: 9];

  // ---- occurrences at even states (from the count on) and at odd states (from 0 on)
  logic [11:0] even_counts [256];
  logic [11:0] odd_counts [256];
  logic [11:0] escape_count_q;
  logic [1:0][11:0] x, from_even, from_odd;
  always_comb begin
    for (int at = 0; at < 2; at += 1) begin
      from_even[at] = even_counts[symbols_q[at][7:0]];
      from_odd[at] = odd_counts[symbols_q[at][7:0]];
      x[at] = symbols_q[at][8] ? escape_count_q : from_even[at] + from_odd[at];
    end
    if (symbols_q[0] == symbols_q[1]) x[1] = x[1] + 12'd1;
  end
  wire placing = state_q == Fill && fresh_q && part_q != Escape;
  wire counting0 = symbol_q && !symbols_q[0][8];
  wire counting1 = symbol_q && !symbols_q[1][8];
  always_ff @(posedge clk_i) begin
    if (placing || counting0) even_counts[placing ? symbol_now : symbols_q[0][7:0]] <= placing ? count_now : from_even[0] + 12'd1;
    if (placing || counting1) odd_counts[placing ? symbol_now : symbols_q[1][7:0]] <= placing ? 12'd0 : from_odd[1] + 12'd1;
    if (state_q == Fill) escape_count_q <= escape_q;
    else if (symbol_q) escape_count_q <= escape_count_q + 12'(symbols_q[0][8]) + 12'(symbols_q[1][8]);
  end

  // ---- entries
  logic [1:0][3:0] top, entry_bits;
  logic [1:0] too_long;
  always_comb begin
    for (int at = 0; at < 2; at += 1) begin
      top[at] = '0;
      for (int position = 0; position < 12; position += 1) if (x_q[at][position]) top[at] = 4'(position);
      entry_bits[at] = log_i - top[at];
      too_long[at] = 5'(entry_bits[at]) + (counted_q[at][8] ? 5'd8 : 5'(max_shift_q)) > 5'(MaxBits);
    end
  end

  assign busy_o = state_q != Idle || write_o;
  assign bad_o = bad_q;
  assign table_take_o = state_q == Idle && table_valid_i;

  logic [2:0] max_shift;
  always_comb begin
    max_shift = '0;
    for (int index = 0; index < 16; index += 1) begin
      if (5'(index) < classes_i && class_table_i[index] == table_q && class_shift_i[index] > max_shift) max_shift = class_shift_i[index];
    end
  end

  always_ff @(posedge clk_i) begin
    read_q <= state_q == Number && !clear_i;
    read_index_q <= state_index_q;
    read_swapped_q <= number_q[0];
    even_at_q <= even_number[2:1];
    odd_at_q <= odd_number[2:1];
    symbol_q <= read_q && !clear_i;
    symbol_index_q <= read_index_q;
    symbols_q <= read_swapped_q ? {even_symbol, odd_symbol} : {odd_symbol, even_symbol};
    count_q <= symbol_q && !clear_i;
    count_index_q <= symbol_index_q;
    counted_q <= symbols_q;
    x_q <= x;
    write_o <= count_q && !clear_i;
    address_o <= ($clog2(Entries)-1)'((16'(table_q) << (log_i - 4'd1)) + 16'(count_index_q[10:1]));
    for (int at = 0; at < 2; at += 1) begin
      entries_o[at] <= {counted_q[at], {11'((16'(x_q[at]) << entry_bits[at]) - 16'(size)), 1'b0} | (12'd1 << entry_bits[at])};
    end
    if (clear_i || start_i) begin
      state_q <= Idle;
      bad_q <= 1'b0;
      table_q <= '0;
    end else begin
      if (count_q && too_long != 0) bad_q <= 1'b1;
      case (state_q)
        Idle: if (table_valid_i) begin
          state_q <= Fill;
          bank_q <= bank_i;
          extent_q <= extent_i;
          zero_q <= zero_i;
          escape_q <= escape_i;
          part_q <= Zero;
          magnitude_q <= '0;
          fresh_q <= 1'b1;
          j_q <= '0;
          max_shift_q <= max_shift;
        end
        Fill: begin
          j_q <= j_q + 12'(placed);
          left_q <= left - 12'(placed);
          fresh_q <= symbol_done;
          state_index_q <= '0;
          number_q <= '0;
          if (symbol_done) begin
            case (part_q)
              Zero: begin
                part_q <= extent_q == 0 ? Escape : Positive;
                magnitude_q <= 8'd1;
              end
              Positive: begin
                magnitude_q <= magnitude_q + 8'd1;
                if (magnitude_q == extent_q || magnitude_q == 8'd127) begin
                  part_q <= Negative;
                  magnitude_q <= extent_q;
                end
              end
              Negative: begin
                magnitude_q <= magnitude_q - 8'd1;
                if (magnitude_q == 8'd1) part_q <= Escape;
              end
              default: state_q <= Number;
            endcase
          end
        end
        Number: begin
          state_index_q <= state_index_q + 11'd2;
          number_q <= (number_q + (inverse << 1)) & mask;
          if (state_index_q == mask - 11'd1) state_q <= Flush;
        end
        default: if (!read_q && !symbol_q && !count_q) begin
          state_q <= Idle;
          table_q <= table_q + 4'd1;
        end
      endcase
    end
  end
endmodule
