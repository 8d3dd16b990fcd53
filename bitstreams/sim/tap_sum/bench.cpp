// Feeds one record a cycle from stdin (row, corner, c2, top, c1, left, c0 as bytes, one byte of nothing, constant as 16 bits)
// and writes the sum shown before the clock edge.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vtap_sum.h"

int main() {
  Vtap_sum top;
  uint8_t in[10];
  while (std::fread(in, 1, sizeof in, stdin) == sizeof in) {
    top.row_i = in[0];
    top.corner_i = in[1];
    top.c2_i = in[2] & 63;
    top.top_i = in[3];
    top.c1_i = in[4] & 63;
    top.left_i = in[5];
    top.c0_i = in[6] & 63;
    std::memcpy(&top.constant_i, in + 8, 2);
    top.clk_i = 0;
    top.eval();
    std::fwrite(&top.sum_o, 1, 1, stdout);
    top.clk_i = 1;
    top.eval();
  }
}
