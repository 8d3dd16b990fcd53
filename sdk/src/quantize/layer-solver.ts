/** One layer's codes and scales by any of the methods: from its weights alone, or against the error it makes. */
import { adaRound, defaultAdaRound } from "./adaround.js";
import { roundToGrid, weightScales } from "./calibrate.js";
import { compensate } from "./compensate.js";
import { codesOnLevels, levelScales } from "./fit-levels.js";
import { type GramSystem, prepareGram, refitScales } from "./gram-solver.js";
import { inqScale, partitionIncrementally } from "./incremental-partition.js";
import { levelsOf } from "./level-sets/index.js";
import { damped } from "./linear-algebra.js";
import { type WeightOptions, weightScaleKind } from "./methods.js";
import { priceTerms } from "./priced-terms.js";
import { diagonal, type LayerCodes, quantizeRateDistortion } from "./rate-distortion.js";
import { coarseSide } from "./side-information.js";
import { clusterWeights } from "./structure/clustering.js";
import { refitMasked } from "./structure/masked-refit.js";
import { approximateSuccessively } from "./successive-vectors.js";

/** Damping of the second moments for the solvers, as a share of their mean. */
const SOLVER_RIDGE = 0.003;
const RATE_ROUNDS = 3;

export interface GroupContext {
  /** Squared logit error per squared error of each output; 1 where it is not known. */
  readonly importance?: Float64Array;
  /** [O][O]: the same with the products of outputs; the importance alone where it is not known. */
  readonly coupling?: Float64Array;
  /** Kernel taps of a row; 1 where it is not known. */
  readonly taps?: number;
  /** [O][K]; 0 for weights that go. */
  readonly mask?: Uint8Array;
  /** The weights under that mask, when they are known already (`refitMasked`). */
  readonly refitted?: Float64Array;
  readonly random: () => number;
}

/** Second moments as the solvers want them. */
export function layerGram(covariance: Float64Array, inputs: number): GramSystem {
  return prepareGram(damped(covariance, inputs, SOLVER_RIDGE), inputs);
}

/** Every weight for itself. @param weights [O][K] */
export function solveNearest(weights: Float64Array, outputs: number, settings: WeightOptions): LayerCodes {
  if (settings.method === "sva") {
    const { termsPerWeight, termCounter: counter } = settings;
    return approximateSuccessively(weights, outputs, { termsPerWeight, counter });
  }
  const { bits, perChannel, rounding } = settings;
  const scales = weightScaleKind(settings);
  const levels = levelsOf(settings);
  if (levels) {
    const scale = levelScales(weights, outputs, levels, { scales, perChannel, range: "mse" });
    return { codes: codesOnLevels(weights, scale, levels, rounding), scale };
  }
  const scale = uniformScales(weights, outputs, settings);
  const size = weights.length / outputs;
  const limit = 2 ** (bits - 1) - 1;
  const codes = Int16Array.from(weights, (weight, index) =>
    roundToGrid(weight, scale[Math.floor(index / size)], limit),
  );
  return { codes, scale };
}

/** Codes and steps for weights `free` [O][K] by any of the methods that weigh errors with second moments. */
export function solveGroup(
  free: Float64Array,
  gram: GramSystem,
  settings: WeightOptions,
  context: GroupContext,
): LayerCodes {
  const { mask } = context;
  const { size } = gram;
  const importance = context.importance ?? new Float64Array(free.length / size).fill(1);
  const isPrunedFirst = mask && settings.pruningOrder === "prune-first";
  const target = isPrunedFirst ? (context.refitted ?? refitMasked(free, mask, gram.matrix, size)) : free;
  const solved = solveTarget(target, gram, settings, importance, {
    coupling: context.coupling,
    taps: context.taps,
    mask: isPrunedFirst ? mask : undefined,
    random: context.random,
  });
  let { scale } = solved;
  const { codes } = solved;
  if (mask && !isPrunedFirst) {
    for (let index = 0; index < codes.length; index += 1) codes[index] *= mask[index];
    if (weightScaleKind(settings) === "free" && settings.perChannel)
      scale = refitScales(free, scale, gram, codes);
  }
  return { codes, scale };
}

function solveTarget(
  target: Float64Array,
  gram: GramSystem,
  settings: WeightOptions,
  importance: Float64Array,
  { coupling, taps, mask, random }: GroupContext,
): LayerCodes {
  const { bits, perChannel, termsPerWeight } = settings;
  const scales = weightScaleKind(settings);
  const outputs = importance.length;
  switch (settings.method) {
    case "rate-distortion": {
      const { lambda, kappa } = settings;
      const sharedStep = !perChannel;
      return quantizeRateDistortion(target, gram, coupling ?? diagonal(importance), {
        lambda,
        kappa,
        sharedStep,
        rounds: RATE_ROUNDS,
        mask,
        taps,
        roundScale: coarseSide.scale,
      });
    }
    case "clustering": {
      const { clusters, clusterStart: start, clusterRounds: rounds } = settings;
      return clusterWeights(target, gram, { clusters, start, rounds, importance, random });
    }
    case "adaround": {
      const scale = uniformScales(target, outputs, settings);
      const { iterations } = settings;
      const limit = 2 ** (bits - 1) - 1;
      const codes = adaRound(target, scale, gram, { ...defaultAdaRound, iterations, limit });
      const refits = scales === "free" && perChannel;
      return { codes, scale: refits ? refitScales(target, scale, gram, codes) : scale };
    }
    case "inq": {
      const levels = levelsOf(settings) as Int16Array;
      const scale =
        scales === "free" && perChannel
          ? levelScales(target, outputs, levels, { scales, perChannel, range: "mse" })
          : inqScale(target, outputs, levels);
      const codes = partitionIncrementally(target, scale, gram, levels);
      const refits = scales === "free" && perChannel;
      return { codes, scale: refits ? refitScales(target, scale, gram, codes) : scale };
    }
    case "sva":
      return priceTerms(target, gram, { termsPerWeight, importance, scales });
    default:
      return compensate(target, gram, {
        levels: levelsOf(settings),
        bits,
        scales,
        perChannel,
        importance,
        mask,
      });
  }
}

function uniformScales(weights: Float64Array, outputs: number, settings: WeightOptions): Float64Array {
  const { bits, perChannel } = settings;
  const scales = weightScaleKind(settings);
  const range = bits >= 8 && scales === "free" ? "min-max" : "mse";
  return weightScales(weights, outputs, { bits, scales, perChannel, range });
}
