/// Builds the state tables of the lanes from counts (docs/formats/weight-stream.md, section 2), two states per cycle: about
/// 375 cycles for a table of 512 states and 40 symbols.
///
/// Each class gets a table, with the first weights of its buckets in the place of symbols: what a table of counts is there
/// for is built once for every class that uses it (`Find`), and not at all when none does.
///
/// The construction asks for symbol number j at state j * step mod 2^R. `Fill` lists the symbols in the order of j, up to
/// eight equal ones per cycle, in two memories of even and odd j. `Number` walks the states i, i + 1: they are the symbols
/// number i * inverse and (i + 1) * inverse, one of which is even as the inverse is odd. Occurrences are counted
/// separately for even and odd states, so that each count is written once per cycle. What a symbol means is noted when it is listed:
/// from zero up and from the largest magnitude down to -1, each bucket begins where the last one ends.
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
  input  logic [15:0][2:0] class_narrow_i,
  input  logic [15:0][2:0] class_wide_i,
  input  logic [15:0][2:0] class_from_i,

  output logic         write_o,         // entries of two neighbouring states
  output logic [$clog2(Entries)-2:0] address_o,
  output logic [1:0][21:0] entries_o    // raw kind 2, value 8, code 12: the base above a one and `bits` zeros
);
  localparam int MaxBits = 16;          // of a symbol; one refill of a lane
  typedef enum logic [2:0] {Idle, Find, Fill, Number, Flush} state_e;
  typedef enum logic [1:0] {Zero, Positive, Negative, Escape} part_e;
  state_e state_q;
  logic bank_q, bad_q, new_q;           // new_q: first cycle of a class
  logic [7:0] extent_q;
  logic [11:0] zero_q, escape_q;
  logic [3:0] table_q, built_q;         // built_q: the class
  logic [10:0] mask_q, inverse_q;       // of the size of a table
  logic [11:0] mask;
  assign mask = 12'((12'd1 << log_i) - 12'd1);

  // step * inverse = 1 mod 2^R
  function automatic logic [10:0] inverse_of(input int log);
    int step, inverse;
    step = (1 << log) / 2 + (1 << log) / 8 + 3;
    inverse = step;
    for (int round = 0; round < 4; round += 1) inverse = inverse * (2 - step * inverse);
    return 11'(inverse & ((1 << log) - 1));
  endfunction
  localparam logic [3:0][10:0] Inverses = {inverse_of(11), inverse_of(10), inverse_of(9), inverse_of(8)};

  // ---- counts, as parsed
  (* ram_style = "distributed" *) logic [11:0] positive [256];
  (* ram_style = "distributed" *) logic [11:0] negative [256];
  always_ff @(posedge clk_i) begin
    if (positive_write_i) positive[{bank_i, magnitude_i}] <= count_i;
    if (negative_write_i) negative[{bank_i, magnitude_i}] <= count_i;
  end

  // ---- the buckets of the class
  logic [2:0] narrow_bits_q, wide_bits_q, from_q;
  logic [7:0] narrow_size_q, wide_size_q, wide_magnitudes_q;    // any of the bits set: the magnitude is wide
  logic one_q;                          // narrow buckets hold one weight
  logic [7:0] edge_q;                   // first weight of the bucket of the magnitude to read; on the way down of the one above
  wire wide_magnitude = (magnitude_q & wide_magnitudes_q) != 0;
  wire [7:0] bucket = part_q != Zero && wide_magnitude ? wide_size_q : narrow_size_q;

  // ---- symbols with their counts, read one ahead
  part_e part_q;                        // of the symbol to read
  logic [7:0] magnitude_q;
  logic read_done_q, last_magnitude_q, next_valid_q, next_escape_q, next_wide_q;
  logic [7:0] next_symbol_q, next_first_q;
  logic [11:0] next_count_q;
  logic symbol_take;
  wire symbol_read = state_q == Fill && !new_q && !read_done_q && (!next_valid_q || symbol_take);
  always_ff @(posedge clk_i) begin
    if (symbol_read) begin
      next_escape_q <= part_q == Escape;
      next_wide_q <= part_q != Zero && wide_magnitude;
      // The bucket of -b mirrors that of b; where the one of zero holds an even number of weights, one lower.
      next_first_q <= part_q == Negative ? 8'(one_q) - edge_q : edge_q;
      edge_q <= part_q == Negative ? edge_q - bucket : edge_q + bucket;
      case (part_q)
        Positive: begin
          next_symbol_q <= magnitude_q;
          // There is no 128; it is walked past on the way to -128.
          next_count_q <= magnitude_q[7] ? '0 : positive[{bank_q, magnitude_q[6:0]}];
        end
        Negative: begin
          next_symbol_q <= 8'd0 - magnitude_q;
          next_count_q <= negative[{bank_q, magnitude_q[6:0]}];
        end
        default: begin
          next_symbol_q <= 8'd0;
          next_count_q <= part_q == Zero ? zero_q : escape_q;
        end
      endcase
      case (part_q)
        Zero: begin
          part_q <= extent_q == 0 ? Escape : Positive;
          magnitude_q <= 8'd1;
          last_magnitude_q <= extent_q == 8'd1;
        end
        Positive: begin
          magnitude_q <= magnitude_q + 8'd1;
          last_magnitude_q <= magnitude_q + 8'd1 == extent_q;
          if (last_magnitude_q) begin
            part_q <= Negative;
            magnitude_q <= extent_q;
          end
        end
        Negative: begin
          magnitude_q <= magnitude_q - 8'd1;
          if (magnitude_q == 8'd1) part_q <= Escape;
        end
        default: read_done_q <= 1'b1;
      endcase
    end
    if (new_q) begin
      part_q <= Zero;
      edge_q <= narrow_bits_q == 0 ? 8'd0 : 8'hff << (narrow_bits_q - 3'd1);
      read_done_q <= 1'b0;
      next_valid_q <= 1'b0;
    end else if (symbol_read) next_valid_q <= 1'b1;
    else if (symbol_take) next_valid_q <= 1'b0;
  end

  // ---- symbols in the order of j
  logic [7:0] symbol_now_q, first_now_q;
  logic [11:0] left_q;
  logic placing_q, fresh_q, escape_now_q, wide_now_q;   // a symbol is being placed; first cycle of it; the escape
  logic [11:0] j_q;
  wire [3:0] room = 4'd8 - {1'b0, j_q[2:0]};
  wire fits = left_q[11:4] == 0 && left_q[3:0] <= room;
  wire [3:0] placed = fits ? left_q[3:0] : room;
  wire [3:0] behind = {1'b0, j_q[2:0]} + left_q[3:0];   // the place behind a symbol that fits
  logic [7:0] chosen;
  always_comb begin
    for (int at = 0; at < 8; at += 1) chosen[at] = placing_q && 3'(at) >= j_q[2:0] && (!fits || 4'(at) < behind);
  end
  assign symbol_take = next_valid_q && (!placing_q || fits);
  logic [35:0] even_symbols [256];              // of j = 8 row + 0, 2, 4, 6; bit 8 is the escape
  logic [35:0] odd_symbols [256];
  logic [35:0] even_q, odd_q;

  // ---- pairs of states
  logic [10:0] state_index_q, number_q;         // i and i * inverse
  logic last_pair_q;
  wire [10:0] second_number = (number_q + inverse_q) & mask_q;
  wire [10:0] even_number = number_q[0] ? second_number : number_q;
  wire [10:0] odd_number = number_q[0] ? number_q : second_number;
  always_ff @(posedge clk_i) begin
    for (int at = 0; at < 4; at += 1) begin
      if (chosen[2*at]) even_symbols[j_q[10:3]][9*at +: 9] <= {escape_now_q, symbol_now_q};
      if (chosen[2*at+1]) odd_symbols[j_q[10:3]][9*at +: 9] <= {escape_now_q, symbol_now_q};
    end
    even_q <= even_symbols[even_number[10:3]];
    odd_q <= odd_symbols[odd_number[10:3]];
  end

  logic read_q, symbol_q, sum_q, count_q, bits_q, read_swapped_q;
  logic [1:0] even_at_q, odd_at_q;
  logic [10:1] read_index_q, symbol_index_q, sum_index_q, count_index_q, bits_index_q;
  logic [1:0][8:0] symbols_q;
  logic [1:0] escapes_q;
  logic [1:0][8:0] firsts_q;            // wide, first weight
  logic [1:0][9:0] summed, counted_q, meant_q;
  logic [1:0][11:0] x_q, x_of_bits_q;
  wire [8:0] even_symbol = even_q[9*even_at_q +: 9];
  wire [8:0] odd_symbol = odd_q[9*odd_at_q +: 9];

  // ---- occurrences at even states (from the count on) and at odd states (from 0 on)
  (* ram_style = "distributed" *) logic [11:0] even_counts [256];
  (* ram_style = "distributed" *) logic [11:0] odd_counts [256];
  logic [11:0] escape_count_q, escape_sum_q;
  logic [1:0][11:0] from_even, from_odd, from_even_q, from_odd_q;
  logic equal_q;
  always_comb begin
    for (int at = 0; at < 2; at += 1) begin
      from_even[at] = even_counts[symbols_q[at][7:0]];
      from_odd[at] = odd_counts[symbols_q[at][7:0]];
    end
  end
  wire begin_count = placing_q && fresh_q && !escape_now_q;
  (* ram_style = "distributed" *) logic [8:0] firsts [256];
  always_comb begin
    for (int at = 0; at < 2; at += 1) summed[at] = {escapes_q[at], escapes_q[at] ? 9'd0 : firsts_q[at]};
  end
  wire counting0 = symbol_q && !symbols_q[0][8];
  wire counting1 = symbol_q && !symbols_q[1][8];
  always_ff @(posedge clk_i) begin
    if (begin_count || counting0) begin
      even_counts[begin_count ? symbol_now_q : symbols_q[0][7:0]] <= begin_count ? left_q : from_even[0] + 12'd1;
    end
    if (begin_count || counting1) begin
      odd_counts[begin_count ? symbol_now_q : symbols_q[1][7:0]] <= begin_count ? 12'd0 : from_odd[1] + 12'd1;
    end
    if (begin_count) firsts[symbol_now_q] <= {wide_now_q, first_now_q};
    for (int at = 0; at < 2; at += 1) begin
      firsts_q[at] <= firsts[symbols_q[at][7:0]];
      escapes_q[at] <= symbols_q[at][8];
    end
    if (state_q == Fill) escape_count_q <= escape_q;
    else if (symbol_q) escape_count_q <= escape_count_q + 12'(symbols_q[0][8]) + 12'(symbols_q[1][8]);
    from_even_q <= from_even;
    from_odd_q <= from_odd;
    escape_sum_q <= escape_count_q;
    equal_q <= symbols_q[0] == symbols_q[1];
    for (int at = 0; at < 2; at += 1) begin
      x_q[at] <= (escapes_q[at] ? escape_sum_q : from_even_q[at]) + (escapes_q[at] ? 12'd0 : from_odd_q[at])
          + 12'(at == 1 && equal_q);
    end
  end

  // ---- entries
  logic [1:0][3:0] top, entry_bits_q;
  logic [1:0] too_long;
  always_comb begin
    for (int at = 0; at < 2; at += 1) begin
      top[at] = '0;
      for (int position = 0; position < 12; position += 1) if (x_q[at][position]) top[at] = 4'(position);
      too_long[at] = 5'(entry_bits_q[at]) + (meant_q[at][9] ? 5'd8 : {2'b00, meant_q[at][8] ? wide_bits_q : narrow_bits_q}) > 5'(MaxBits);
    end
  end

  assign busy_o = state_q != Idle || write_o;
  assign bad_o = bad_q;
  assign table_take_o = state_q == Idle && table_valid_i;

  logic [4:0] class_q;                          // the class to look at
  wire [3:0] class_at = class_q[3:0];
  always_ff @(posedge clk_i) begin
    if (new_q) begin
      narrow_size_q <= 8'd1 << narrow_bits_q;
      wide_size_q <= 8'd1 << wide_bits_q;
      wide_magnitudes_q <= from_q == 0 ? 8'd0 : 8'hff << (from_q - 3'd1);
      one_q <= narrow_bits_q == 0;
      base_q <= ($clog2(Entries)-1)'(15'(built_q) << (log_i - 4'd1));
    end
  end

  logic [$clog2(Entries)-2:0] base_q;           // pairs of the classes before this one
  always_ff @(posedge clk_i) begin
    read_q <= state_q == Number && !clear_i;
    read_index_q <= state_index_q[10:1];
    read_swapped_q <= number_q[0];
    even_at_q <= even_number[2:1];
    odd_at_q <= odd_number[2:1];
    symbol_q <= read_q && !clear_i;
    symbol_index_q <= read_index_q;
    symbols_q <= read_swapped_q ? {even_symbol, odd_symbol} : {odd_symbol, even_symbol};
    sum_q <= symbol_q && !clear_i;
    sum_index_q <= symbol_index_q;
    count_q <= sum_q && !clear_i;
    count_index_q <= sum_index_q;
    counted_q <= summed;
    bits_q <= count_q && !clear_i;
    bits_index_q <= count_index_q;
    meant_q <= counted_q;
    x_of_bits_q <= x_q;
    for (int at = 0; at < 2; at += 1) entry_bits_q[at] <= log_i - top[at];
    write_o <= bits_q && !clear_i;
    address_o <= base_q | ($clog2(Entries)-1)'(bits_index_q);
    for (int at = 0; at < 2; at += 1) begin
      // x * 2^bits is at least the size and less than twice the size.
      entries_o[at] <= {meant_q[at],
          {11'(x_of_bits_q[at] << entry_bits_q[at]) & mask_q, 1'b0} | (12'd1 << entry_bits_q[at])};
    end
    if (clear_i || start_i) begin
      state_q <= Idle;
      bad_q <= 1'b0;
      table_q <= '0;
      new_q <= 1'b0;
      placing_q <= 1'b0;
    end else begin
      if (bits_q && too_long != 0) bad_q <= 1'b1;
      new_q <= 1'b0;
      // Placing, while there are symbols.
      if (symbol_take) begin
        placing_q <= 1'b1;
        fresh_q <= 1'b1;
        symbol_now_q <= next_symbol_q;
        escape_now_q <= next_escape_q;
        wide_now_q <= next_wide_q;
        first_now_q <= next_first_q;
        left_q <= next_count_q;
      end else begin
        if (fits) placing_q <= 1'b0;
        fresh_q <= 1'b0;
        left_q <= left_q - 12'(placed);
      end
      if (new_q) j_q <= '0;
      else if (placing_q) j_q <= j_q + 12'(placed);
      case (state_q)
        Idle: if (table_valid_i) begin
          state_q <= Find;
          class_q <= '0;
          bank_q <= bank_i;
          extent_q <= extent_i;
          zero_q <= zero_i;
          escape_q <= escape_i;
          mask_q <= mask[10:0];
          inverse_q <= Inverses[log_i[1:0]];
        end
        Find: begin
          class_q <= class_q + 5'd1;
          narrow_bits_q <= class_narrow_i[class_at];
          wide_bits_q <= class_wide_i[class_at];
          from_q <= class_from_i[class_at];
          built_q <= class_at;
          if (class_q == classes_i) begin
            state_q <= Idle;
            table_q <= table_q + 4'd1;
          end else if (class_table_i[class_at] == table_q) begin
            state_q <= Fill;
            new_q <= 1'b1;
          end
        end
        Fill: begin
          state_index_q <= '0;
          number_q <= '0;
          last_pair_q <= 1'b0;
          if (!new_q && read_done_q && !next_valid_q && !placing_q) state_q <= Number;
        end
        Number: begin
          state_index_q <= state_index_q + 11'd2;
          last_pair_q <= state_index_q == mask_q - 11'd3;
          number_q <= (number_q + (inverse_q << 1)) & mask_q;
          if (last_pair_q) state_q <= Flush;
        end
        default: if (!read_q && !symbol_q && !sum_q && !count_q && !bits_q) begin
          state_q <= Find;
        end
      endcase
    end
  end
endmodule
