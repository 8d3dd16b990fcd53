// Bench of the weight decoder: reads cases from stdin, writes results to stdout, all fields 32-bit little-endian.
//   case    stall seed (0: none), coded, depthwise, inputs, outputs, kernel height, kernel width, stream bytes, rows to come,
//           tables: log, classes, 16 x raw bits of the narrow symbols of a class, 16 x of the wide ones, entries, the entries;
//           the stream
//   result  status (0 done, 1 damaged, 2 neither in time), cycles, rows that came, rows (a byte per output)
// An even number of entries. The decoder is cleared between cases only after a damaged one.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "Vdecoder_ports.h"
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
  Vdecoder_ports top{&context};
  constexpr size_t kRow = sizeof top.row_o;
  auto tick = [&] {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  };
  auto clear = [&] {
    top.clear_i = 1;
    tick();
    top.clear_i = 0;
  };
  top.clk_i = 0;
  top.eval();                                   // the first evaluation sees no edge
  clear();
  uint32_t head[9];
  while (fread(head, sizeof head, 1, stdin) == 1) {
    const auto [seed, coded, depthwise, inputs, outputs, kernel_height, kernel_width, bytes, rows] = head;
    uint32_t log, classes, count;
    if (!read_word(&log) || !read_word(&classes)) return 1;
    top.log_i = log;
    top.classes_i = classes;
    top.class_narrow_i = top.class_wide_i = 0;
    for (uint32_t at = 0, value; at < 16 && read_word(&value); at += 1) top.class_narrow_i |= uint64_t(value) << (3 * at);
    for (uint32_t at = 0, value; at < 16 && read_word(&value); at += 1) top.class_wide_i |= uint64_t(value) << (3 * at);
    if (!read_word(&count)) return 1;
    std::vector<uint32_t> entries(count);
    if (count != 0 && fread(entries.data(), 4 * count, 1, stdin) != 1) return 1;
    std::vector<uint8_t> stream((bytes + 15) / 16 * 16 + 16, 0xa5);
    if (bytes != 0 && fread(stream.data(), bytes, 1, stdin) != 1) return 1;
    state = seed;

    top.table_write_i = 1;
    for (uint32_t at = 0; at < count; at += 2) {
      top.table_address_i = at / 2;
      top.table_entries_i = uint64_t(entries[at + 1]) << 22 | entries[at];
      tick();
    }
    top.table_write_i = 0;
    top.classes_known_i = top.tables_usable_i = count != 0;
    // With stalls the tables come late.
    const uint32_t settled = seed == 0 ? 0 : next_random() % 400;
    top.start_i = 1;
    top.coded_i = coded;
    top.depthwise_i = depthwise;
    top.in_channels_i = inputs;
    top.out_channels_i = outputs;
    top.kernel_height_i = kernel_height;
    top.kernel_width_i = kernel_width;
    top.weights_bytes_i = bytes;
    top.valid_i = top.row_pop_i = 0;
    tick();
    top.start_i = 0;
    std::vector<uint8_t> out;
    uint32_t cycles = 0, at = 0, status = 2, patience = 0;
    bool hungry = true, flowing = true;
    while (patience < 20000) {
      top.tables_settled_i = cycles >= settled;
      // Moods last a while: everything full, or everything empty.
      if (seed != 0 && next_random() % 16 == 0) hungry = next_random() % 4 != 0;
      if (seed != 0 && next_random() % 16 == 0) flowing = next_random() % 4 != 0;
      top.valid_i = 16 * at < bytes && flowing && (seed == 0 || next_random() % 8 != 0);
      if (top.valid_i) memcpy(&top.data_i, stream.data() + 16 * at, 16);
      else memset(&top.data_i, 0x5a, 16);
      top.row_pop_i = 0;
      top.eval();
      top.row_pop_i = top.row_valid_o && hungry && (seed == 0 || next_random() % 8 != 0);
      top.eval();
      patience += 1;
      if (top.row_pop_i) {
        const auto* row = reinterpret_cast<const uint8_t*>(&top.row_o);
        out.insert(out.end(), row, row + kRow);
        patience = 0;
      }
      if (top.pop_o) {
        at += 1;
        patience = 0;
      }
      if (top.damaged_o) status = 1;
      if (top.done_o) status = 0;
      tick();
      cycles += 1;
      if (status == 1 || (status == 0 && !top.row_valid_o)) break;
      if (out.size() > kRow * (size_t(rows) + 256)) break;
    }
    top.valid_i = top.row_pop_i = 0;
    if (status != 0) clear();
    write_word(status);
    write_word(cycles);
    write_word(out.size() / kRow);
    fwrite(out.data(), 1, out.size(), stdout);
  }
  return 0;
}
