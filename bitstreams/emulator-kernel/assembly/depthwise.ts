/**
 * Accumulators of 8 channels for many pixels, each channel with its own window: acc[pixel][8] = bias + sum of x * w.
 * Input: int16 from `widen`, already at the channel word. Weights: 8 int16 per tap.
 */
export function convolveDepthwise(
  input: usize,
  pixelOffsets: usize,
  pixels: i32,
  tapOffsets: usize,
  taps: i32,
  weights: usize,
  bias: usize,
  accumulators: usize,
): void {
  const bias0 = v128.load(bias);
  const bias1 = v128.load(bias, 16);
  let target = accumulators;
  for (let pixel = 0; pixel < pixels; pixel += 2) {
    const offsets = pixelOffsets + (<usize>pixel << 2);
    const base0 = input + <usize>load<u32>(offsets);
    const base1 = input + <usize>load<u32>(offsets, 4);
    let a0 = bias0;
    let a1 = bias1;
    let b0 = bias0;
    let b1 = bias1;
    for (let tap = 0; tap < taps; tap += 1) {
      const offset = <usize>load<u32>(tapOffsets + (<usize>tap << 2));
      const w = v128.load(weights + (<usize>tap << 4));
      const x0 = v128.load(base0 + offset);
      a0 = i32x4.add(a0, i32x4.extmul_low_i16x8_s(x0, w));
      a1 = i32x4.add(a1, i32x4.extmul_high_i16x8_s(x0, w));
      const x1 = v128.load(base1 + offset);
      b0 = i32x4.add(b0, i32x4.extmul_low_i16x8_s(x1, w));
      b1 = i32x4.add(b1, i32x4.extmul_high_i16x8_s(x1, w));
    }
    v128.store(target, a0);
    v128.store(target, a1, 16);
    v128.store(target, b0, 32);
    v128.store(target, b1, 48);
    target += 64;
  }
}
