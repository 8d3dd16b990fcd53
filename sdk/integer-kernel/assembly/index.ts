// Integer convolution of the reference, for AssemblyScript (WebAssembly SIMD): the loops of sdk/src/reference/
// convolution.ts, four pixels by eight outputs at a time, on plain int32. Pointers are byte addresses in one imported
// memory; nothing is allocated here.

/**
 * out[p][o] = (sum over runs r and j < length of
 *              input[offsets[p] + runs[r] + 4 j] * weights[panel(o)][r * length + j][o mod 8]) * 2^shift + bias[o]
 *
 * Sums wrap at 32 bits; graph validation has proven that they do not reach that far. The last block of pixels repeats
 * its last one and stores it again.
 *
 * @param input    int32, zero point removed, border included
 * @param offsets  int32 per pixel: byte offset of its window's corner
 * @param runs     int32 per contiguous stretch of a window: byte offset from the corner
 * @param weights  int32, panels of 8 outputs, each [runCount * length][8], zero where there is no output
 * @param bias     int32, 8 per panel
 * @param output   int32, [pixel][panels * 8]
 */
export function convolve(
  input: usize,
  offsets: usize,
  pixels: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  weights: usize,
  bias: usize,
  panels: i32,
  shift: i32,
  output: usize,
): void {
  const panelBytes = <usize>(runCount * length) * 32;
  const runBytes = <usize>length * 4;
  const pitch = <usize>panels * 32;
  const last = pixels - 1;
  for (let panel = 0; panel < panels; panel++) {
    const bias0 = v128.load(bias);
    const bias1 = v128.load(bias, 16);
    for (let p = 0; p < pixels; p += 4) {
      const p1 = min(p + 1, last);
      const p2 = min(p + 2, last);
      const p3 = min(p + 3, last);
      const base0 = input + load<u32>(offsets + ((<usize>p) << 2));
      const base1 = input + load<u32>(offsets + ((<usize>p1) << 2));
      const base2 = input + load<u32>(offsets + ((<usize>p2) << 2));
      const base3 = input + load<u32>(offsets + ((<usize>p3) << 2));
      let a00 = i32x4.splat(0);
      let a01 = a00;
      let a10 = a00;
      let a11 = a00;
      let a20 = a00;
      let a21 = a00;
      let a30 = a00;
      let a31 = a00;
      let w = weights;
      for (let r = 0; r < runCount; r++) {
        const run = <usize>load<u32>(runs + ((<usize>r) << 2));
        let x0 = base0 + run;
        let x1 = base1 + run;
        let x2 = base2 + run;
        let x3 = base3 + run;
        const end = x0 + runBytes;
        while (x0 < end) {
          const w0 = v128.load(w);
          const w1 = v128.load(w, 16);
          const y0 = v128.load_splat<i32>(x0);
          a00 = i32x4.add(a00, i32x4.mul(y0, w0));
          a01 = i32x4.add(a01, i32x4.mul(y0, w1));
          const y1 = v128.load_splat<i32>(x1);
          a10 = i32x4.add(a10, i32x4.mul(y1, w0));
          a11 = i32x4.add(a11, i32x4.mul(y1, w1));
          const y2 = v128.load_splat<i32>(x2);
          a20 = i32x4.add(a20, i32x4.mul(y2, w0));
          a21 = i32x4.add(a21, i32x4.mul(y2, w1));
          const y3 = v128.load_splat<i32>(x3);
          a30 = i32x4.add(a30, i32x4.mul(y3, w0));
          a31 = i32x4.add(a31, i32x4.mul(y3, w1));
          w += 32;
          x0 += 4;
          x1 += 4;
          x2 += 4;
          x3 += 4;
        }
      }
      store(output + <usize>p * pitch, a00, a01, shift, bias0, bias1);
      store(output + <usize>p1 * pitch, a10, a11, shift, bias0, bias1);
      store(output + <usize>p2 * pitch, a20, a21, shift, bias0, bias1);
      store(output + <usize>p3 * pitch, a30, a31, shift, bias0, bias1);
    }
    weights += panelBytes;
    bias += 32;
    output += 32;
  }
}

// @ts-ignore: decorator
@inline
function store(at: usize, low: v128, high: v128, shift: i32, bias0: v128, bias1: v128): void {
  v128.store(at, i32x4.add(i32x4.shl(low, shift), bias0));
  v128.store(at, i32x4.add(i32x4.shl(high, shift), bias1), 16);
}
