/// The state tables of a lane, in memory of its own: a pair of neighbouring entries is written in a cycle, one is read. Nothing
/// is read in a cycle that writes; without `read_i` the entry stays.
module lane_table #(
  parameter int Entries = 4096,
  localparam int AddressBits = $clog2(Entries)
) (
  input  logic                   clk_i,
  input  logic                   write_i,
  input  logic [AddressBits-2:0] pair_i,      // entries 2 * pair, 2 * pair + 1
  input  logic [1:0][21:0]       entries_i,
  input  logic                   read_i,
  input  logic [AddressBits-1:0] address_i,
  output logic [21:0]            entry_o
);
  // Widths that block RAM of this depth has.
  (* ram_style = "block", no_rw_check *) logic [17:0] symbols [Entries];
  (* ram_style = "block", no_rw_check *) logic [3:0] bits [Entries];
  always_ff @(posedge clk_i) begin
    if (write_i) begin
      symbols[{pair_i, 1'b0}] <= entries_i[0][21:4];
      symbols[{pair_i, 1'b1}] <= entries_i[1][21:4];
      bits[{pair_i, 1'b0}] <= entries_i[0][3:0];
      bits[{pair_i, 1'b1}] <= entries_i[1][3:0];
    end
    if (read_i) entry_o <= {symbols[address_i], bits[address_i]};
  end
endmodule
