// Feeds one record a cycle from stdin (12 bytes of bits, clear, enable) and writes the parity shown before the clock edge.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vdsp_parity.h"

int main() {
  Vdsp_parity top;
  uint8_t in[14];
  while (std::fread(in, 1, sizeof in, stdin) == sizeof in) {
    std::memcpy(&top.bits_i, in, 12);
    top.clear_i = in[12];
    top.enable_i = in[13];
    top.clk_i = 0;
    top.eval();
    std::fwrite(&top.parity_o, 1, 1, stdout);
    top.clk_i = 1;
    top.eval();
  }
}
