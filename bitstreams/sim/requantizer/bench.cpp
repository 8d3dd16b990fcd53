// Bench of the requantiser: random commands against plain 64-bit arithmetic, as sdk/src/overlay/program.ts defines it.
//
//   bench SEED COMMANDS
//
// Every write into the activation memory, both CRCs and the number of beats are compared. Ends with 0 and one line of JSON
// that says how often the corners were met; with 1 and the first difference otherwise.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <vector>

#include "Vrequantizer_bench.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int kPixels = 8, kOutputs = 16, kWord = 8, kPixelsPerBeat = 4;
constexpr uint32_t kFlight = 20;  // cycles from the walker's last step of a block to the block
enum Operation { kConv, kDepthwise, kMax, kAverage, kAdd };
enum Rounding { kHalfUp, kHalfEven, kHalfAway };

uint64_t state;
uint64_t next_random() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
int64_t between(int64_t low, int64_t high) { return low + int64_t(next_random() % uint64_t(high - low + 1)); }
bool chance(int percent) { return between(0, 99) < percent; }
/// Any magnitude up to 2^(bits - 1) with about the same probability.
int64_t any_size(int bits) {
  const int size = int(between(0, bits - 1));
  const int64_t value = size == 0 ? 0 : between(int64_t(1) << (size - 1), (int64_t(1) << size) - 1);
  return chance(50) ? value : -value;
}

struct Record {
  int32_t bias, multiplier;
  int shift_a, shift_b;
};
struct Command {
  int operation, width, height, channels, zero_point_w, rounding_a, rounding_b, zero_point;
  bool clamp, table0, table1, output1;
  int clamp_min, clamp_max, min, max;
  uint32_t base0, pitch0, base1, pitch1;
  int step;  // what enters stage A is a multiple of 2^step, so that ties are frequent
  bool one_record() const { return operation >= kMax; }
  int words() const { return (channels + kWord - 1) / kWord; }
  int groups() const { return (width + kPixels - 1) / kPixels; }
};

uint64_t ties_a[3], ties_b[3], saturated, limited, second_outputs, tables;

int64_t round_shift(int64_t value, int shift, int mode, uint64_t* ties) {
  if (shift == 0) return value;
  const __int128 wide = value, unit = __int128(1) << shift;
  __int128 floor = wide >> shift;
  const __int128 twice = 2 * (wide - floor * unit);
  if (twice > unit) return int64_t(floor + 1);
  if (twice < unit) return int64_t(floor);
  ties[mode] += 1;
  if (mode == kHalfUp) return int64_t(floor + 1);
  if (mode == kHalfEven) return int64_t(floor + (floor & 1));
  return int64_t(value < 0 ? floor : floor + 1);
}

struct Codes {
  uint8_t code[2];
};

struct Tables {
  uint8_t output[2][512];
  int32_t addend[2][256];
};

Codes requantize(const Command& c, const Record& r, const Tables& t, int32_t acc) {
  int64_t y = round_shift(int64_t(acc) * r.multiplier, r.shift_a, c.rounding_a, ties_a);
  const int64_t low = c.clamp ? c.clamp_min : INT32_MIN, high = c.clamp ? c.clamp_max : INT32_MAX;
  if (y < low || y > high) (c.clamp ? limited : saturated) += 1;
  y = std::clamp(y, low, high);
  const int64_t moved = c.zero_point + round_shift(y, r.shift_b, c.rounding_b, ties_b);
  const uint8_t plain = uint8_t(std::clamp<int64_t>(moved, c.min, c.max));
  Codes codes;
  for (int output = 0; output < 2; output += 1) {
    const bool table = output == 0 ? c.table0 : c.table1;
    if (table) tables += 1;
    codes.code[output] = table ? t.output[output][y - c.clamp_min] : plain;
  }
  return codes;
}

uint32_t crc_step(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  for (int bit = 0; bit < 8; bit += 1) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  return crc;
}

