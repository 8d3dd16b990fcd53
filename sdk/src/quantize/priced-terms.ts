/**
 * Signed powers of two where the layer's error wants them: codes by the Gram-matrix solver, each term at a price, the
 * price found so that a layer has as many terms as its budget. The compensated form of successive vector
 * approximation: the same budget and the same adders, spent against the layer's error instead of the weights'.
 */
import { levelScales } from "./fit-levels.js";
import { type CodePrice, descend, type GramSystem, refitScales, roundWithGram } from "./gram-solver.js";
import type { ScaleKind } from "./grids.js";
import { kHotLevels, signedDigitCount, signedDigitLevels } from "./level-sets/k-hot.js";
import type { LayerCodes } from "./rate-distortion.js";
import { countDigits } from "./successive-vectors.js";

export interface PricedTermOptions {
  /** Budget in signed powers of two, per weight of the layer. */
  readonly termsPerWeight: number;
  /** Weight of the squared error of each output. */
  readonly importance: Float64Array;
  /** Free scales are refitted; powers of two stay, and the whole is shifts and additions. */
  readonly scales: ScaleKind;
}

const BITS = 8;
const LIMIT = 127;
const MOST_DIGITS = 4;
/** Halvings of the price's range, which spans 2^-30..2^10 of the error at one step per weight. */
const SEARCH_STEPS = 14;

/** @param target [O][K] that the layer should have */
export function priceTerms(
  target: Float64Array,
  gram: GramSystem,
  { termsPerWeight, importance, scales }: PricedTermOptions,
): LayerCodes {
  const budget = Math.floor(termsPerWeight * target.length);
  // From each of these the nearest is considered: zero, one term, two, ...
  const alternatives = [
    Int16Array.of(0),
    ...Array.from({ length: MOST_DIGITS }, (_, hot) => signedDigitLevels(hot + 1, BITS)),
  ];
  const bits = Float64Array.from({ length: 2 * LIMIT + 1 }, (_, index) => signedDigitCount(index - LIMIT));
  let scale = levelScales(target, importance.length, kHotLevels(BITS, BITS), {
    scales,
    perChannel: true,
    range: "min-max",
  });
  const solve = (lambda: number): Int16Array => {
    const price: CodePrice = { limit: LIMIT, bits, lambda, importance, alternatives };
    const codes = roundWithGram(target, scale, gram, price);
    descend(target, scale, gram, codes, price, 1);
    return codes;
  };
  // Error of one step in one weight, the unit of the search.
  let unit = 0;
  for (let k = 0; k < gram.size; k += 1) unit += gram.matrix[k * gram.size + k] / gram.size;
  unit *= scale.reduce((sum, step, o) => sum + (importance[o] * step ** 2) / scale.length, 0);
  let low = -30;
  let high = 24;
  let codes = solve(unit * 2 ** high);
  for (let step = 0; step < SEARCH_STEPS; step += 1) {
    const middle = (low + high) / 2;
    const candidate = solve(unit * 2 ** middle);
    if (countDigits(candidate) > budget) low = middle;
    else {
      high = middle;
      codes = candidate;
    }
  }
  if (scales === "free") scale = refitScales(target, scale, gram, codes);
  return { codes, scale };
}
