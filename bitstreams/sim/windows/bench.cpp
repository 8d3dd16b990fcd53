// Bench of window_walker, window_fetch and activation_memory: every step of random compute commands, its weight line and the
// operands it leads to, against loops written down from the command's definition (docs/formats/layer-program.md).
//
//   bench SEED CASES     prints "cases N steps N" and ends with 0, or says what differs and ends with 1
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vwindows_bench.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int kPixels = 8, kInputs = 8, kTileWords = 2, kRows = 6000, kLatency = 9, kReadLatency = 4;
enum Opcode { kConv = 16, kDepthwise = 17, kPool = 18, kAdd = 19 };

uint64_t state;
uint32_t below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % limit;
}
int between(int low, int high) { return low + static_cast<int>(below(high - low + 1)); }

struct Command {
  int opcode;
  int in_height, in_width, in_channels, out_height, out_width, out_channels;
  int kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width;
  int pad_top, pad_left, pad_value;
  int base, pitch, base1, pitch1;
};

int words_of(int channels) { return (channels + kInputs - 1) / kInputs; }
int groups_of(int width) { return (width + kPixels - 1) / kPixels; }

/// What one step asks for, and what must arrive because of it.
struct Step {
  bool first, last, tile_first, tile_last, second;
  int tile_word, line, columns;
  uint8_t active, inside;
  uint8_t codes[kPixels][kInputs];
};

class Memory {
 public:
  uint64_t words[kRows][kPixels];
  uint8_t code(int row, int bank, int lane) const { return words[row][bank] >> (8 * lane); }
};

int passes_of(const Command& command) {
  if (command.opcode == kAdd) return 1;
  const int stride = command.stride_width;
  return stride == 1 || stride == 2 || stride == 4 ? stride : kPixels;
}

std::vector<Step> steps_of(const Command& command, const Memory& memory) {
  const bool add = command.opcode == kAdd, dense = command.opcode == kConv;
  const int passes = passes_of(command), out_words = words_of(command.out_channels), in_words = words_of(command.in_channels);
  const int stride_x = add ? 1 : command.stride_width, stride_y = add ? 1 : command.stride_height;
  std::vector<Step> steps;
  for (int tile = 0; tile < out_words; tile += kTileWords) {
    bool tile_first = true;
    for (int oy = 0; oy < command.out_height; oy += 1) {
      for (int block = 0; block < command.out_width; block += kPixels) {
        const size_t begin = steps.size();
        int line = 0;
        for (int ky = 0; ky < (add ? 1 : command.kernel_height); ky += 1) {
          for (int kx = 0; kx < (add ? 2 : command.kernel_width); kx += 1) {
            const int word_begin = dense ? 0 : tile;
            const int word_end = dense ? in_words : tile + kTileWords < out_words ? tile + kTileWords : out_words;
            for (int word = word_begin; word < word_end; word += 1, line += 1) {
              for (int pass = 0; pass < passes; pass += 1) {
                Step step{};
                step.first = steps.size() == begin;
                step.tile_first = tile_first;
                step.second = add && kx == 1;
                step.tile_word = word - tile;
                step.line = line;
                step.columns = command.out_width - block < kPixels ? command.out_width - block : kPixels;
                const int base = step.second ? command.base1 : command.base, pitch = step.second ? command.pitch1 : command.pitch;
                for (int pixel = 0; pixel < kPixels; pixel += 1) {
                  if (pixel / (kPixels / passes) != pass) continue;
                  step.active |= 1 << pixel;
                  const int y = oy * stride_y + (add ? 0 : ky * command.dilation_height - command.pad_top);
                  const int x = (block + pixel) * stride_x + (add ? 0 : kx * command.dilation_width - command.pad_left);
                  const bool inside = y >= 0 && y < command.in_height && x >= 0 && x < command.in_width;
                  if (inside) step.inside |= 1 << pixel;
                  for (int lane = 0; lane < kInputs; lane += 1) {
                    const int row = base + (y * groups_of(command.in_width) + x / kPixels) * pitch + word;
                    step.codes[pixel][lane] = word * kInputs + lane >= command.in_channels ? 0
                        : inside ? memory.code(row, x % kPixels, lane) : static_cast<uint8_t>(command.pad_value);
                  }
                }
                steps.push_back(step);
              }
            }
          }
        }
        steps.back().last = true;
        tile_first = false;
      }
    }
    steps.back().tile_last = true;
  }
  return steps;
}