Command random_command() {
  Command c{};
  c.operation = int(between(kConv, kAdd));
  c.width = int(chance(30) ? between(1, 4) : between(1, 20));
  c.height = int(between(1, 4));
  c.channels = int(between(1, 50));
  c.zero_point_w = chance(50) ? 0 : int(between(-128, 127));
  c.rounding_a = int(between(kHalfUp, kHalfAway));
  c.rounding_b = int(between(kHalfUp, kHalfAway));
  c.clamp = chance(70);
  c.clamp_min = int(chance(50) ? between(-260, -1) : between(-32768, 32767));
  c.clamp_max = int(std::min<int64_t>(32767, c.clamp_min + (chance(70) ? between(0, 511) : between(0, 65535))));
  const bool small = c.clamp && c.clamp_max - c.clamp_min < 512;
  c.output1 = chance(40);
  c.table0 = small && chance(60);
  c.table1 = small && c.output1 && chance(60);
  c.zero_point = int(between(-128, 127));
  c.min = int(chance(50) ? -128 : between(-128, 127));
  c.max = int(chance(50) ? 127 : between(c.min, 127));
  const uint32_t blocks = uint32_t(c.height * c.groups());
  c.pitch0 = uint32_t(c.words() + between(0, 3));
  c.pitch1 = uint32_t(c.words() + between(0, 3));
  c.base0 = uint32_t(between(0, 1000));
  c.base1 = c.base0 + c.pitch0 * blocks + uint32_t(between(0, 9));
  return c;
}

std::vector<Record> random_records(Command& c) {
  const int style = int(between(0, 3)), step = int(between(1, 12));
  c.step = style == 0 ? step - 1 : 0;
  std::vector<Record> records(c.one_record() ? 1 : (c.words() + 1) / 2 * kOutputs);
  for (auto& r : records) {
    r.shift_b = int(between(0, chance(80) ? 5 : 31));
    if (style == 0) {  // quotients that end in halves
      const int power = int(between(0, 6));
      r.multiplier = (chance(20) ? -1 : 1) * (1 << power);
      r.shift_a = power + step;
    } else if (style == 1) {
      r.multiplier = int32_t(between(1 << 30, INT32_MAX));
      r.shift_a = int(between(31, 45));
    } else {
      r.shift_a = int(between(0, 62));
      const int64_t limit = int64_t(1) << std::min(31, 20 + r.shift_a);
      r.multiplier = int32_t(chance(20) ? (chance(50) ? -limit : limit - 1) : between(-limit, limit - 1));
    }
    r.bias = int32_t(uint32_t(any_size(style == 0 ? 20 : 32)) << c.step);
  }
  return records;
}

struct Bench {
  VerilatedContext context;
  Vrequantizer_bench top{&context};
  uint64_t seed = 0, cycles = 0;
  int command_index = 0;

  void edge() {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    cycles += 1;
  }

  [[noreturn]] void fail(const char* what, uint64_t expected, uint64_t found) {
    std::fprintf(stderr, "seed %" PRIu64 ", command %d, cycle %" PRIu64 ": %s: expected %" PRIx64 ", found %" PRIx64 "\n",
                 seed, command_index, cycles, what, expected, found);
    std::exit(1);
  }

  void write_tables(int slot, const Tables& t) {
    for (int output = 0; output < 2; output += 1) {
      for (int word = 0; word < 128; word += 1) write_word(1 << output, 0, slot * 128 + word, bytes(t.output[output] + 4 * word));
    }
    for (int table = 0; table < 2; table += 1) {
      for (int entry = 0; entry < 256; entry += 1) write_word(0, 1 << table, slot * 256 + entry, uint32_t(t.addend[table][entry]));
    }
  }
  static uint32_t bytes(const uint8_t* at) { return at[0] | at[1] << 8 | at[2] << 16 | uint32_t(at[3]) << 24; }
  void write_word(int table, int addend, int address, uint32_t data) {
    top.table_write_i = table;
    top.addend_write_i = addend;
    top.table_address_i = address & 255;
    top.addend_address_i = address & 511;
    top.table_data_i = data;
    top.eval();
    edge();
    top.table_write_i = top.addend_write_i = 0;
  }

