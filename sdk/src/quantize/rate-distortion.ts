/**
 * Rate-distortion quantisation of one layer: steps from the price of a bit, rate-aware rounding through the Gram
 * matrix, then coordinate descent against the code lengths of the codes chosen so far, with the scales refitted.
 *
 * At high rate the least cost h D + lambda R of a scalar quantiser has h Delta^2 proportional to lambda; with the
 * layer's error e^t C e the step is Delta = kappa sqrt(lambda / (h det(C)^(1/K))).
 */
import { classPrices } from "./code-classes.js";
import { descendCoupled, refitScalesCoupled } from "./coupled-descent.js";
import { type CodePrice, type GramSystem, refitSharedScale, roundWithGram } from "./gram-solver.js";
import { damped, invert } from "./linear-algebra.js";

export interface RateDistortionOptions {
  /** Price of one bit, in units of the squared logit error. */
  readonly lambda: number;
  /** Step factor; about 4.5. */
  readonly kappa: number;
  /** One step per layer instead of one per output channel. */
  readonly sharedStep: boolean;
  /** Rounds of histogram, rounding and histogram, descent, refit. */
  readonly rounds: number;
  /** Kernel taps of a row, K = taps x input channels; default 1. */
  readonly taps?: number;
  /** [O][K]; 0 keeps a weight at 0. */
  readonly mask?: Uint8Array;
  /** As scales are kept; the last descent of the codes knows it. */
  readonly roundScale?: (scale: number) => number;
}

export interface LayerCodes {
  readonly codes: Int16Array;
  readonly scale: Float64Array;
}

/** Codes stay inside int8. */
const MAX_CODE = 127;
/** Counts added to every code, so that an unused code has a price. */
const PRIOR = 0.02;
const IMPORTANCE_RIDGE = 0.01;

/** @param coupling [O][O]: squared logit error of errors at the outputs, G of coupled-descent.ts; its diagonal alone
 *   where outputs are taken one by one */
export function quantizeRateDistortion(
  weights: Float64Array,
  gram: GramSystem,
  coupling: Float64Array,
  options: RateDistortionOptions,
): LayerCodes {
  const { rounds, sharedStep, roundScale } = options;
  const { codes, importance, price, ...started } = start(weights, gram, coupling, options);
  let scale: Float64Array = started.scale;
  for (let round = 0; round < rounds; round += 1) {
    descendCoupled(weights, scale, gram, coupling, codes, price(codes), 2);
    scale = sharedStep
      ? refitSharedScale(weights, scale, gram, codes, importance)
      : refitScalesCoupled(weights, scale, gram, coupling, codes);
  }
  if (roundScale) scale = scale.map(roundScale);
  descendCoupled(weights, scale, gram, coupling, codes, price(codes), 2);
  return { codes, scale };
}

interface Start extends LayerCodes {
  readonly importance: Float64Array;
  readonly price: (codes: Int16Array) => CodePrice;
}

/** Steps, and codes by rate-aware rounding. */
function start(
  weights: Float64Array,
  gram: GramSystem,
  coupling: Float64Array,
  { lambda, kappa, rounds, sharedStep, mask, taps = 1 }: RateDistortionOptions,
): Start {
  const importance = effectiveImportance(coupling, Math.sqrt(coupling.length));
  const outputs = importance.length;
  const meanImportance = Math.exp(importance.reduce((sum, h) => sum + Math.log(h), 0) / outputs);
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  const scale = Float64Array.from(importance, (h, o) => {
    const step = kappa * Math.sqrt(lambda / (sharedStep ? meanImportance : h) / Math.exp(gram.meanLogDet));
    const bound = sharedStep ? largest : largestOf(weights, o, gram.size);
    // Twice the largest weight: every code is 0 already, and a larger step would only strain the requantisation.
    return Math.max(Math.min(step, 2 * bound), bound / MAX_CODE, 1e-12);
  });
  const limit = codeLimit(weights, scale, gram.size);
  const price = (known: Int16Array): CodePrice => {
    return classPrices(
      known,
      { outputs, taps, channels: gram.size / taps },
      { limit, lambda, importance, mask },
    );
  };
  let codes: Int16Array = Int16Array.from(weights, (weight, index) => {
    return Math.min(Math.max(Math.round(weight / scale[Math.floor(index / gram.size)]), -limit), limit);
  });
  for (let round = 0; round < rounds; round += 1) codes = roundWithGram(weights, scale, gram, price(codes));
  return { codes, scale, importance, price };
}

/**
 * One number per output where outputs are coupled: between what its error costs alone (G_oo) and what it costs when the
 * other outputs make up for it (1 / (G^-1)_oo), the geometric mean.
 */
function effectiveImportance(coupling: Float64Array, outputs: number): Float64Array {
  const { inverse } = invert(damped(coupling, outputs, IMPORTANCE_RIDGE), outputs);
  return Float64Array.from({ length: outputs }, (_, o) => {
    return Math.sqrt(coupling[o * outputs + o] / inverse[o * outputs + o]);
  });
}

/** [O][O] with these numbers on the diagonal: outputs taken one by one. */
export function diagonal(importance: Float64Array): Float64Array {
  const outputs = importance.length;
  const matrix = new Float64Array(outputs * outputs);
  importance.forEach((value, o) => {
    matrix[o * (outputs + 1)] = value;
  });
  return matrix;
}

/** -log2 of the smoothed share of each code, at [code + limit]. */
export function codeLengths(codes: Int16Array, limit: number): Float64Array {
  const counts = new Float64Array(2 * limit + 1).fill(PRIOR);
  for (const code of codes) counts[code + limit] += 1;
  const total = codes.length + PRIOR * counts.length;
  return counts.map((count) => -Math.log2(count / total));
}

function largestOf(weights: Float64Array, output: number, size: number): number {
  let largest = 0;
  for (let k = 0; k < size; k += 1) largest = Math.max(largest, Math.abs(weights[output * size + k]));
  return largest;
}

function codeLimit(weights: Float64Array, scale: Float64Array, size: number): number {
  let limit = 0;
  scale.forEach((step, o) => {
    limit = Math.max(limit, Math.ceil(largestOf(weights, o, size) / step) + 1);
  });
  return Math.min(limit, MAX_CODE);
}
