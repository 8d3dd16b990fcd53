// Bench of load_taps: random LOADs of expanded windows against the definition of the command (docs/formats/layer-program.md),
// behind a read port that grants bursts and brings beats as it likes.
//
//   bench SEED CASES      prints "cases N steps ..." and ends with 0, or says what differs and ends with 1
//   bench time H W C K S P   prints the cycles of one LOAD of a square kernel behind a memory of 60 cycles
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "Vload_taps_bench.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int kPixels = 8;
constexpr int kInputs = 8;
constexpr int kSourceBytes = 16000;

uint64_t state;
uint32_t below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % limit;
}
int between(int low, int high) { return low + static_cast<int>(below(high - low + 1)); }

struct Load {
  int in_height, in_width, channels, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_left, pad_value;
  int base, pitch;
  int words() const { return (kernel_height * kernel_width * channels + kInputs - 1) / kInputs; }
  int groups() const { return (out_width + kPixels - 1) / kPixels; }
};

void pack(const Load& load, uint32_t* word) {
  memset(word, 0, 64);
  word[0] = 1 | 1 << 10;
  word[2] = load.in_height | load.in_width << 16;
  word[3] = load.channels | load.kernel_height * load.kernel_width * load.channels << 16;
  word[4] = load.base | load.pitch << 16;
  word[6] = load.out_height | load.out_width << 16;
  word[7] = load.kernel_height | load.kernel_width << 8 | load.stride_height << 16 | load.stride_width << 20 | 0x11000000;
  word[8] = load.pad_top | load.pad_left << 8 | (load.pad_value & 255) << 16;
}

Load random_load() {
  for (;;) {
    Load load{};
    const bool tall = below(4) == 0;
    load.channels = below(3) == 0 ? between(1, 40) : between(1, 4);
    load.in_width = below(4) == 0 ? between(1, 200) : between(1, 24);
    load.in_height = tall ? between(20, 90) : between(1, 20);
    load.kernel_height = below(8) == 0 ? between(1, 20) : between(1, 5);
    load.kernel_width = below(8) == 0 ? between(1, 20) : between(1, 5);
    load.stride_height = below(4) == 0 ? between(1, 15) : between(1, 2);
    load.stride_width = below(4) == 0 ? between(1, 15) : between(1, 3);
    load.pad_top = below(8) == 0 ? between(0, 40) : between(0, load.kernel_height);
    load.pad_left = below(8) == 0 ? between(0, 40) : between(0, load.kernel_width);
    load.pad_value = between(-128, 127);
    // Once in a while far more channels, padding or columns than a picture has.
    if (below(10) == 0) {
      load.channels = between(41, 1500);
      load.in_width = between(1, 4);
      load.kernel_height = load.kernel_width = between(1, 2);
    }
    const bool far = below(10) == 0;
    if (far) load.pad_left = between(100, 255);
    // Windows may begin well behind the right and the lower edge.
    load.out_width = between(1, (load.in_width + load.pad_left) / load.stride_width + (far ? between(1, 300) : between(1, 12)));
    load.out_height = between(1, (load.in_height + load.pad_top) / load.stride_height + between(1, 4));
    if (load.kernel_height * load.in_width * load.channels > kSourceBytes) continue;
    if (load.kernel_height * load.kernel_width * load.channels > 65535) continue;
    load.pitch = load.words() + (below(3) == 0 ? between(0, 5) : 0);
    load.base = between(0, 50);
    const int64_t rows = static_cast<int64_t>(load.out_height) * load.groups() * load.pitch;
    if (load.base + rows > 24000 || rows * kPixels > 60000) continue;
    return load;
  }
}

/// The read port and what it still owes; bursts end at 256 bytes and are asked for only with room for them.
struct Port {
  uint32_t left = 0, address = 0, flying = 0;
  std::deque<uint64_t> due;
};

struct Result {
  bool fine;
  uint64_t cycles;
};

class Bench {
 public:
  Bench() {
    top.clk_i = 0;
    top.clear_i = 1;
    top.start_i = top.beat_i = 0;
    tick();
    top.clear_i = 0;
  }

  /// @param moody 0: a beat every cycle; else bursts and beats come as they like. @param abort_at clears in that cycle
  Result run(const Load& load, uint32_t moody, uint64_t abort_at = UINT64_MAX, uint32_t latency = 60) {
    std::vector<uint8_t> source((load.in_height * load.in_width * load.channels + 15) / 16 * 16);
    for (uint8_t& byte : source) byte = below(256);
    std::map<std::pair<int, int>, uint64_t> written;
    Port port;
    pack(load, &top.command_i[0]);
    top.start_i = 1;
    uint64_t cycle = 0;
    uint32_t arrived = 0;
    const uint64_t limit = 200000 + source.size() * 40;
    for (; cycle < limit; cycle += 1) {
      top.beat_i = !port.due.empty() && port.due.front() <= cycle && (moody == 0 || below(moody) != 0);
      if (top.beat_i) memcpy(&top.data_i, source.data() + 16 * arrived, 16);
      else for (int word = 0; word < 4; word += 1) top.data_i[word] = below(UINT32_MAX);
      top.clear_i = cycle == abort_at;
      top.eval();
      const uint32_t burst = port.left < 16 - port.address % 16 ? port.left : 16 - port.address % 16;
      const bool issue = port.left != 0 && top.free_o >= port.flying + burst && (moody == 0 || below(3) != 0);
      if (top.job_start_o) {
        if (port.left != 0 || top.beats_o * 16 != source.size()) return fail(load, "the job's size", top.beats_o, source.size() / 16);
        port.left = top.beats_o;
      } else if (issue) {
        for (uint32_t beat = 0; beat < burst; beat += 1) port.due.push_back(cycle + latency + beat);
        port.left -= burst;
        port.address += burst;
        port.flying += burst;
      }
      if (top.beat_i) {
        port.due.pop_front();
        port.flying -= 1;
        arrived += 1;
      }
      for (int bank = 0; bank < kPixels; bank += 1) {
        if ((top.write_o >> bank & 1) == 0) continue;
        uint64_t word;
        memcpy(&word, reinterpret_cast<const uint8_t*>(&top.write_data_o) + 8 * bank, 8);
        if (!written.insert({{bank, top.write_row_o}, word}).second) return fail(load, "written twice, row", top.write_row_o, bank);
      }
      const bool done = cycle > 0 && !top.busy_o;
      tick();
      top.start_i = 0;
      if (cycle == abort_at) {
        top.clear_i = 0;
        top.beat_i = 0;
        for (int quiet = 0; quiet < 20; quiet += 1) {
          top.eval();
          if (top.busy_o || (top.write_o != 0 && quiet > 0)) return fail(load, "still busy after a clear", quiet, 0);
          tick();
        }
        return {true, cycle};
      }
      if (done) break;
    }
    if (cycle == limit) return fail(load, "no end, words", written.size(), 0);
    if (arrived * 16 != source.size()) return fail(load, "beats not waited for", arrived, source.size() / 16);
    return {compare(load, source, written), cycle};
  }

