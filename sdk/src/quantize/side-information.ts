/** What a package must hold beside the codes, and the rounding that makes the count true. */

/** Bytes of a scale and of a bias, per output channel; one more per layer for the biases' exponent. */
export const SCALE_BYTES = 2;
export const BIAS_BYTES = 2;
const EXPONENT_BYTES = 1;
/** 5 bits of exponent and 11 of mantissa. */
const SCALE_MANTISSA = 2 ** 11;
const LARGEST_BIAS = 2 ** 15 - 1;

/** A positive scale with 12 significant bits, the first of them implied. */
export function roundScale(scale: number): number {
  const unit = 2 ** Math.floor(Math.log2(scale)) / SCALE_MANTISSA;
  return Math.round(scale / unit) * unit;
}

/** Biases as 16-bit multiples of one power of two. */
export function roundBiases(bias: Float64Array): Float64Array {
  let largest = 0;
  for (const value of bias) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return bias;
  const unit = 2 ** Math.ceil(Math.log2(largest / LARGEST_BIAS));
  return bias.map((value) => Math.round(value / unit) * unit);
}

/** Bytes of a layer's scales and biases. Equal scales are written once. */
export function sideInformationBytes(scale: Float64Array): number {
  const shared = scale.every((value) => value === scale[0]);
  return (shared ? 1 : scale.length) * SCALE_BYTES + scale.length * BIAS_BYTES + EXPONENT_BYTES;
}