void pack(const Command& command, uint32_t* word) {
  memset(word, 0, 64);
  word[0] = command.opcode;
  word[1] = command.base | command.pitch << 16;
  word[2] = command.in_height | command.in_width << 16;
  word[3] = command.in_channels | command.out_channels << 16;
  word[6] = command.out_height | command.out_width << 16;
  if (command.opcode == kAdd) {
    word[9] = command.base1 | command.pitch1 << 16;
    return;
  }
  word[7] = command.kernel_height | command.kernel_width << 8 | command.stride_height << 16 | command.stride_width << 20 |
            command.dilation_height << 24 | command.dilation_width << 28;
  word[8] = command.pad_top | command.pad_left << 8 | (command.pad_value & 255) << 16;
}

Command random_command() {
  for (;;) {
    Command command{};
    command.opcode = kConv + below(4);
    command.in_height = between(1, 9);
    command.in_width = below(4) == 0 ? between(1, 40) : between(1, 20);
    command.in_channels = below(3) == 0 ? between(1, 70) : between(1, 20);
    command.out_channels = command.opcode == kConv ? between(1, 40) : command.in_channels;
    command.kernel_height = between(1, 3);
    command.kernel_width = between(1, 4);
    command.stride_height = below(4) == 0 ? between(1, 15) : between(1, 2);
    command.stride_width = below(3) == 0 ? between(1, 15) : 1 << below(3);
    command.dilation_height = below(3) == 0 ? between(1, 15) : 1;
    command.dilation_width = below(3) == 0 ? between(1, 15) : 1;
    command.pad_top = between(0, 3);
    command.pad_left = below(6) == 0 ? between(0, 255) : between(0, 4);
    command.pad_value = between(-128, 127);
    command.out_height = between(1, 5);
    command.out_width = between(1, 30);
    if (command.opcode == kAdd) {
      command.out_height = command.in_height;
      command.out_width = command.in_width;
      command.pad_value = 0;
    }
    command.pitch = words_of(command.in_channels) + below(3);
    command.pitch1 = words_of(command.in_channels) + below(3);
    const int groups = command.in_height * groups_of(command.in_width);
    const int spare = kRows - groups * (command.pitch > command.pitch1 ? command.pitch : command.pitch1);
    if (spare <= 0) continue;
    command.base = below(spare);
    command.base1 = below(spare);
    const int64_t reads = static_cast<int64_t>(command.kernel_height) * command.kernel_width * passes_of(command) *
                          words_of(command.in_channels) * command.out_height * groups_of(command.out_width);
    if (reads * ((words_of(command.out_channels) + 1) / 2) <= 6000) return command;
  }
}

class Bench {
 public:
  Bench() {
    for (auto& row : memory.words) {
      for (uint64_t& word : row) word = static_cast<uint64_t>(below(1u << 31)) << 33 ^ static_cast<uint64_t>(below(1u << 31)) << 11 ^ below(2048);
    }
    top.clk_i = 0;
    top.clear_i = 1;
    top.start_i = top.store_active_i = 0;
    top.write_i = 0;
    tick();
    top.clear_i = 0;
    top.write_i = 255;
    for (int row = 0; row < kRows; row += 1) {
      top.write_row_i = row;
      memcpy(&top.write_data_i, memory.words[row], 64);
      tick();
    }
    top.write_i = 0;
  }

  uint64_t steps_seen = 0;

