/**
 * The best codes on a fixed set of levels against the layer's error: Gram-matrix solver, coordinate descent and scale
 * refit in turn (arXiv 2208.11580, 2210.17323). Every grid has this form: uniform, powers of two, sums of them. With scales
 * that are powers of two (the method `rapq`) each exponent is the one of least layer error among its neighbours, after
 * RAPQ (arXiv 2204.12322), whose block reconstruction the solver takes the place of.
 */
import { weightScales } from "./calibrate.js";
import { levelScales } from "./fit-levels.js";
import {
  type CodePrice,
  descend,
  type GramSystem,
  outputErrors,
  refitScales,
  refitSharedScale,
  roundWithGram,
} from "./gram-solver.js";
import type { ScaleKind } from "./grids.js";
import type { LayerCodes } from "./rate-distortion.js";

export interface CompensateOptions {
  /** The codes allowed, ascending and symmetric; absent: every integer of `bits`. */
  readonly levels?: Int16Array;
  /** 2..8. */
  readonly bits: number;
  readonly scales: ScaleKind;
  readonly perChannel: boolean;
  /** Weight of the squared error of each output; decides a scale that outputs share. */
  readonly importance: Float64Array;
  /** [O][K]; 0 keeps a weight at 0. */
  readonly mask?: Uint8Array;
}

const DESCENT_PASSES = 3;
/** Rounds of codes and scales in turn. */
const ROUNDS = 2;
/** Around the scale of least weight error: powers of two by octaves, free scales more finely. */
const OCTAVES = [1, 0.5, 2];
const FACTORS = [1, 0.7, 0.8, 0.9, 1.1, 1.25];
/** With 8 bits scales at the largest magnitude lose nothing, and a refit gains nothing. */
const FINE_BITS = 8;

/** @param target [O][K] that the layer should have */
export function compensate(target: Float64Array, gram: GramSystem, options: CompensateOptions): LayerCodes {
  const { levels, bits, scales, perChannel, importance, mask } = options;
  const isFine = bits >= FINE_BITS && !levels;
  const limit = levels ? levels[levels.length - 1] : 2 ** (bits - 1) - 1;
  const price: CodePrice = { limit, levels, lambda: 0, importance, mask };
  const solve = (scale: Float64Array): Int16Array => {
    const codes = roundWithGram(target, scale, gram, price);
    descend(target, scale, gram, codes, price, DESCENT_PASSES);
    return codes;
  };
  const outputs = importance.length;
  const range = isFine && scales === "free" ? "min-max" : "mse";
  let scale = levels
    ? levelScales(target, outputs, levels, { scales, perChannel, range })
    : weightScales(target, outputs, { bits, scales, perChannel, range });
  if (isFine) return { codes: solve(scale), scale };
  const factors = scales === "power-of-two" ? OCTAVES : FACTORS;
  let codes: Int16Array;
  ({ codes, scale } = bestScales(target, gram, scale, factors, perChannel, importance, solve));
  if (scales === "power-of-two") return { codes, scale };
  const refit = (): Float64Array =>
    perChannel
      ? refitScales(target, scale, gram, codes)
      : refitSharedScale(target, scale, gram, codes, importance);
  for (let round = 0; round < ROUNDS; round += 1) {
    scale = refit();
    codes = solve(scale);
  }
  return { codes, scale: refit() };
}

/** The same problem on smaller and larger steps; the best for each output, or for all where they share it. */
function bestScales(
  target: Float64Array,
  gram: GramSystem,
  middle: Float64Array,
  factors: readonly number[],
  perChannel: boolean,
  importance: Float64Array,
  solve: (scale: Float64Array) => Int16Array,
): LayerCodes {
  const candidates = factors.map((factor) => {
    const scale = middle.map((value) => value * factor);
    const codes = solve(scale);
    return { scale, codes, errors: outputErrors(target, scale, gram, codes) };
  });
  if (!perChannel) {
    const total = (errors: Float64Array): number =>
      errors.reduce((sum, error, o) => sum + importance[o] * error, 0);
    return candidates.reduce((best, next) => (total(next.errors) < total(best.errors) ? next : best));
  }
  const [{ scale, codes, errors }, ...others] = candidates;
  for (const other of others) {
    for (let o = 0; o < scale.length; o += 1) {
      if (other.errors[o] >= errors[o]) continue;
      errors[o] = other.errors[o];
      scale[o] = other.scale[o];
      codes.set(other.codes.subarray(o * gram.size, (o + 1) * gram.size), o * gram.size);
    }
  }
  return { scale, codes };
}
