// Bench of the window sums: random steps of every kind of command, with gaps, against plain loops.
//
//   bench SEED COMMANDS
//
// What the outputs show is compared 13 cycles after every step. Ends with 0, or with 1 and the first difference.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vwindow_sum_bench.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int kLatency = 13;
enum Operation { kConv, kDepthwise, kMax, kAverage, kAdd };

uint64_t state;
uint64_t next_random() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
int below(int limit) { return int(next_random() % uint64_t(limit)); }

struct Results {
  int32_t sum[8][16];
  int8_t code[8][16];
  bool sum_known[8][16], code_known[8][16];
};

struct Bench {
  VerilatedContext context;
  Vwindow_sum_bench top{&context};
  Results now{};
  std::deque<Results> past;
  uint64_t seed = 0, cycles = 0;
  int command = 0, operation = 0;

  void fail(const char* what, int pixel, int channel, int expected, int found) {
    std::fprintf(stderr, "seed %" PRIu64 ", command %d (operation %d), cycle %" PRIu64 ", pixel %d, channel %d: %s: expected %d, found %d\n",
                 seed, command, operation, cycles, pixel, channel, what, expected, found);
    std::exit(1);
  }

  void cycle() {
    top.clk_i = 0;
    top.eval();
    if (past.size() == kLatency + 1) {
      const Results& then = past.front();
      for (int pixel = 0; pixel < 8; pixel += 1) {
        for (int channel = 0; channel < 16; channel += 1) {
          const int sum = int32_t(top.sum_o[pixel][channel] << 8) >> 8, code = int8_t(top.code_o[pixel][channel]);
          if (then.sum_known[pixel][channel] && sum != then.sum[pixel][channel]) fail("sum", pixel, channel, then.sum[pixel][channel], sum);
          if (then.code_known[pixel][channel] && code != then.code[pixel][channel]) fail("code", pixel, channel, then.code[pixel][channel], code);
        }
      }
      past.pop_front();
    }
    top.clk_i = 1;
    top.eval();
    cycles += 1;
  }

  int code_at(int pixel, int lane) { return int8_t(top.codes_i[pixel] >> (8 * lane)); }

  void step(bool valid, bool first, bool second, int word) {
    top.valid_i = valid;
    top.first_i = first;
    top.second_i = second;
    top.tile_word_i = word;
    top.active_i = below(3) == 0 ? next_random() & 255 : 255;
    top.inside_i = below(2) == 0 ? next_random() & 255 : 255;
    const int kind = below(4);
    for (auto& codes : top.codes_i) {
      codes = kind == 0 ? 0x8080808080808080ull : kind == 1 ? 0x7f807f7f80807f80ull : next_random();
    }
    for (int pixel = 0; valid && pixel < 8; pixel += 1) {
      const bool active = top.active_i >> pixel & 1, inside = top.inside_i >> pixel & 1;
      int total = 0;
      for (int lane = 0; lane < 8; lane += 1) total += code_at(pixel, lane);
      for (int channel = 0; channel < 16; channel += 1) {
        const bool mine = channel / 8 == word;
        const int code = code_at(pixel, channel % 8);
        int32_t& sum = now.sum[pixel][channel];
        int8_t& kept = now.code[pixel][channel];
        if (operation == kAdd) {
          if (!mine) continue;
          // Pixels that are not active lie beyond the row.
          if (second) {
            kept = int8_t(code);
            now.code_known[pixel][channel] = active;
          } else {
            sum = code;
            now.sum_known[pixel][channel] = active;
          }
        } else if (operation == kMax) {
          if (first) kept = -128;
          if (mine && active && code > kept) kept = int8_t(code);
          if (first) now.code_known[pixel][channel] = true;
        } else {
          if (first) sum = 0;
          if (operation == kConv) sum += total;
          else if (mine && active && (inside || operation != kAverage)) sum += code;
          if (first) now.sum_known[pixel][channel] = true;
        }
      }
    }
    past.push_back(now);
    cycle();
  }

  void run() {
    // The kind of command changes only while no step is on its way.
    for (int at = 0; at < kLatency + 2; at += 1) step(false, false, false, 0);
    operation = below(5);
    top.operation_i = operation;
    std::memset(now.sum_known, 0, sizeof now.sum_known);
    std::memset(now.code_known, 0, sizeof now.code_known);
    for (int at = 0; at < kLatency + 2; at += 1) step(false, false, false, 0);
    const int words = 1 + below(2), blocks = 1 + below(6);
    for (int block = 0; block < blocks; block += 1) {
      const int steps = operation == kAdd ? 2 : 1 + below(9);
      for (int at = 0; at < steps; at += 1) {
        for (int word = 0; word < words; word += 1) {
          while (below(4) == 0) step(false, below(2), below(2), below(2));
          step(true, at == 0 && word == 0, operation == kAdd && at == 1, word);
        }
      }
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  static Bench bench;
  bench.seed = std::strtoull(argv[1], nullptr, 10);
  state = bench.seed * 0x9e3779b97f4a7c15ull + 1;
  const int commands = std::atoi(argv[2]);
  for (bench.command = 0; bench.command < commands; bench.command += 1) bench.run();
  std::printf("%" PRIu64 " cycles\n", bench.cycles);
  return 0;
}
