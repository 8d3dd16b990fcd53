/**
 * Biases are integers of the accumulator's step, input scale times weight scale. A nearly dead channel has weights so
 * small beside its bias that the bias would not fit: its weights are put on a coarser step, at most on zero.
 */
import { bitsOf, type QuantizedWeights, type ScaleKind } from "./grids.js";

/** Half of int32, so that the sum over the window has room. */
const MOST_STEPS = 2 ** 30;

/** @returns the weights themselves where every bias fits */
export function withBiasInRange(
  weights: QuantizedWeights,
  inputScale: number,
  scales: ScaleKind,
): QuantizedWeights {
  const least = weights.bias.map((bias) => Math.abs(bias) / inputScale / MOST_STEPS);
  if (weights.scale.every((scale, o) => scale >= least[o])) return weights;
  const scale = weights.scale.map((step, o) => {
    if (step >= least[o]) return step;
    return scales === "free" ? least[o] : 2 ** Math.ceil(Math.log2(least[o]));
  });
  const size = weights.codes.length / scale.length;
  const codes = weights.codes.map((code, index) => {
    const o = Math.floor(index / size);
    return Math.round((code * weights.scale[o]) / scale[o]);
  });
  return { ...weights, codes, scale, bits: bitsOf(codes) };
}
