// Feeds one record a cycle from stdin (valid, first, 2 bytes of nothing, codes, line, a, b) and writes what the outputs
// show before the clock edge (accumulators, product).
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vdsp_forms.h"

int main() {
  Vdsp_forms top;
  uint8_t in[4 + 16 + 32 + 4 + 4];
  while (std::fread(in, 1, sizeof in, stdin) == sizeof in) {
    top.valid_i = in[0];
    top.first_i = in[1];
    std::memcpy(&top.codes_i, in + 4, 16);
    std::memcpy(&top.line_i, in + 20, 32);
    std::memcpy(&top.a_i, in + 52, 4);
    std::memcpy(&top.b_i, in + 56, 4);
    top.clk_i = 0;
    top.eval();
    std::fwrite(&top.acc_o, 1, 32, stdout);
    std::fwrite(&top.product_o, 1, 8, stdout);
    top.clk_i = 1;
    top.eval();
  }
}
