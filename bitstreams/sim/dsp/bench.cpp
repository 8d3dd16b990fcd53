// Feeds one record a cycle from stdin and writes what the outputs show before the clock edge (accumulators, product,
// whether its low bits are zero, the pair of sums, the final sum). The first record has what stays constant: factor, terms.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vdsp_forms.h"

struct __attribute__((packed)) Record {
  uint8_t valid, first, less, half, keep, own, shared, unused;
  uint8_t codes[16];
  uint8_t line[32];
  int64_t a;
  int32_t b, acc, sum, addend0, addend1, value;
};

int main() {
  Vdsp_forms top;
  uint32_t constants[2];
  if (std::fread(constants, 1, sizeof constants, stdin) != sizeof constants) return 1;
  top.factor_i = constants[0] & 0x1ff;
  top.terms_i = constants[1] & 7;
  Record in;
  while (std::fread(&in, 1, sizeof in, stdin) == sizeof in) {
    top.valid_i = in.valid;
    top.first_i = in.first;
    top.less_i = in.less;
    top.half_i = in.half;
    top.keep_i = in.keep;
    top.own_i = in.own;
    top.shared_i = in.shared;
    std::memcpy(&top.codes_i, in.codes, 16);
    std::memcpy(&top.line_i, in.line, 32);
    top.a_i = in.a & 0xfffffffffff;
    top.b_i = in.b;
    top.acc_i = in.acc;
    top.sum_i = in.sum & 0xffffff;
    top.addend0_i = in.addend0;
    top.addend1_i = in.addend1;
    top.value_i = in.value & 0x7ff;
    top.clk_i = 0;
    top.eval();
    std::fwrite(&top.acc_o, 1, 32, stdout);
    const uint64_t product = top.product_o | (uint64_t)top.low_zero_o << 63;
    std::fwrite(&product, 1, 8, stdout);
    const uint32_t sums[3] = {top.sum_a_o, top.sum_b_o, top.sum_o};
    std::fwrite(sums, 1, 12, stdout);
    top.clk_i = 1;
    top.eval();
  }
}
