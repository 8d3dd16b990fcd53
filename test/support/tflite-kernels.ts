/**
 * TensorFlow Lite's reference kernels written out literally, one output element at a time in BigInt and doubles.
 * The oracle for single-operator tests: nothing here comes from the importer or the reference interpreter.
 */

/** round(real * 2^31 / 2^shift) with real / 2^shift in [1/2, 1), found by halving and doubling. */
export function literalMultiplier(real: number): { multiplier: bigint; shift: number } {
  if (real === 0) return { multiplier: 0n, shift: 0 };
  let fraction = real;
  let shift = 0;
  while (fraction >= 1) {
    fraction /= 2;
    shift += 1;
  }
  while (fraction < 0.5) {
    fraction *= 2;
    shift -= 1;
  }
  let multiplier = BigInt(Math.floor(fraction * 2 ** 31 + 0.5));
  if (multiplier === 2n ** 31n) {
    multiplier /= 2n;
    shift += 1;
  }
  return shift < -31 ? { multiplier: 0n, shift: 0 } : { multiplier, shift };
}

/** SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT, as the C++ source writes them. */
export function multiplyByQuantizedMultiplier(value: bigint, real: number): bigint {
  const { multiplier, shift } = literalMultiplier(real);
  return applyMultiplier(value, multiplier, shift);
}

export function applyMultiplier(value: bigint, multiplier: bigint, shift: number): bigint {
  const product = value * 2n ** BigInt(Math.max(shift, 0)) * multiplier;
  const nudge = product >= 0n ? 2n ** 30n : 1n - 2n ** 30n;
  const high = (product + nudge) / 2n ** 31n; // BigInt division truncates, as C++ does
  const exponent = BigInt(Math.max(-shift, 0));
  const mask = 2n ** exponent - 1n;
  const remainder = high & mask;
  const threshold = (mask >> 1n) + (high < 0n ? 1n : 0n);
  return (high >> exponent) + (remainder > threshold ? 1n : 0n);
}

export interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface Map3 {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: ArrayLike<number>;
}

export function at(map: Map3, y: number, x: number, channel: number): number | undefined {
  if (y < 0 || x < 0 || y >= map.height || x >= map.width) return undefined;
  return map.data[(y * map.width + x) * map.channels + channel];
}

/** TensorFlow's SAME padding before the first element, and the output size; VALID has no padding. */
export function axis(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  valid: boolean,
): { size: number; before: number } {
  const span = (kernel - 1) * dilation + 1;
  const output = valid ? Math.ceil((size - span + 1) / stride) : Math.ceil(size / stride);
  const total = (output - 1) * stride + span - size;
  return { size: output, before: valid || total < 0 ? 0 : Math.floor(total / 2) };
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
