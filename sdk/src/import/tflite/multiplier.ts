/**
 * TensorFlow Lite's fixed-point multipliers, as its reference kernels form and apply them.
 *
 * A real factor r becomes M * 2^(shift - 31) with M in [2^30, 2^31): r = q * 2^shift, q in [1/2, 1), M = round(q * 2^31).
 * It is applied in two roundings: half-up by 31 bits (a negative shift does not take part there), then half away
 * from zero by -shift bits. One rounding instead of two gives other bits.
 */
import type { RoundingStage } from "../../graph/types.js";

export interface FixedMultiplier {
  /** int32, 0 or 2^30..2^31-1. */
  readonly multiplier: number;
  /** Power of two, -31..; positive is a left shift. */
  readonly shift: number;
}

/** Factors below 2^-32 vanish: the multiplier becomes 0 (channels whose weights are all zero have such factors). */
export function quantizeMultiplier(real: number): FixedMultiplier {
  if (real === 0) return { multiplier: 0, shift: 0 };
  let { mantissa, exponent } = frexp(real);
  // Math.round is exact here: the product has at most 53 significant bits and is positive, so ties go up as in C.
  let multiplier = Math.round(mantissa * 2 ** 31);
  if (multiplier === 2 ** 31) {
    multiplier = 2 ** 30;
    exponent += 1;
  }
  if (exponent < -31) return { multiplier: 0, shift: 0 };
  return { multiplier, shift: exponent };
}

/** real = mantissa * 2^exponent with mantissa in [1/2, 1), exactly. `real` is positive and finite. */
export function frexp(real: number): { mantissa: number; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  // Subnormals are brought into the normal range first.
  const lift = real < 2 ** -1022 ? 64 : 0;
  view.setFloat64(0, real * 2 ** lift);
  const high = view.getUint32(0);
  const exponent = ((high >>> 20) & 0x7ff) - 1022 - lift;
  view.setUint32(0, (high & ~(0x7ff << 20)) | (1022 << 20));
  return { mantissa: view.getFloat64(0), exponent };
}

/** The two rounding stages of a list of multipliers (one, or one per channel). Shifts above 30 are the caller's to refuse. */
export function roundingStages(multipliers: readonly FixedMultiplier[]): {
  stageA: RoundingStage;
  stageB: RoundingStage;
} {
  return {
    stageA: {
      multiplier: Int32Array.from(multipliers, ({ multiplier }) => multiplier),
      shift: Uint8Array.from(multipliers, ({ shift }) => 31 - Math.max(shift, 0)),
      rounding: "half-up",
    },
    stageB: {
      multiplier: Int32Array.of(1),
      shift: Uint8Array.from(multipliers, ({ shift }) => Math.max(-shift, 0)),
      rounding: "half-away",
    },
  };
}

/**
 * The requantisation factor of a convolution's output channel.
 * @param floatProduct the kernel multiplies the two input scales in float32 first (fully connected, and every uint8
 *   kernel); the per-channel int8 kernels go to double before they multiply. The last bits of M differ.
 */
export function convolutionFactor(
  inputScale: number,
  weightScale: number,
  outputScale: number,
  floatProduct: boolean,
): number {
  const product = inputScale * weightScale;
  return (floatProduct ? Math.fround(product) : product) / outputScale;
}
