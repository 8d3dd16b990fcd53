/// The lanes of the weight decoder: one tANS symbol per lane and step, all lanes in lockstep, one step per cycle
/// (docs/formats/weight-stream.md, section 4).
///
/// The state loop: entry of the current state -> its `bits`, `base` -> low bits of the reservoir -> address of the next
/// entry. A lane that falls below 32 bits asks for a word; the words asked for in one cycle are handed out by rank and
/// inserted in the next, a step before their bits can be needed. `words_ok_i` low stalls everything.
module ans_lanes #(
  parameter int Lanes   = 16,
  parameter int Entries = 8192
) (
  input  logic                       clk_i,
  input  logic                       clear_i,
  input  logic                       table_write_i,
  input  logic [$clog2(Entries)-2:0] table_address_i, // of a pair of neighbouring entries; never in a step
  input  logic [1:0][23:0]           table_entries_i,
  input  logic [3:0]                 log_i,
  input  logic                       pairs_i,

  input  logic                       fill_i,          // start of a segment: a word for every lane in exists_i
  input  logic [1:0]                 fill_index_i,    // its first, second or third
  input  logic                       begin_i,         // after the fill: take the states
  input  logic [Lanes-1:0]           exists_i,

  input  logic                       step_i,          // decode this step (words_ok_i is high)
  input  logic [Lanes-1:0]           in_step_i,
  input  logic [Lanes-1:0][2:0]      shift_i,         // of the classes of this step
  input  logic [Lanes-1:0][3:0]      table_i,         // tables of this step ...
  input  logic [Lanes-1:0][3:0]      table_next_i,    // ... and of the step after it
  output logic [Lanes-1:0][7:0]      first_o,         // weights of this step, before the center
  output logic [Lanes-1:0][7:0]      second_o,        // pairs: of the second row

  input  logic [255:0]               words_i,         // the next 16 words
  output logic [4:0]                 asked_o,         // words this cycle inserts
  input  logic                       words_ok_i
);
  localparam int AddressBits = $clog2(Entries);
  logic [Lanes-1:0] pending_q;
  logic [Lanes-1:0][AddressBits-1:0] address;
  logic [Lanes-1:0][23:0] entries;
  for (genvar pair = 0; pair < Lanes / 2; pair += 1) begin : gen_pair
    lane_tables #(.Entries(Entries)) u_tables (
      .clk_i, .write_i(table_write_i), .pair_i(table_address_i), .entries_i(table_entries_i),
      .address_i(address[2*pair +: 2]), .entry_o(entries[2*pair +: 2])
    );
  end

  logic [Lanes-1:0][4:0] rank;
  logic [Lanes-1:0] request;

  assign request = fill_i ? exists_i : pending_q;
  always_comb begin
    logic [4:0] sum;
    sum = '0;
    for (int lane = 0; lane < Lanes; lane += 1) begin
      rank[lane] = sum;
      sum = sum + 5'(request[lane]);
    end
    asked_o = sum;
  end

  for (genvar lane = 0; lane < Lanes; lane += 1) begin : gen_lane
    logic [63:0] reservoir_q;
    logic [6:0] held_q;                        // with the pending word
    logic [10:0] state_q;

    wire [23:0] entry_q = entries[lane];
    wire escape = entry_q[23];
    wire [7:0] value = entry_q[22:15];
    wire [3:0] bits = entry_q[14:11];
    wire special = value[3:0] == 4'd8 || value[7:4] == 4'd8;
    wire [3:0] raw_bits = escape || (pairs_i && special) ? 4'd8 : pairs_i ? 4'd0 : {1'b0, shift_i[lane]};
    wire mine = step_i && in_step_i[lane];
    wire [10:0] low = reservoir_q[10:0] & ~(11'h7ff << bits);
    wire [10:0] state_next = mine ? entry_q[10:0] + low : state_q;
    wire [7:0] raw = 8'(reservoir_q >> bits) & ~(8'hff << raw_bits);
    wire [4:0] used = mine ? 5'(bits) + 5'(raw_bits) : 5'd0;
    wire [6:0] after = held_q - 7'(used);
    wire ask = mine && after < 7'd32;
    wire [15:0] word = words_i[rank[lane]*16 +: 16];
    wire insert = request[lane] && words_ok_i;
    wire [5:0] at = fill_i ? {fill_index_i, 4'b0000} : 6'(after - 7'd16);
    wire [3:0] table_now = mine || step_i ? table_next_i[lane] : table_i[lane];

    // ---- what the symbol means
    wire [10:0] state_first = 11'(reservoir_q) & ~(11'h7ff << log_i);
    wire [10:0] state_read = begin_i ? state_first : state_next;
    wire [7:0] half = (8'd1 << shift_i[lane]) >> 1;
    always_comb begin
      first_o[lane] = escape ? raw : (value << shift_i[lane]) + raw - half;
      second_o[lane] = '0;
      if (pairs_i) begin
        first_o[lane] = escape ? {{4{raw[3]}}, raw[3:0]} : value[3:0] == 4'd8 ? raw : {{4{value[3]}}, value[3:0]};
        second_o[lane] = escape ? {{4{raw[7]}}, raw[7:4]} : value[7:4] == 4'd8 ? raw : {{4{value[7]}}, value[7:4]};
      end
    end

    assign address[lane] = AddressBits'((16'(table_now) << log_i) + 16'(state_read));
    always_ff @(posedge clk_i) begin
      if (clear_i) begin
        pending_q[lane] <= 1'b0;
        held_q <= '0;
        reservoir_q <= '0;
      end else if (begin_i) begin
        state_q <= state_first;
        reservoir_q <= reservoir_q >> log_i;
        held_q <= 7'd48 - 7'(log_i);
        pending_q[lane] <= 1'b0;
      end else if (fill_i && fill_index_i == 0 && insert) begin
        reservoir_q <= 64'(word);
      end else begin
        state_q <= state_next;
        reservoir_q <= (reservoir_q >> used) | (insert ? 64'(word) << at : 64'd0);
        if (!fill_i) held_q <= after + (ask ? 7'd16 : 7'd0);
        if (!fill_i && words_ok_i) pending_q[lane] <= ask;
      end
    end
  end
endmodule
