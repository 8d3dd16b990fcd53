/** What the classes of a model begin with when it is trained. */
import { log2 } from "./deterministic-math.js";
import { priorProbabilities } from "./prior.js";

/** How a class begins, and what smooths the counts it meets. */
export interface ClassStart {
  readonly probabilities: Float64Array;
  readonly prior: Prior;
}

/** Probabilities to smooth a histogram with; may depend on it. */
export type Prior = (histogram: Float64Array) => Float64Array;

export const scalePrior =
  (sigma: number): Prior =>
  () =>
    priorProbabilities(sigma);

/** For single weights: the nearest of a few scales. */
export const magnitudePrior: Prior = (histogram) => {
  let weights = 0;
  let magnitude = 0;
  for (let value = 0; value < 256; value += 1) {
    weights += histogram[value];
    magnitude += histogram[value] * Math.abs((value << 24) >> 24);
  }
  const halfOctave = Math.round(2 * log2(Math.max(0.25, (1.3 * magnitude) / Math.max(1, weights))));
  return priorProbabilities(2 ** (halfOctave >> 1) * (halfOctave & 1 ? Math.SQRT2 : 1));
};

/** For pairs: as if the two weights were independent. */
export const productPrior: Prior = (histogram) => {
  const marginal = new Float64Array(16).fill(0.25);
  let total = 4;
  for (let value = 0; value < 256; value += 1) {
    marginal[value & 15] += histogram[value];
    marginal[value >> 4] += histogram[value];
    total += 2 * histogram[value];
  }
  return Float64Array.from({ length: 256 }, (_, value) => {
    return (marginal[value & 15] * marginal[value >> 4]) / (total * total);
  });
};

/** Weight of the prior against the counts. */
const SMOOTHING = 32;

export function smoothed(histogram: Float64Array, prior: Float64Array): Float64Array {
  let total = SMOOTHING;
  for (const count of histogram) total += count;
  return prior.map((probability, value) => (histogram[value] + SMOOTHING * probability) / total);
}

/** In the order of what a weight costs, so that neighbouring classes are alike and offsets can add up. */
export function inOrder(starts: readonly ClassStart[]): ClassStart[] {
  return starts
    .map((start) => ({ start, entropy: entropyOf(start.probabilities) }))
    .sort((left, right) => left.entropy - right.entropy)
    .map(({ start }) => start);
}

function entropyOf(probabilities: Float64Array): number {
  let sum = 0;
  for (const probability of probabilities) sum -= probability * log2(probability);
  return sum;
}
