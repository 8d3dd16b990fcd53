/// Inflates one zlib stream (RFC 1950, 1951): stored, fixed and dynamic blocks, a window of 32 KiB, Adler-32 checked.
///
/// Rate: a literal or a byte of a match per cycle; 3 cycles more per match, about 700 per dynamic block. After `start_i`
/// it ends in `done_o` (all bytes delivered, the checksum right) or `error_o`, whatever comes in, as long as words come
/// in and bytes are taken; both stay until the next start.
module inflate (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  input  logic [31:0]  bytes_i,    // of the stream
  input  logic         valid_i,
  input  logic [127:0] data_i,
  output logic         pop_o,
  output logic         valid_o,
  output logic [7:0]   byte_o,
  input  logic         ready_i,
  output logic         done_o,
  output logic [3:0]   error_o     // 0 none; see the list below
);
  localparam logic [3:0] Truncated = 1, BadHeader = 2, BadBlock = 3, BadStored = 4, BadLengths = 5, BadCode = 6;
  localparam logic [3:0] BadSymbol = 7, BadDistance = 8, BadChecksum = 9, Trailing = 10;

  typedef enum logic [4:0] {
    Idle, Header, Block, Stored, StoredCopy, FixedFill, Counts, MetaLengths, Lengths, Fill, Ranges, Sort, Symbol,
    Distance, Prime, Copy, Checksum, Flush, Done, Failed
  } state_e;
  state_e state_q;

  logic [31:0] bits;
  logic [6:0] held;
  logic [5:0] take;
  logic ended;
  inflate_bits u_bits (
    .clk_i, .start_i, .bytes_i, .valid_i, .data_i, .pop_o, .bits_o(bits), .held_o(held), .ended_o(ended), .take_i(take)
  );
  // No state takes more than 32 bits at once.
  wire ready = held >= 7'd32 || ended;

  // ---- codes: table 0 literals and lengths, 1 distances, 2 code lengths; 1 and 2 share their symbols
  logic [15:0][15:0] first_q [3];
  logic [15:0][8:0] count_q [3], offset_q [3];
  logic [8:0] symbols0 [288];
  logic [4:0] symbols1 [32];
  logic [3:0] lengths [320];
  wire [1:0] table_at = state_q == Distance ? 2'd1 : state_q == Lengths ? 2'd2 : 2'd0;
  logic found;
  logic [3:0] code_length;
  logic [8:0] index;
  huffman_match u_match (
    .bits_i(bits[14:0]), .first_i(first_q[table_at]), .count_i(count_q[table_at]), .offset_i(offset_q[table_at]),
    .found_o(found), .length_o(code_length), .index_o(index)
  );
  wire [8:0] symbol = table_at != 0 ? 9'(symbols1[index[4:0]]) : symbols0[index];
  wire [31:0] extra = bits >> code_length;

  function automatic logic [3:0] extra_bits(input logic [4:0] code);       // of a length, code = symbol - 257
    return code < 5'd8 || code == 5'd28 ? 4'd0 : 4'(code[4:2]) - 4'd1;
  endfunction
  function automatic logic [8:0] match_length(input logic [4:0] code, input logic [31:0] more);
    logic [3:0] width;
    width = extra_bits(code);
    if (code == 5'd28) return 9'd258;
    if (code < 5'd8) return 9'(code) + 9'd3;
    return (9'({1'b1, code[1:0]}) << width) + 9'd3 + 9'(more & ~(32'hffff_ffff << width));
  endfunction
  function automatic logic [3:0] distance_bits(input logic [4:0] code);
    return code < 5'd4 ? 4'd0 : code[4:1] - 4'd1;
  endfunction
  function automatic logic [15:0] match_distance(input logic [4:0] code, input logic [31:0] more);
    logic [3:0] width;
    width = distance_bits(code);
    if (code < 5'd4) return 16'(code) + 16'd1;
    return (16'({1'b1, code[0]}) << width) + 16'd1 + 16'(more & ~(32'hffff_ffff << width));
  endfunction
  function automatic logic [4:0] meta_order(input logic [4:0] position);
    logic [18:0][4:0] order;
    order = {5'd15, 5'd1, 5'd14, 5'd2, 5'd13, 5'd3, 5'd12, 5'd4, 5'd11, 5'd5, 5'd10, 5'd6, 5'd9, 5'd7, 5'd8, 5'd0, 5'd18,
             5'd17, 5'd16};
    return order[position];
  endfunction

  // ---- state of a block
  logic last_q, fixed_q;
  logic [1:0] target_q;                            // the table being built
  logic [8:0] literals_q, total_q, at_q, base_q, end_q;
  logic [4:0] distances_q, meta_count_q;
  logic [3:0] previous_q, fill_length_q;
  logic [7:0] fill_q;
  logic [15:0] stored_q, code_q;
  logic [16:0] room_q;                             // codes of the length at hand that are still free
  logic [8:0] used_q;
  logic [3:0] longest_q;
  logic end_code_q;                                // symbol 256 has a code
  logic [8:0] next_q [16];
  logic [8:0] copy_q;
  logic [15:0] distance_q;

  // ---- window and output
  logic [7:0] window [32768];
  logic [7:0] read_q;
  logic [14:0] write_at_q, source_q;
  logic [15:0] produced_q;                         // bytes in the window, at most 32768
  logic [15:0] low_q, high_q;                      // Adler-32
  wire free = !valid_o || ready_i;
  logic emit;
  logic [7:0] emitted;
  wire copying = state_q == Copy && free;
  wire stored_ready = state_q == StoredCopy && stored_q != 0 && free && ready;
  wire literal = state_q == Symbol && ready && free && found && symbol < 9'd256 && 7'(code_length) <= held;
  always_comb begin
    emit = copying || literal || (stored_ready && held >= 7'd8);
    emitted = state_q == Copy ? (distance_q == 16'd1 ? byte_o : read_q) : state_q == Symbol ? symbol[7:0] : bits[7:0];
  end
  wire [16:0] low_sum = 17'(low_q) + 17'(emitted);
  wire [15:0] low_next = low_sum >= 17'd65521 ? 16'(low_sum - 17'd65521) : low_sum[15:0];
  wire [16:0] high_sum = 17'(high_q) + 17'(low_next);
  wire [31:0] checksum = {bits[7:0], bits[15:8], bits[23:16], bits[31:24]};
  wire [5:0] align = 6'(held[2:0]);                // the stream is whole bytes, so what is held ends on one

  wire [4:0] length_code = 5'(symbol - 9'd257);
  wire [5:0] length_take = 6'(code_length) + 6'(extra_bits(length_code));
  wire [5:0] distance_take = 6'(code_length) + 6'(distance_bits(symbol[4:0]));
  wire [15:0] distance = match_distance(symbol[4:0], extra);
  wire [1:0] meta_width = symbol == 9'd16 ? 2'd2 : 2'd3;
  wire [5:0] lengths_take = 6'(code_length)
      + (symbol < 9'd16 ? 6'd0 : symbol == 9'd18 ? 6'd7 : 6'(meta_width));
  wire [7:0] repeated = symbol == 9'd16 ? 8'(extra[1:0]) + 8'd3 : symbol == 9'd17 ? 8'(extra[2:0]) + 8'd3
      : 8'(extra[6:0]) + 8'd11;

  logic [5:0] wanted;                              // bits this cycle uses
  always_comb begin
    wanted = '0;
    if (ready)
      case (state_q)
        Header: wanted = 6'd16;
        Block: wanted = 6'd3;
        Stored: wanted = held[2:0] == 0 ? 6'd32 : align;
        StoredCopy: if (stored_q != 0 && free) wanted = 6'd8;
        Counts: wanted = 6'd14;
        MetaLengths: if (at_q < 9'(meta_count_q)) wanted = 6'd3;
        Lengths: if (at_q < total_q && found) wanted = lengths_take;
        Symbol: if (found) wanted = symbol < 9'd256 ? (free ? 6'(code_length) : '0)
            : symbol == 9'd256 ? 6'(code_length) : length_take;
        Distance: if (found) wanted = distance_take;
        Checksum: wanted = held[2:0] == 0 ? 6'd32 : align;
        default: wanted = '0;
      endcase
  end
  wire short = 7'(wanted) > held;
  assign take = short ? '0 : wanted;
  assign done_o = state_q == Done;
  wire [3:0] stored_length = fixed_length(at_q);

  function automatic logic [3:0] fixed_length(input logic [8:0] value);    // of the fixed code, distances from 288 on
    return value < 9'd144 ? 4'd8 : value < 9'd256 ? 4'd9 : value < 9'd280 ? 4'd7 : value < 9'd288 ? 4'd8 : 4'd5;
  endfunction

  wire [3:0] put_length = state_q == FixedFill ? stored_length : state_q == Fill ? fill_length_q : symbol[3:0];
  wire put = state_q == FixedFill && at_q < 9'd320 || state_q == Fill
      || state_q == Lengths && ready && found && !short && at_q < total_q && symbol < 9'd16;
  wire [8:0] put_start = fixed_q ? 9'd288 : literals_q;
  wire put_second = at_q >= put_start;
  wire [3:0] sort_length = lengths[at_q];

  task automatic fail(input logic [3:0] reason);
    state_q <= Failed;
    error_o <= reason;
  endtask
  task automatic build(input logic [1:0] which, input logic [8:0] base, input logic [8:0] until_at);
    state_q <= Ranges;
    target_q <= which;
    base_q <= base;
    end_q <= until_at;
    at_q <= 9'd1;
    code_q <= '0;
    room_q <= 17'd1;
    used_q <= '0;
    longest_q <= '0;
  endtask

  always_ff @(posedge clk_i) begin
    read_q <= state_q == Prime ? window[source_q] : copying ? window[source_q + 15'd1] : read_q;
    if (emit) window[write_at_q] <= emitted;
    if (ready_i) valid_o <= 1'b0;
    if (emit) begin
      valid_o <= 1'b1;
      byte_o <= emitted;
      write_at_q <= write_at_q + 15'd1;
      if (!produced_q[15]) produced_q <= produced_q + 16'd1;
      low_q <= low_next;
      high_q <= high_sum >= 17'd65521 ? 16'(high_sum - 17'd65521) : high_sum[15:0];
    end
    if (put) begin
      lengths[at_q] <= put_length;
      previous_q <= put_length;
      if (put_second) count_q[1][put_length] <= count_q[1][put_length] + 9'd1;
      else count_q[0][put_length] <= count_q[0][put_length] + 9'd1;
      if (at_q == 9'd256 && put_length != 0) end_code_q <= 1'b1;
    end

    if (!rst_ni) begin
      state_q <= Idle;
      valid_o <= 1'b0;
      error_o <= '0;
    end else if (start_i) begin
      state_q <= Header;
      valid_o <= 1'b0;
      error_o <= '0;
      write_at_q <= '0;
      produced_q <= '0;
      low_q <= 16'd1;
      high_q <= '0;
    end else if (short) fail(Truncated);
    else
      case (state_q)
        Header:
          if (ready) begin
            if (bits[3:0] != 4'd8 || bits[7:4] > 4'd7 || bits[13] || {bits[7:0], bits[15:8]} % 16'd31 != 0) fail(BadHeader);
            else state_q <= Block;
          end
        Block:
          if (ready) begin
            last_q <= bits[0];
            at_q <= '0;
            fixed_q <= bits[2:1] == 2'd1;
            count_q[0] <= '0;
            count_q[1] <= '0;
            count_q[2] <= '0;
            end_code_q <= 1'b0;
            case (bits[2:1])
              2'd0: state_q <= Stored;
              2'd1: state_q <= FixedFill;
              2'd2: state_q <= Counts;
              default: fail(BadBlock);
            endcase
          end
        Stored:
          if (ready && held[2:0] == 0) begin
            stored_q <= bits[15:0];
            if (bits[15:0] != ~bits[31:16]) fail(BadStored);
            else state_q <= StoredCopy;
          end
        StoredCopy:
          if (stored_q == 0) state_q <= last_q ? Checksum : Block;
          else if (emit) stored_q <= stored_q - 16'd1;
        FixedFill:
          if (at_q == 9'd319) build(2'd0, 9'd0, 9'd288);
          else at_q <= at_q + 9'd1;
        Counts:
          if (ready) begin
            literals_q <= 9'(bits[4:0]) + 9'd257;
            distances_q <= bits[9:5] + 5'd1;
            total_q <= 9'(bits[4:0]) + 9'(bits[9:5]) + 9'd258;
            meta_count_q <= 5'(bits[13:10]) + 5'd4;
            if (bits[4:0] > 5'd29 || bits[9:5] > 5'd29) fail(BadLengths);
            else state_q <= MetaLengths;
          end
        MetaLengths:
          if (at_q == 9'd19) build(2'd2, 9'd0, 9'd19);
          else if (at_q >= 9'(meta_count_q) || ready) begin
            lengths[9'(meta_order(at_q[4:0]))] <= at_q < 9'(meta_count_q) ? 4'(bits[2:0]) : 4'd0;
            if (at_q < 9'(meta_count_q)) count_q[2][4'(bits[2:0])] <= count_q[2][4'(bits[2:0])] + 9'd1;
            at_q <= at_q + 9'd1;
          end
        Lengths:
          if (at_q == total_q) begin
            if (!end_code_q) fail(BadLengths);
            else build(2'd0, 9'd0, literals_q);
          end else if (ready) begin
            if (!found) fail(BadCode);
            else if (symbol < 9'd16) at_q <= at_q + 9'd1;
            else if (symbol == 9'd16 && at_q == 0 || at_q + 9'(repeated) > total_q) fail(BadLengths);
            else begin
              fill_q <= repeated;
              fill_length_q <= symbol == 9'd16 ? previous_q : 4'd0;
              state_q <= Fill;
            end
          end
        Fill: begin
          at_q <= at_q + 9'd1;
          fill_q <= fill_q - 8'd1;
          if (fill_q == 8'd1) state_q <= Lengths;
        end
        Ranges:                                    // at_q: the length; room_q: codes left free by shorter ones
          if (at_q == 9'd16) begin
            // Incomplete sets: only a single code of one bit, and no code at all for distances (as zlib has it).
            if (room_q != 0 && (target_q == 2'd2 || longest_q > 4'd1)) fail(BadLengths);
            else begin
              state_q <= Sort;
              at_q <= base_q;
            end
          end else begin
            first_q[target_q][at_q[3:0]] <= code_q << 1;
            offset_q[target_q][at_q[3:0]] <= used_q;
            next_q[at_q[3:0]] <= used_q;
            code_q <= (code_q << 1) + 16'(count_q[target_q][at_q[3:0]]);
            used_q <= used_q + count_q[target_q][at_q[3:0]];
            if (count_q[target_q][at_q[3:0]] != 0) longest_q <= at_q[3:0];
            if ((room_q << 1) < 17'(count_q[target_q][at_q[3:0]])) fail(BadLengths);
            room_q <= (room_q << 1) - 17'(count_q[target_q][at_q[3:0]]);
            at_q <= at_q + 9'd1;
          end
        Sort:
          if (at_q == end_q) begin
            at_q <= '0;
            if (target_q == 2'd2) state_q <= Lengths;
            else if (target_q == 2'd0) build(2'd1, fixed_q ? 9'd288 : literals_q, fixed_q ? 9'd320 : total_q);
            else state_q <= Symbol;
          end else begin
            if (sort_length != 0) begin
              if (target_q != 0) symbols1[next_q[sort_length][4:0]] <= 5'(at_q - base_q);
              else symbols0[next_q[sort_length]] <= at_q;
              next_q[sort_length] <= next_q[sort_length] + 9'd1;
            end
            at_q <= at_q + 9'd1;
          end
        Symbol:
          if (ready) begin
            if (!found) fail(held < 7'd15 ? Truncated : BadCode);
            else if (symbol == 9'd256) state_q <= last_q ? Checksum : Block;
            else if (symbol > 9'd285) fail(BadSymbol);
            else if (symbol > 9'd256) begin
              copy_q <= match_length(length_code, extra);
              state_q <= Distance;
            end
          end
        Distance:
          if (ready) begin
            distance_q <= distance;
            source_q <= write_at_q - distance[14:0];
            if (!found) fail(held < 7'd15 ? Truncated : BadCode);
            else if (symbol > 9'd29) fail(BadSymbol);
            else if (distance > produced_q) fail(BadDistance);
            else state_q <= Prime;
          end
        Prime: state_q <= Copy;
        Copy:
          if (free) begin
            source_q <= source_q + 15'd1;
            copy_q <= copy_q - 9'd1;
            if (copy_q == 9'd1) state_q <= Symbol;
          end
        Checksum:
          if (ready && held[2:0] == 0) begin
            if (checksum != {high_q, low_q}) fail(BadChecksum);
            else state_q <= Flush;
          end
        Flush:
          if (held != 0 || !ended) fail(Trailing);
          else if (free) state_q <= Done;
        default: state_q <= state_q;
      endcase
  end
endmodule
