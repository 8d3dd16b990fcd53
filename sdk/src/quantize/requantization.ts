/**
 * Rounding stages for real factors between grids.
 *
 * Free scales use TensorFlow Lite's reference requantisation (Jacob et al., arXiv 1712.05877, and its kernels): M in
 * [2^30, 2^31), half-up by 31 bits, then half away from zero. Powers of two are a shift with ties to even.
 */
import { GraphError } from "../errors.js";
import type { RoundingStage } from "../graph/types.js";
import { quantizeMultiplier, roundingStages } from "../import/tflite/multiplier.js";
import type { ScaleKind } from "./grids.js";

/** Left shifts above this would leave int32. */
const MAX_LEFT_SHIFT = 30;

export interface Stages {
  readonly stageA: RoundingStage;
  readonly stageB?: RoundingStage;
}

/** @param factors positive; one, or one per channel. For `power-of-two` each must be 2^k. */
export function stagesFor(factors: readonly number[], scales: ScaleKind, place: string): Stages {
  const largest = Math.max(...factors);
  if (!(largest > 0 && largest < 2 ** MAX_LEFT_SHIFT)) {
    throw new GraphError("bad-scale", "Two grids lie too far apart for a requantisation.", {
      place,
      expected: `a ratio above 0 and below 2^${MAX_LEFT_SHIFT}`,
      found: String(largest),
      hint: "Calibrate with images like those the model was trained on, preprocessed in the same way.",
    });
  }
  if (scales === "free") return roundingStages(factors.map(quantizeMultiplier));
  const exponents = factors.map((factor) => Math.log2(factor));
  return {
    stageA: {
      multiplier: Int32Array.from(exponents, (exponent) => 2 ** Math.max(0, exponent)),
      shift: Uint8Array.from(exponents, (exponent) => Math.max(0, -exponent)),
      rounding: "half-even",
    },
  };
}
