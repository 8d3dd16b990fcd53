/**
 * Which candidate each layer gets: the one of least distortion + price * bits. With one price for all layers no exchange
 * of bits between two layers can help (Shoham and Gersho, "Efficient bit allocation", IEEE TASSP 36(9), 1988).
 */
import type { LayerTrials, Trial } from "./layer-trials.js";

/** By layer, in network order. */
export type Allocation = ReadonlyMap<string, Trial>;

/** By family: real bits per estimated bit. */
export type BitFactors = ReadonlyMap<string, number>;

export function allocate(layers: readonly LayerTrials[], price: number, factors: BitFactors): Allocation {
  return new Map(
    layers.map(({ layer, trials }) => {
      const cost = (trial: Trial): number => trial.distortion + price * allocatedBits(trial, factors);
      return [layer, trials.reduce((best, trial) => (cost(trial) < cost(best) ? trial : best))];
    }),
  );
}

export function allocatedBits({ candidate, bits }: Trial, factors: BitFactors): number {
  return bits * (factors.get(candidate.family) ?? 1);
}

export function totalBits(allocation: Allocation, factors: BitFactors): number {
  let sum = 0;
  for (const trial of allocation.values()) sum += allocatedBits(trial, factors);
  return sum;
}

export function totalDistortion(allocation: Allocation): number {
  let sum = 0;
  for (const { distortion } of allocation.values()) sum += distortion;
  return sum;
}

/** The least price whose allocation has at most this many bits; the highest price where none has. */
export function priceForBits(
  layers: readonly LayerTrials[],
  limit: number,
  factors: BitFactors,
  [least, most]: readonly [number, number],
): number {
  let [low, high] = [Math.log(least), Math.log(most)];
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    if (totalBits(allocate(layers, Math.exp(middle), factors), factors) <= limit) high = middle;
    else low = middle;
  }
  return Math.exp(high);
}

/** Real bits per estimated bit of each family, from the streams of a coded model. @param real by layer, in bits */
export function learnFactors(allocation: Allocation, real: ReadonlyMap<string, number>): Map<string, number> {
  const sums = new Map<string, [number, number]>();
  for (const [layer, { candidate, bits }] of allocation) {
    const found = real.get(layer);
    if (found === undefined) continue;
    const [a, b] = sums.get(candidate.family) ?? [0, 0];
    sums.set(candidate.family, [a + found, b + bits]);
  }
  return new Map([...sums].map(([family, [a, b]]) => [family, a / Math.max(1, b)]));
}
