// Bench of the weight tile buffer: layers of random shapes one behind the other, rows that come when they like, and an array
// that replays every tile a few times and steps when it likes. Every line the array asks for is compared with one that the
// format's rule gives (docs/formats/layer-program.md: demand order; weight_lines.sv: what a line holds).
//
//   bench SEED LAYERS     prints a summary; one line and exit 1 at the first thing wrong
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vweight_buffer.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {
constexpr uint32_t kInputs = 8, kOutputs = 16, kReadDelay = 8;
using Row = std::array<uint8_t, kOutputs>;
using Line = std::array<uint8_t, kInputs * kOutputs>;

uint32_t state = 1;
uint32_t random_word() {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state >> 3;
}
uint32_t between(uint32_t low, uint32_t high) { return low + random_word() % (high - low + 1); }

struct Layer {
  bool depthwise;
  uint32_t inputs, outputs, height, width;
  std::vector<Row> rows;
};

/// The lines of every tile of a layer, and its rows with rubbish where a tile is narrower than a row.
std::vector<std::vector<Line>> lines_of(Layer& layer) {
  std::vector<std::vector<Line>> tiles;
  for (uint32_t first = 0; first < layer.outputs; first += kOutputs) {
    const uint32_t width = layer.outputs - first < kOutputs ? layer.outputs - first : kOutputs;
    std::vector<Line> lines;
    for (uint32_t tap = 0; tap < layer.height * layer.width; tap += 1) {
      for (uint32_t input = 0; input < (layer.depthwise ? 1 : layer.inputs); input += 1) {
        Row row;
        for (uint8_t& weight : row) weight = random_word();
        layer.rows.push_back(row);
        if (layer.depthwise) {
          for (uint32_t word = 0; word * kInputs < width; word += 1) {
            Line line{};
            for (uint32_t lane = 0; lane < kInputs; lane += 1) {
              const uint32_t channel = word * kInputs + lane;
              if (channel < width) line[lane * kOutputs + channel] = row[channel];
            }
            lines.push_back(line);
          }
          continue;
        }
        if (input % kInputs == 0) lines.push_back(Line{});
        for (uint32_t channel = 0; channel < width; channel += 1) {
          lines.back()[input % kInputs * kOutputs + channel] = row[channel];
        }
      }
    }
    tiles.push_back(lines);
  }
  return tiles;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const uint32_t seed = strtoul(argv[1], nullptr, 10), count = strtoul(argv[2], nullptr, 10);
  state = seed ? seed : 1;
  std::vector<Layer> layers;
  std::deque<std::vector<Line>> tiles;
  size_t lines = 0;
  while (layers.size() < count) {
    Layer layer{between(0, 2) == 0, between(1, 24), between(1, 3) == 1 ? between(1, 7) : between(1, 50), between(1, 3), between(1, 3), {}};
    for (const std::vector<Line>& tile : lines_of(layer)) {
      tiles.push_back(tile);
      lines += tile.size();
    }
    layers.push_back(layer);
  }

  VerilatedContext context;
  Vweight_buffer top{&context};
  auto tick = [&] {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  };
  top.start_i = top.valid_i = top.release_i = top.index_i = 0;
  top.clear_i = 1;
  tick();
  tick();
  top.clear_i = 0;

  uint64_t now = 0;
  auto fail = [&](const char* what) {
    printf("cycle %llu: %s\n", (unsigned long long)now, what);
    exit(1);
  };
  size_t layer = 0, row = 0, asked = 0;
  uint32_t index = 0, replay = between(1, 3), pace = 0, patience = 0, wait = 0;
  bool running = false;
  std::deque<std::pair<uint64_t, Line>> due;
  while (!tiles.empty() || !due.empty()) {
    // Moods change: a slow writer, a slow reader, both at full speed.
    if (now % 256 == 0) {
      pace = between(0, 3);
      patience = between(0, 3);
    }
    top.start_i = 0;
    if (!running && layer < layers.size() && wait-- == 0) {
      top.start_i = 1;
      top.depthwise_i = layers[layer].depthwise;
      top.in_channels_i = layers[layer].inputs;
      top.out_channels_i = layers[layer].outputs;
      top.kernel_height_i = layers[layer].height;
      top.kernel_width_i = layers[layer].width;
    }
    top.valid_i = running && row < layers[layer].rows.size() && random_word() % 4 >= pace;
    if (top.valid_i) memcpy(&top.row_i, layers[layer].rows[row].data(), kOutputs);
    top.index_i = index;
    top.release_i = 0;
    top.eval();
    const bool step = !tiles.empty() && top.available_o && random_word() % 4 >= patience;
    if (step) {
      const bool end = index + 1 == tiles.front().size();
      due.push_back({now + kReadDelay, tiles.front()[index]});
      asked += 1;
      top.release_i = end && replay == 1;
      top.release_lines_i = index + 1;
      top.eval();
      index = end ? 0 : index + 1;
      if (end && --replay == 0) {
        tiles.pop_front();
        replay = between(1, 3);
      }
    }
    if (!due.empty() && due.front().first == now) {
      if (memcmp(&top.line_o, due.front().second.data(), kInputs * kOutputs) != 0) fail("a wrong line");
      due.pop_front();
    }
    const bool taken = top.valid_i && top.ready_o;
    if (taken && bool(top.last_row_o) != (row + 1 == layers[layer].rows.size())) fail("last_row_o on another row");
    const bool started = top.start_i;
    tick();
    now += 1;
    if (started) running = true;
    if (taken && ++row == layers[layer].rows.size()) {
      running = false;
      row = 0;
      layer += 1;
      wait = between(0, 5);
      if (top.busy_o) fail("busy behind the last row");
    }
    if (now > 4000000) fail("the layers do not end");
  }
  printf("%zu lines of %u layers, asked for %zu times in %llu cycles\n", lines, count, asked, (unsigned long long)now);
  return 0;
}
