// Bench of the table loader: reads cases from stdin, writes results to stdout, all fields 32-bit little-endian.
//   case    stall seed (0: no stalls), bytes, the tables section
//   result  status (0 built, 1 damaged, 2 recognised as built before, 255 neither in time), cycles, log, classes,
//           16 x raw bits of the narrow symbols of a class, 16 x of the wide ones, number of entries, entries
// The loader is not reset between cases: a section that equals the last good one must not be built again.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <vector>

#include "Vtable_loader.h"
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
  constexpr uint32_t kLatency = 60;
  constexpr uint32_t kBase = 0x10000;
  VerilatedContext context;
  context.randReset(2);                         // memories begin with anything
  Vtable_loader top{&context};
  auto tick = [&] {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  };
  top.rst_ni = 0;
  top.clear_i = 1;
  top.halt_i = top.start_i = top.beat_i = top.ar_ready_i = 0;
  tick();
  top.rst_ni = 1;
  tick();
  uint32_t seed, bytes;
  std::vector<uint32_t> entries(8192);
  while (read_word(&seed) && read_word(&bytes)) {
    std::vector<uint8_t> section((bytes + 15) / 16 * 16 + 16, 0xa5);
    if (bytes != 0 && fread(section.data(), bytes, 1, stdin) != 1) return 1;
    state = seed;
    top.beat_i = 0;                             // what the last case still had on its way
    top.clear_i = 1;
    tick();
    top.clear_i = 0;
    top.address_i = kBase;
    top.bytes_i = bytes;
    top.start_i = 1;
    tick();
    top.start_i = 0;
    std::deque<std::pair<uint64_t, uint64_t>> beats;  // when, address
    uint32_t cycles = 0, written = 0, status = 255;
    while (cycles < 200000) {
      top.ar_ready_i = seed == 0 || next_random() % 4 != 0;
      const bool deliver = !beats.empty() && beats.front().first <= cycles && (seed == 0 || next_random() % 4 != 0);
      top.beat_i = deliver;
      if (deliver) {
        const uint64_t at = beats.front().second - kBase;
        if (at + 16 <= section.size()) memcpy(&top.data_i, section.data() + at, 16);
        beats.pop_front();
      }
      top.eval();
      if (top.ar_valid_o && top.ar_ready_i) {
        for (uint32_t beat = 0; beat <= top.ar_length_o; beat += 1) {
          beats.push_back({cycles + kLatency + beat, top.ar_address_o + 16 * beat});
        }
      }
      if (top.write_o) {
        for (uint32_t at = 0; at < 2; at += 1) {
          entries[(2 * top.address_o + at) % 8192] = top.entries_o >> (22 * at) & 0x3fffff;
        }
        written += 2;
      }
      if (top.damaged_o) status = 1;
      else if (top.settled_o) status = top.usable_o && written == 0 ? 2 : 0;
      if (status != 255) break;
      tick();
      cycles += 1;
    }
    write_word(status);
    write_word(cycles);
    write_word(top.log_o);
    write_word(top.classes_o);
    for (uint32_t at = 0; at < 16; at += 1) write_word(top.class_narrow_o >> (3 * at) & 7);
    for (uint32_t at = 0; at < 16; at += 1) write_word(top.class_wide_o >> (3 * at) & 7);
    write_word(written);
    fwrite(entries.data(), 4, written > 8192 ? 8192 : written, stdout);
  }
  return 0;
}
