/** From the layers of a model to its tables, and for each layer the variant and the offsets that cost least. */
import { ClassCosts, modelCosts } from "./class-costs.js";
import { exp2 } from "./deterministic-math.js";
import { classHistograms, type Fit, fitLayer, totalBits } from "./fit.js";
import type { LayerVariant } from "./layer-variants.js";
import { priorProbabilities, probabilityCosts } from "./prior.js";
import { type ModelTables, packTables } from "./tables.js";
import { trainTables } from "./train.js";

export interface ChosenLayer {
  readonly variant: LayerVariant;
  readonly fit: Fit;
}

export interface ChosenModel {
  readonly tables: ModelTables;
  readonly layers: readonly ChosenLayer[];
  /** Estimated bits of everything, the tables section included. */
  readonly bits: number;
}

/** Scales of the first fit: quarter octaves, standard deviations 0.25 to 84. */
const FINE_SIGMAS = Array.from({ length: 34 }, (_, index) => 0.25 * exp2(index / 4));
const MAX_CLASSES = 16;
/** Weight of the prior when class probabilities are estimated between rounds. */
const SMOOTHING = 32;
/** A value no class expects costs at most about this: an escape and its raw byte. */
const MOST_BITS = 17;
const ROUNDS = 2;

/** Chooses among the given variants of each layer; all must be of one kind. */
export function chooseModel(
  layers: readonly (readonly LayerVariant[])[],
  log: number,
  onProgress: (done: number) => void,
): ChosenModel {
  const fine = new ClassCosts(FINE_SIGMAS.map((sigma) => probabilityCosts(priorProbabilities(sigma), MOST_BITS)));
  const first = layers.map((variants, index) => {
    onProgress((0.5 * index) / layers.length);
    return cheapestVariant(variants, fine);
  });
  const use = new Float64Array(FINE_SIGMAS.length);
  for (const { variant, fit } of first) {
    classHistograms(variant.fit, FINE_SIGMAS.length, fit).forEach((histogram, index) => {
      use[index] += histogram.reduce((sum, count) => sum + count, 0);
    });
  }
  let best: ChosenModel | undefined;
  for (const sigmas of classSystems(use)) {
    const model = trainModel(first, sigmas, log);
    if (best === undefined || model.bits < best.bits) best = model;
  }
  onProgress(1);
  return best!;
}

export function cheapestVariant(variants: readonly LayerVariant[], costs: ClassCosts): ChosenLayer {
  let best: ChosenLayer | undefined;
  for (const variant of variants) {
    const fit = fitLayer(variant.fit, costs);
    const chosen = { variant, fit: { ...fit, sideBits: fit.sideBits + variant.sideBits } };
    if (best === undefined || totalBits(chosen.fit) < totalBits(best.fit)) best = chosen;
  }
  return best!;
}

/** Sets of at most 16 scales: quarter octaves where the model's scales lie close together, and half octaves. */
function classSystems(use: Float64Array): number[][] {
  const systems: number[][] = [];
  for (const stride of [1, 2]) {
    let best = { mass: -1, from: 0, to: 0 };
    for (let from = 0; from < use.length; from += 1) {
      const to = Math.min(from + stride * (MAX_CLASSES - 1), use.length - 1);
      let mass = 0;
      for (let index = from; index <= Math.min(to + stride - 1, use.length - 1); index += 1) mass += use[index];
      if (mass > best.mass) best = { mass, from, to };
    }
    const system: number[] = [];
    for (let index = best.from; index <= best.to; index += stride) system.push(FINE_SIGMAS[index]);
    systems.push(system);
  }
  return systems;
}

function trainModel(layers: readonly ChosenLayer[], sigmas: readonly number[], log: number): ChosenModel {
  let costs = new ClassCosts(sigmas.map((sigma) => probabilityCosts(priorProbabilities(sigma), MOST_BITS)));
  let fits = layers.map(({ variant }) => fitLayer(variant.fit, costs));
  for (let round = 0; round < ROUNDS; round += 1) {
    const histograms = demandOf(layers, fits, sigmas.length);
    costs = new ClassCosts(histograms.map((own, index) => smoothedCosts(own, sigmas[index])));
    fits = layers.map(({ variant }, index) => fitLayer(variant.fit, costs, fits[index]));
  }
  const histograms = demandOf(layers, fits, sigmas.length);
  const tables = trainTables(
    histograms.map((histogram, index) => ({ histogram, sigma: sigmas[index] })),
    log,
    false,
  );
  const final = modelCosts(tables, tables.classes.map((_, index) => index), false);
  fits = layers.map(({ variant }, index) => fitLayer(variant.fit, final, fits[index]));
  let bits = packTables(tables).length * 8;
  const chosen = layers.map(({ variant }, index) => {
    const fit = { ...fits[index], sideBits: fits[index].sideBits + variant.sideBits };
    bits += totalBits(fit);
    return { variant, fit };
  });
  return { tables, layers: chosen, bits };
}

function demandOf(layers: readonly ChosenLayer[], fits: readonly Fit[], classes: number): Float64Array[] {
  const total = Array.from({ length: classes }, () => new Float64Array(256));
  layers.forEach(({ variant }, index) => {
    classHistograms(variant.fit, classes, fits[index]).forEach((histogram, own) => {
      for (let value = 0; value < 256; value += 1) total[own][value] += histogram[value];
    });
  });
  return total;
}

function smoothedCosts(histogram: Float64Array, sigma: number): Int32Array {
  const prior = priorProbabilities(sigma);
  let total = 0;
  const shares = prior.map((probability, value) => {
    const share = histogram[value] + SMOOTHING * probability;
    total += share;
    return share;
  });
  return probabilityCosts(
    shares.map((share) => share / total),
    MOST_BITS,
  );
}

