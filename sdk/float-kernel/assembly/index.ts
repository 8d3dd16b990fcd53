// Float32 kernels of the float interpreter, for AssemblyScript (WebAssembly SIMD). Twin: the plain loops in
// test/support/float-literal.ts. All pointers are byte addresses in one imported memory; nothing is allocated here.

/**
 * out[p][o] = bias[o] + sum over segments s and j < length of
 *             input[offsets[p] + segments[s] + 4 j] * weights[panel(o)][s * length + j][o mod 8]
 *
 * A window of NHWC data is a few contiguous runs ("segments"): one per kernel row, or one per tap where taps are
 * dilated or only some channels take part. Positions are taken four at a time and outputs eight at a time, so that
 * the eight accumulators stay in registers; the last block repeats its last position and stores it again.
 *
 * @param offsets     int32 per position: byte offset of its window's corner from `input`
 * @param segments    int32 per run: byte offset of the run from the corner
 * @param weights     panels of 8 outputs, each [segmentCount * length][8], zero where there is no output
 * @param bias        float32, 8 per panel
 * @param outputStride bytes from one position's outputs to the next one's
 */
export function convolve(
  input: usize,
  offsets: usize,
  positions: i32,
  segments: usize,
  segmentCount: i32,
  length: i32,
  weights: usize,
  bias: usize,
  outputs: i32,
  output: usize,
  outputStride: i32,
): void {
  const panelBytes = <usize>(segmentCount * length * 32);
  const runBytes = <usize>(length * 4);
  for (let o = 0; o < outputs; o += 8) {
    const bias0 = v128.load(bias);
    const bias1 = v128.load(bias, 16);
    const width = outputs - o < 8 ? outputs - o : 8;
    for (let p = 0; p < positions; p += 4) {
      const last = positions - 1;
      const p1 = p + 1 < positions ? p + 1 : last;
      const p2 = p + 2 < positions ? p + 2 : last;
      const p3 = p + 3 < positions ? p + 3 : last;
      const base0 = input + load<i32>(offsets + ((<usize>p) << 2));
      const base1 = input + load<i32>(offsets + ((<usize>p1) << 2));
      const base2 = input + load<i32>(offsets + ((<usize>p2) << 2));
      const base3 = input + load<i32>(offsets + ((<usize>p3) << 2));
      let a00 = bias0;
      let a01 = bias1;
      let a10 = bias0;
      let a11 = bias1;
      let a20 = bias0;
      let a21 = bias1;
      let a30 = bias0;
      let a31 = bias1;
      let w = weights;
      for (let s = 0; s < segmentCount; s++) {
        const run = <usize>load<i32>(segments + ((<usize>s) << 2));
        let x0 = base0 + run;
        let x1 = base1 + run;
        let x2 = base2 + run;
        let x3 = base3 + run;
        const end = x0 + runBytes;
        while (x0 < end) {
          const w0 = v128.load(w);
          const w1 = v128.load(w, 16);
          const y0 = v128.load_splat<f32>(x0);
          a00 = f32x4.add(a00, f32x4.mul(y0, w0));
          a01 = f32x4.add(a01, f32x4.mul(y0, w1));
          const y1 = v128.load_splat<f32>(x1);
          a10 = f32x4.add(a10, f32x4.mul(y1, w0));
          a11 = f32x4.add(a11, f32x4.mul(y1, w1));
          const y2 = v128.load_splat<f32>(x2);
          a20 = f32x4.add(a20, f32x4.mul(y2, w0));
          a21 = f32x4.add(a21, f32x4.mul(y2, w1));
          const y3 = v128.load_splat<f32>(x3);
          a30 = f32x4.add(a30, f32x4.mul(y3, w0));
          a31 = f32x4.add(a31, f32x4.mul(y3, w1));
          w += 32;
          x0 += 4;
          x1 += 4;
          x2 += 4;
          x3 += 4;
        }
      }
      const out0 = output + <usize>(p * outputStride);
      const out1 = output + <usize>(p1 * outputStride);
      const out2 = output + <usize>(p2 * outputStride);
      const out3 = output + <usize>(p3 * outputStride);
      if (width == 8) {
        v128.store(out0, a00);
        v128.store(out0, a01, 16);
        v128.store(out1, a10);
        v128.store(out1, a11, 16);
        v128.store(out2, a20);
        v128.store(out2, a21, 16);
        v128.store(out3, a30);
        v128.store(out3, a31, 16);
      } else {
        storeSome(out0, a00, a01, width);
        storeSome(out1, a10, a11, width);
        storeSome(out2, a20, a21, width);
        storeSome(out3, a30, a31, width);
      }
    }
    weights += panelBytes;
    bias += 32;
    output += 32;
  }
}

/** The first `width` (1..7) of eight lanes. */
function storeSome(at: usize, low: v128, high: v128, width: i32): void {
  let lanes = low;
  if (width >= 4) {
    v128.store(at, low);
    lanes = high;
    at += 16;
    width -= 4;
  }
  if (width > 0) f32.store(at, f32x4.extract_lane(lanes, 0));
  if (width > 1) f32.store(at, f32x4.extract_lane(lanes, 1), 4);
  if (width > 2) f32.store(at, f32x4.extract_lane(lanes, 2), 8);
}

/**
 * Depthwise: out[p][c] = bias[c] + sum over taps t of input[offsets[p] + segments[t] + 4 c] * weights[t][c].
 * `channels` is a multiple of 4; the caller pads.
 */
export function depthwise(
  input: usize,
  offsets: usize,
  positions: i32,
  segments: usize,
  taps: i32,
  weights: usize,
  bias: usize,
  channels: i32,
  output: usize,
): void {
  const bytes = <usize>(channels * 4);
  for (let p = 0; p < positions; p++) {
    const base = input + load<i32>(offsets + ((<usize>p) << 2));
    const out = output + <usize>p * bytes;
    for (let c: usize = 0; c < bytes; c += 16) {
      let sum = v128.load(bias + c);
      let w = weights + c;
      for (let t = 0; t < taps; t++) {
        const x = base + load<i32>(segments + ((<usize>t) << 2)) + c;
        sum = f32x4.add(sum, f32x4.mul(v128.load(x), v128.load(w)));
        w += bytes;
      }
      v128.store(out + c, sum);
    }
  }
}

/** out[i] = a[i] + b[i]; `count` is rounded up to a multiple of 4. */
export function add(a: usize, b: usize, output: usize, count: i32): void {
  const end = (<usize>count) << 2;
  for (let i: usize = 0; i < end; i += 16) {
    v128.store(output + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  }
}

/** out[i] = min(max(x[i], low), high); `count` is rounded up to a multiple of 4. */
export function clamp(input: usize, output: usize, count: i32, low: f32, high: f32): void {
  const end = (<usize>count) << 2;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let i: usize = 0; i < end; i += 16) {
    v128.store(output + i, f32x4.min(f32x4.max(v128.load(input + i), lows), highs));
  }
}
