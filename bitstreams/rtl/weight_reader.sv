/// Reads the weight streams of CONV and DEPTHWISE commands through the weight port, as far ahead as its FIFO has room.
/// The beats of consecutive layers follow each other; the unpacker knows where a layer ends.
module weight_reader
  import sluice_pkg::*;
#(
  parameter int Depth = 128
) (
  input  logic         clk_i,
  input  logic         clear_i,
  input  logic         halt_i,
  input  logic [48:0]  image_i,
  input  logic         command_valid_i,
  input  command_t     command_i,
  output logic         advance_o,

  output logic         valid_o,
  output logic [127:0] data_o,
  input  logic         pop_i,

  output logic         ar_valid_o,
  input  logic         ar_ready_i,
  output logic [48:0]  ar_address_o,
  output logic [3:0]   ar_length_o,
  input  logic         beat_i,
  input  logic [127:0] data_i
);
  logic busy;
  logic [$clog2(Depth):0] free;
  wire weighted = command_i.opcode == OP_CONV || command_i.opcode == OP_DEPTHWISE;
  wire start = command_valid_i && weighted && !busy;
  assign advance_o = command_valid_i && (!weighted || !busy);

  read_job #(.BeatBits(29), .FreeBits($clog2(Depth)+1)) u_job (
    .clk_i, .clear_i, .halt_i, .start_i(start),
    .address_i(image_i + 49'(command_i.weights_offset)), .beats_i(29'((33'(command_i.weights_bytes) + 33'd15) >> 4)),
    .busy_o(busy), .free_i(free), .beat_i, .ar_valid_o, .ar_ready_i, .ar_address_o, .ar_length_o
  );
  fifo #(.Width(128), .Depth(Depth)) u_fifo (
    .clk_i, .clear_i, .push_i(beat_i), .data_i, .free_o(free), .valid_o, .data_o, .pop_i
  );
endmodule