  void set(const Command& c, int slot) {
    top.operation_i = c.operation;
    top.slot_i = slot;
    top.out_width_i = c.width;
    top.out_channels_i = c.channels;
    top.out0_base_i = c.base0;
    top.out0_pitch_i = c.pitch0;
    top.out1_base_i = c.base1;
    top.out1_pitch_i = c.pitch1;
    top.weight_zero_point_i = c.zero_point_w & 255;
    top.rounding_a_i = c.rounding_a;
    top.rounding_b_i = c.rounding_b;
    top.clamp_enable_i = c.clamp;
    top.table_enable0_i = c.table0;
    top.table_enable1_i = c.table1;
    top.output1_enable_i = c.output1;
    top.output_zero_point_i = c.zero_point & 255;
    top.clamp_min_i = c.clamp_min & 0xffff;
    top.clamp_max_i = c.clamp_max & 0xffff;
    top.output_min_i = c.min & 255;
    top.output_max_i = c.max & 255;
  }

  /// Random operands of one result into the ports; the value they add up to.
  int32_t operands(const Command& c, const Record& r, const Tables& t, int pixel, int channel) {
    const int8_t second = int8_t(next_random());
    int32_t sum = int32_t(any_size(24));
    int32_t value = 0, acc = int32_t(next_random());
    switch (c.operation) {
      case kConv:
      case kDepthwise:
        value = int32_t(uint32_t(any_size(32 - c.step)) << c.step);
        acc = int32_t(uint32_t(value) - uint32_t(r.bias) + uint32_t(c.zero_point_w) * uint32_t(sum));
        break;
      case kMax:
        value = second;
        break;
      case kAverage:
        sum = int32_t(uint32_t(any_size(24 - c.step)) << c.step);
        value = int32_t(uint32_t(r.bias) + uint32_t(sum));
        break;
      default:
        value = int32_t(uint32_t(r.bias) + uint32_t(t.addend[0][int8_t(sum) + 128]) + uint32_t(t.addend[1][second + 128]));
    }
    top.acc_i[pixel][channel] = uint32_t(acc);
    top.sum_i[pixel][channel] = uint32_t(sum) & 0xffffff;
    top.code_i[pixel][channel] = uint8_t(second);
    return value;
  }

