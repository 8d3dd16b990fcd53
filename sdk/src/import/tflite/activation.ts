/** Fused activation functions as ranges of stored integers, computed as TensorFlow Lite's kernels do. */
import type { ActivationName } from "./schema.js";

export type EightBitType = "INT8" | "UINT8";

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

export function typeRange(type: EightBitType): IntegerRange {
  return type === "INT8" ? { min: -128, max: 127 } : { min: 0, max: 255 };
}

/** Real bounds of each activation; undefined = the element type's own. */
const realBounds: Partial<Record<ActivationName, readonly [min?: number, max?: number]>> = {
  NONE: [],
  RELU: [0],
  RELU6: [0, 6],
  RELU_N1_TO_1: [-1, 1],
};

/** Inclusive range of the stored integers, or undefined for an activation that is not a clamp. */
export function activationRange(
  activation: ActivationName,
  type: EightBitType,
  scale: number,
  zeroPoint: number,
): IntegerRange | undefined {
  const bounds = realBounds[activation];
  if (bounds === undefined) return undefined;
  const whole = typeRange(type);
  // The kernels divide in float32 and round half away from zero.
  const stored = (real: number) => zeroPoint + roundHalfAway(Math.fround(real / scale));
  const [low, high] = bounds;
  return {
    min: low === undefined ? whole.min : Math.max(whole.min, stored(low)),
    max: high === undefined ? whole.max : Math.min(whole.max, stored(high)),
  };
}

function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}
