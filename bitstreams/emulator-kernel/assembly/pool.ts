/** Accumulators of 8 channels for many pixels: the largest code of the window, or bias plus the sum of its codes. */
export function poolMax(
  input: usize,
  pixelOffsets: usize,
  pixels: i32,
  tapOffsets: usize,
  taps: i32,
  accumulators: usize,
): void {
  let target = accumulators;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const base = input + <usize>load<u32>(pixelOffsets + (<usize>pixel << 2));
    let most = i16x8.splat(-128);
    for (let tap = 0; tap < taps; tap += 1) {
      most = i16x8.max_s(most, v128.load(base + <usize>load<u32>(tapOffsets + (<usize>tap << 2))));
    }
    v128.store(target, i32x4.extend_low_i16x8_s(most));
    v128.store(target, i32x4.extend_high_i16x8_s(most), 16);
    target += 32;
  }
}

export function poolSum(
  input: usize,
  pixelOffsets: usize,
  pixels: i32,
  tapOffsets: usize,
  taps: i32,
  bias: usize,
  accumulators: usize,
): void {
  const bias0 = v128.load(bias);
  const bias1 = v128.load(bias, 16);
  let target = accumulators;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const base = input + <usize>load<u32>(pixelOffsets + (<usize>pixel << 2));
    let sum0 = bias0;
    let sum1 = bias1;
    for (let tap = 0; tap < taps; tap += 1) {
      const x = v128.load(base + <usize>load<u32>(tapOffsets + (<usize>tap << 2)));
      sum0 = i32x4.add(sum0, i32x4.extend_low_i16x8_s(x));
      sum1 = i32x4.add(sum1, i32x4.extend_high_i16x8_s(x));
    }
    v128.store(target, sum0);
    v128.store(target, sum1, 16);
    target += 32;
  }
}