  void run(int slot) {
    Command c = random_command();
    const std::vector<Record> records = random_records(c);
    Tables t;
    for (auto& table : t.output) for (auto& code : table) code = uint8_t(next_random());
    for (auto& table : t.addend) for (auto& entry : table) entry = int32_t(uint32_t(any_size(31 - c.step)) << c.step);
    write_tables(slot, t);
    set(c, slot);
    top.start_i = 1;
    top.eval();
    edge();
    top.start_i = 0;
    if (c.output1) second_outputs += 1;

    const int tiles = (c.words() + 1) / 2, blocks = c.height * c.groups();
    std::map<std::pair<uint32_t, int>, uint64_t> expected;  // row and bank -> word
    uint32_t crc[2] = {~0u, ~0u};
    std::deque<std::pair<uint64_t, int>> flying;            // when, block
    size_t record = 0;
    int issued = 0, wait = 0;
    const uint64_t limit = cycles + 1000 + 200 * uint64_t(tiles * blocks);
    while (issued < tiles * blocks || !flying.empty() || top.busy_o) {
      if (cycles > limit) fail("the command does not end", limit, cycles);
      // Parameters come with gaps; other slots' tables are written meanwhile.
      top.record_valid_i = record < records.size() && chance(85);
      if (top.record_valid_i) {
        const Record& r = records[record];
        top.record_bias_i = r.bias;
        top.record_multiplier_i = r.multiplier;
        top.record_shift_a_i = r.shift_a;
        top.record_shift_b_i = r.shift_b;
      }
      top.table_write_i = next_random() & 3;
      top.addend_write_i = next_random() & 3;
      top.table_address_i = (1 - slot) * 128 + between(0, 127);
      top.addend_address_i = (1 - slot) * 256 + between(0, 255);
      top.table_data_i = uint32_t(next_random());

      top.block_i = !flying.empty() && flying.front().first == cycles;
      if (top.block_i) {
        const int index = flying.front().second, tile = index / blocks, block = index % blocks;
        const int columns = std::min(kPixels, c.width - block % c.groups() * kPixels);
        const int words = std::min(2, c.words() - 2 * tile);
        top.block_tile_first_i = block == 0;
        top.block_columns_i = columns;
        for (int pixel = 0; pixel < kPixels; pixel += 1) {
          uint64_t word[2][2] = {};
          for (int channel = 0; channel < kOutputs; channel += 1) {
            const Record& r = records[c.one_record() ? 0 : tile * kOutputs + channel];
            Record used = r;
            if (c.operation == kMax) used.bias = 0;
            const int32_t value = operands(c, used, t, pixel, channel);
            if (pixel >= columns || tile * kOutputs + channel >= c.channels) continue;
            const Codes codes = requantize(c, r, t, value);
            for (int output = 0; output < 2; output += 1) {
              word[output][channel / kWord] |= uint64_t(codes.code[output]) << (channel % kWord * 8);
            }
          }
          if (pixel >= columns) continue;
          for (int at = 0; at < words; at += 1) {
            for (int output = 0; output <= int(c.output1); output += 1) {
              const uint32_t row = output == 0 ? c.base0 + c.pitch0 * block : c.base1 + c.pitch1 * block;
              expected[{row + 2 * tile + at, pixel}] = word[output][at];
              for (int byte = 0; byte < 8; byte += 1) crc[output] = crc_step(crc[output], uint8_t(word[output][at] >> (8 * byte)));
            }
          }
        }
        flying.pop_front();
      }
      top.tile_taken_i = 0;
      top.eval();
      if (wait > 0) {
        wait -= 1;
      } else if (issued < tiles * blocks && (issued % blocks != 0 || top.parameters_ready_o) && chance(90)) {
        top.tile_taken_i = issued % blocks == 0;
        flying.push_back({cycles + kFlight, issued});
        issued += 1;
        const int words = c.words() > 1 ? 2 : 1, halves = c.width > kPixelsPerBeat ? 2 : 1;
        const int beats = words * (c.output1 ? 2 : halves);
        if (top.block_beats_o != beats) fail("beats of a block", beats, top.block_beats_o);
        wait = beats - 1 + (chance(20) ? int(between(0, 9)) : 0);
        top.eval();
      }
      if (top.record_pop_o) record += 1;
      for (int bank = 0; bank < kPixels; bank += 1) {
        if (!(top.write_o >> bank & 1)) continue;
        const auto found = expected.find({top.write_row_o[bank], bank});
        if (found == expected.end()) fail("a write to this row and bank", 0, uint64_t(top.write_row_o[bank]) << 8 | bank);
        if (found->second != top.write_data_o[bank]) fail("word written", found->second, top.write_data_o[bank]);
        expected.erase(found);
      }
      edge();
      top.eval();
    }
    if (!expected.empty()) fail("words never written", 0, expected.size());
    if (record != records.size()) fail("records taken", records.size(), record);
    if (top.crc0_o != ~crc[0]) fail("CRC of the first output", ~crc[0], top.crc0_o);
    const uint32_t crc1 = c.output1 ? ~crc[1] : 0;
    if (top.crc1_o != crc1) fail("CRC of the second output", crc1, top.crc1_o);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  static Bench bench;
  bench.seed = std::strtoull(argv[1], nullptr, 10);
  state = bench.seed * 0x9e3779b97f4a7c15ull + 1;
  bench.top.clear_i = 1;
  bench.top.eval();
  bench.edge();
  bench.top.clear_i = 0;
  const int commands = std::atoi(argv[2]);
  for (bench.command_index = 0; bench.command_index < commands; bench.command_index += 1) bench.run(bench.command_index & 1);
  std::printf("{\"cycles\":%" PRIu64 ",\"tiesA\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "],\"tiesB\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64
              "],\"saturated\":%" PRIu64 ",\"limited\":%" PRIu64 ",\"secondOutputs\":%" PRIu64 ",\"tables\":%" PRIu64 "}\n",
              bench.cycles, ties_a[0], ties_a[1], ties_a[2], ties_b[0], ties_b[1], ties_b[2], saturated, limited,
              second_outputs, tables);
  return 0;
}