 private:
  VerilatedContext context;
  Vload_taps_bench top{&context};

  void tick() {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }

  static Result fail(const Load& load, const char* what, uint64_t found, uint64_t expected) {
    printf("%s: found %llu, expected %llu\n", what, static_cast<unsigned long long>(found), static_cast<unsigned long long>(expected));
    describe(load);
    return {false, 0};
  }

  static void describe(const Load& load) {
    printf("  in %d x %d x %d, out %d x %d, kernel %d x %d, stride %d x %d, padding %d, %d, value %d, base %d, pitch %d\n",
           load.in_height, load.in_width, load.channels, load.out_height, load.out_width, load.kernel_height,
           load.kernel_width, load.stride_height, load.stride_width, load.pad_top, load.pad_left, load.pad_value, load.base,
           load.pitch);
  }

  /// Every word of every pixel by the definition, and no other.
  static bool compare(const Load& load, const std::vector<uint8_t>& source,
                      const std::map<std::pair<int, int>, uint64_t>& written) {
    size_t words = 0;
    for (int y = 0; y < load.out_height; y += 1) {
      for (int x = 0; x < load.out_width; x += 1) {
        std::vector<uint8_t> channels(load.words() * kInputs, 0);
        size_t at = 0;
        for (int ky = 0; ky < load.kernel_height; ky += 1) {
          for (int kx = 0; kx < load.kernel_width; kx += 1) {
            const int row = y * load.stride_height - load.pad_top + ky;
            const int column = x * load.stride_width - load.pad_left + kx;
            const bool inside = row >= 0 && row < load.in_height && column >= 0 && column < load.in_width;
            for (int channel = 0; channel < load.channels; channel += 1) {
              channels[at++] = inside ? source[(row * load.in_width + column) * load.channels + channel] : load.pad_value;
            }
          }
        }
        for (int word = 0; word < load.words(); word += 1, words += 1) {
          const int row = load.base + (y * load.groups() + x / kPixels) * load.pitch + word;
          uint64_t expected;
          memcpy(&expected, channels.data() + 8 * word, 8);
          const auto found = written.find({x % kPixels, row});
          if (found != written.end() && found->second == expected) continue;
          printf("pixel %d, %d word %d: expected %016llx, %s %016llx\n", y, x, word, static_cast<unsigned long long>(expected),
                 found == written.end() ? "never written" : "found",
                 static_cast<unsigned long long>(found == written.end() ? 0 : found->second));
          describe(load);
          return false;
        }
      }
    }
    if (words == written.size()) return true;
    printf("%zu words written, expected %zu\n", written.size(), words);
    describe(load);
    return false;
  }
};

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  if (argc == 8 && strcmp(argv[1], "time") == 0) {
    state = 1;
    Load load{};
    const int kernel = atoi(argv[5]), stride = atoi(argv[6]), padding = atoi(argv[7]);
    load.in_height = atoi(argv[2]);
    load.in_width = atoi(argv[3]);
    load.channels = atoi(argv[4]);
    load.kernel_height = load.kernel_width = kernel;
    load.stride_height = load.stride_width = stride;
    load.pad_top = load.pad_left = padding;
    load.out_height = (load.in_height + stride - 1) / stride;
    load.out_width = (load.in_width + stride - 1) / stride;
    load.pitch = load.words();
    const Result result = bench.run(load, 0);
    printf("cycles %llu\n", static_cast<unsigned long long>(result.cycles));
    return result.fine ? 0 : 1;
  }
  if (argc != 3) return 2;
  state = 0x9e3779b97f4a7c15ull * (strtoull(argv[1], nullptr, 10) + 1);
  const int cases = atoi(argv[2]);
  uint64_t cycles = 0;
  for (int index = 0; index < cases; index += 1) {
    const Load load = random_load();
    const uint32_t moody = below(3) == 0 ? 0 : between(2, 6);
    // Some are cut short: the next one must not notice.
    const uint64_t abort_at = below(10) == 0 ? below(3000) : UINT64_MAX;
    const Result result = bench.run(load, moody, abort_at, between(1, 90));
    if (!result.fine) {
      printf("case %d of seed %s\n", index, argv[1]);
      return 1;
    }
    cycles += result.cycles;
  }
  printf("cases %d cycles %llu\n", cases, static_cast<unsigned long long>(cycles));
  return 0;
}
