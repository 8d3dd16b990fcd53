/**
 * Biases are integers of the accumulator's step, input scale times weight scale. A nearly dead channel has weights so
 * small beside its bias that the bias would not fit: its weights are put on a coarser step, at most on zero. And a bias
 * may lie so far outside the output's grid that its product with the requantisation's multiplier would not fit: such a
 * channel is at one end of the grid whatever it reads.
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

/** Biases beyond this many steps of the output are looked at; products of smaller ones fit. */
const MOST_OUTPUT_STEPS = 2 ** 24;
/** Where a channel that is always saturated is put instead. */
const SATURATED = 2 ** 20;
/** Largest magnitude of an input code less its zero point. */
const MOST_INPUT = 255;

/** @returns the weights themselves where every product fits */
export function withSaturatedChannels(
  weights: QuantizedWeights,
  inputScale: number,
  outputScale: number,
): QuantizedWeights {
  const size = weights.codes.length / weights.scale.length;
  const isSaturated = Array.from(weights.bias, (bias, o) => {
    if (Math.abs(bias) <= MOST_OUTPUT_STEPS * outputScale) return false;
    const codes = weights.codes.subarray(o * size, (o + 1) * size);
    const reach = codes.reduce((sum, code) => sum + Math.abs(code), 0) * weights.scale[o] * inputScale;
    return Math.abs(bias) - MOST_INPUT * reach > SATURATED * outputScale;
  });
  if (!isSaturated.includes(true)) return weights;
  const codes = weights.codes.map((code, index) => (isSaturated[Math.floor(index / size)] ? 0 : code));
  const scale = weights.scale.map((step, o) => (isSaturated[o] ? outputScale / inputScale : step));
  const bias = weights.bias.map((value, o) =>
    isSaturated[o] ? Math.sign(value) * SATURATED * outputScale : value,
  );
  return { codes, scale, bias, bits: bitsOf(codes) };
}
