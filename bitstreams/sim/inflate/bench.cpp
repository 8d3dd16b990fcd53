// Bench of the inflate core: reads cases from stdin, writes results to stdout, all fields 32-bit little-endian.
//   case    stall seed (0: no stalls), bytes, the stream
//   result  error, cycles, bytes, the output
// A case that neither ends nor fails within its limit of cycles is reported as error 255.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "Vinflate.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

static uint32_t state = 1;
static uint32_t next_random() {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static bool read_word(uint32_t* word) { return fread(word, 4, 1, stdin) == 1; }
static void write_word(uint32_t word) { fwrite(&word, 4, 1, stdout); }

int main() {
  VerilatedContext context;
  Vinflate top{&context};
  auto tick = [&] {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  };
  top.clk_i = 0;
  top.rst_ni = 0;
  top.start_i = 0;
  top.valid_i = 0;
  top.ready_i = 0;
  tick();
  top.rst_ni = 1;
  uint32_t seed, bytes;
  while (read_word(&seed) && read_word(&bytes)) {
    std::vector<uint8_t> stream((bytes + 15) / 16 * 16 + 16, 0xa5);
    if (bytes != 0 && fread(stream.data(), bytes, 1, stdin) != 1) return 1;
    std::vector<uint8_t> output;
    state = seed;
    top.start_i = 1;
    top.bytes_i = bytes;
    top.valid_i = 0;
    tick();
    top.start_i = 0;
    size_t at = 0;
    uint32_t cycles = 0, error = 255;
    // A bit yields at most 258 bytes, and a block of 10 bits at most some hundred cycles of building tables.
    const uint32_t limit = 4 * (bytes * 8 * 330 + 2000);
    while (cycles < limit) {
      top.valid_i = at < (bytes + 15) / 16 * 16 && (seed == 0 || next_random() % 4 != 0);
      memcpy(&top.data_i, stream.data() + at, 16);
      top.ready_i = seed == 0 || next_random() % 4 != 0;
      top.eval();
      if (top.valid_o && top.ready_i) output.push_back(top.byte_o);
      if (top.pop_o) at += 16;
      const bool done = top.done_o, failed = top.error_o != 0;
      if (failed) error = top.error_o;
      if (done) error = 0;
      if (done || failed) break;
      tick();
      cycles += 1;
    }
    write_word(error);
    write_word(cycles);
    write_word(static_cast<uint32_t>(output.size()));
    fwrite(output.data(), 1, output.size(), stdout);
    tick();
  }
  return 0;
}
