// Bench of the command check: reads cases of 17 words of 32 bits (is it the last command of the program, then the command)
// from stdin, writes the error code of each as a word; 255 when no answer comes within 32 cycles.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vcheck_words.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

int main() {
  VerilatedContext context;
  Vcheck_words top{&context};
  auto tick = [&] {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  };
  top.start_i = 0;
  top.clear_i = 1;
  tick();
  top.clear_i = 0;
  uint32_t words[17];
  while (fread(words, sizeof words, 1, stdin) == 1) {
    top.final_i = words[0];
    memcpy(&top.words_i, words + 1, 64);
    for (int cycle = 0; cycle < 3; cycle += 1) tick();
    top.start_i = 1;
    tick();
    top.start_i = 0;
    uint32_t code = 255;
    for (int cycle = 0; cycle < 32; cycle += 1) {
      if (top.done_o) {
        code = top.error_o;
        break;
      }
      tick();
    }
    fwrite(&code, 4, 1, stdout);
    tick();
  }
  return 0;
}
