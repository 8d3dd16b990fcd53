/// State tables of two lanes in one true dual-port memory: each lane reads through a port of its own, and a pair of entries is
/// written through both. Nothing is read in a cycle that writes; without `read_i` the entries stay.
module lane_tables #(
  parameter int Entries = 4096
) (
  input  logic                             clk_i,
  input  logic                             write_i,
  input  logic [$clog2(Entries)-2:0]       pair_i,      // entries 2 * pair, 2 * pair + 1
  input  logic [1:0][17:0]                 entries_i,
  input  logic                             read_i,
  input  logic [1:0][$clog2(Entries)-1:0]  address_i,
  output logic [1:0][17:0]                 entry_o
);
  (* ram_style = "block" *) logic [17:0] entries [Entries];
  wire [$clog2(Entries)-1:0] address_a = write_i ? {pair_i, 1'b0} : address_i[0];
  wire [$clog2(Entries)-1:0] address_b = write_i ? {pair_i, 1'b1} : address_i[1];
  always_ff @(posedge clk_i) begin
    if (write_i) entries[address_a] <= entries_i[0];
    else if (read_i) entry_o[0] <= entries[address_a];
    if (write_i) entries[address_b] <= entries_i[1];
    else if (read_i) entry_o[1] <= entries[address_b];
  end
endmodule