  bool run(const Command& command) {
    const std::vector<Step> steps = steps_of(command, memory);
    const bool weighted = command.opcode == kConv || command.opcode == kDepthwise;
    const int beats = between(1, 8), moody = below(3) == 0 ? 0 : between(2, 5);
    pack(command, &top.command_i[0]);
    top.block_beats_i = beats;
    top.line_available_i = top.parameters_ready_i = 0;
    for (int settle = 0; settle < 4; settle += 1) tick();
    top.start_i = 1;
    tick();
    top.start_i = 0;
    std::deque<uint64_t> due;
    size_t taken = 0, arrived = 0;
    uint64_t last_block = 0;
    bool any_block = false;
    for (uint64_t cycle = 0; arrived < steps.size(); cycle += 1) {
      if (cycle > steps.size() * 60 + 1000) return fail(command, "no end", taken, steps.size());
      top.line_available_i = moody == 0 || below(moody) != 0;
      top.parameters_ready_i = moody == 0 || below(moody) != 0;
      top.eval();
      if ((top.busy_o != 0) != (taken < steps.size())) return fail(command, "busy", top.busy_o, taken);
      if (top.starved_o != (top.busy_o && weighted && !top.line_available_i)) return fail(command, "starved", top.starved_o, taken);
      if (top.step_o) {
        const Step& step = steps[taken];
        const bool waits = step.last && ((any_block && cycle - last_block < static_cast<uint64_t>(beats)) || (step.tile_first && !top.parameters_ready_i));
        if (waits || (weighted && !top.line_available_i)) return fail(command, "a step too early", taken, steps.size());
        if (top.step_last_o != step.last || top.step_tile_first_o != step.tile_first) return fail(command, "the step's flags", taken, steps.size());
        if (top.line_o != step.line) return fail(command, "line", top.line_o, step.line);
        if (top.release_o != (weighted && step.tile_last)) return fail(command, "release", top.release_o, taken);
        if (top.release_o && top.release_lines_o != step.line + 1) return fail(command, "lines released", top.release_lines_o, step.line + 1);
        if (step.last) {
          last_block = cycle;
          any_block = true;
        }
        due.push_back(cycle + kLatency);
        taken += 1;
      } else if (top.release_o) {
        return fail(command, "release without a step", taken, 0);
      } else if (moody == 0 && taken < steps.size() && !steps[taken].last) {
        return fail(command, "a lost cycle", taken, steps.size());
      }
      if ((top.valid_o != 0) != (!due.empty() && due.front() == cycle)) return fail(command, "operands in this cycle", top.valid_o, arrived);
      if (top.valid_o) {
        due.pop_front();
        if (!operands(command, steps[arrived], arrived)) return false;
        arrived += 1;
      }
      tick();
    }
    steps_seen += steps.size();
    return true;
  }

  /// STORE reads any row, all banks at once.
  bool store() {
    top.store_active_i = 1;
    std::deque<int> asked;
    for (int read = 0; read < 40; read += 1) {
      top.store_row_i = below(kRows);
      top.eval();
      asked.push_back(top.store_row_i);
      if (read >= kReadLatency) {
        if (memcmp(&top.read_data_o, memory.words[asked.front()], 64) != 0) {
          printf("row %d reads as something else\n", asked.front());
          return false;
        }
        asked.pop_front();
      }
      tick();
    }
    top.store_active_i = 0;
    return true;
  }

 private:
  VerilatedContext context;
  Vwindows_bench top{&context};
  Memory memory;

  void tick() {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }

  bool operands(const Command& command, const Step& step, size_t index) {
    if (top.first_o != step.first || top.last_o != step.last) return fail(command, "first or last of its block, step", index, 0);
    if (top.tile_first_o != step.tile_first || top.second_o != step.second) return fail(command, "tile or second, step", index, 0);
    if (command.opcode != kConv && top.tile_word_o != step.tile_word) return fail(command, "word of the tile", top.tile_word_o, step.tile_word);
    if (top.columns_o != step.columns) return fail(command, "columns", top.columns_o, step.columns);
    if (top.active_o != step.active) return fail(command, "active pixels", top.active_o, step.active);
    if (top.inside_o != step.inside) return fail(command, "pixels inside", top.inside_o, step.inside);
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(&top.codes_o);
    for (int pixel = 0; pixel < kPixels; pixel += 1) {
      for (int lane = 0; lane < kInputs; lane += 1) {
        if (codes[pixel * kInputs + lane] == step.codes[pixel][lane]) continue;
        printf("step %zu pixel %d lane %d\n", index, pixel, lane);
        return fail(command, "code", codes[pixel * kInputs + lane], step.codes[pixel][lane]);
      }
    }
    return true;
  }

  static bool fail(const Command& command, const char* what, uint64_t found, uint64_t expected) {
    printf("%s: found %llu, expected %llu\n", what, static_cast<unsigned long long>(found), static_cast<unsigned long long>(expected));
    printf("  opcode %d, in %d x %d x %d, out %d x %d x %d, kernel %d x %d, stride %d x %d, dilation %d x %d, padding %d, %d\n",
           command.opcode, command.in_height, command.in_width, command.in_channels, command.out_height, command.out_width,
           command.out_channels, command.kernel_height, command.kernel_width, command.stride_height, command.stride_width,
           command.dilation_height, command.dilation_width, command.pad_top, command.pad_left);
    return false;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  state = 0x9e3779b97f4a7c15ull * (strtoull(argv[1], nullptr, 10) + 1);
  Bench bench;
  const int cases = atoi(argv[2]);
  for (int index = 0; index < cases; index += 1) {
    const bool fine = below(10) == 0 ? bench.store() : bench.run(random_command());
    if (!fine) {
      printf("case %d of seed %s\n", index, argv[1]);
      return 1;
    }
  }
  printf("cases %d steps %llu\n", cases, static_cast<unsigned long long>(bench.steps_seen));
  return 0;
}
