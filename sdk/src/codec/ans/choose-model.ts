/** From the layers of a model to its tables, and for each layer the variant and the offsets that cost least. */
import { ClassCosts, modelCosts } from "./class-costs.js";
import { type ClassStart, clusterClasses, smoothed } from "./cluster.js";
import { exp2 } from "./deterministic-math.js";
import { classHistograms, type Fit, fitLayer, sampleLayer, totalBits } from "./fit.js";
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
}

/** Scales of the first fit: quarter octaves, standard deviations 0.25 to 84. */
const FINE_SIGMAS = Array.from({ length: 34 }, (_, index) => 0.25 * exp2(index / 4));
const MAX_CLASSES = 16;
/** A value no class expects costs at most about this: an escape and its raw byte. */
const MOST_BITS = 17;
const ROUNDS = 2;

/** Chooses among the given variants of each layer; all must be of one kind. */
export function chooseModel(
  layers: readonly (readonly LayerVariant[])[],
  log: number,
  onProgress: (done: number) => void,
): ChosenModel {
  const fine = new ClassCosts(
    FINE_SIGMAS.map((sigma) => probabilityCosts(priorProbabilities(sigma), MOST_BITS)),
  );
  const budgets = trainingBudgets(layers.map(([{ fit }]) => fit.values.length));
  const first = layers.map((variants, index) => {
    const sampled = variants.map((variant) => ({
      ...variant,
      fit: sampleLayer(variant.fit, budgets[index]),
    }));
    return cheapestVariant(sampled, fine);
  });
  onProgress(0.2);
  const use = new Float64Array(FINE_SIGMAS.length);
  for (const { variant, fit } of first) {
    classHistograms(variant.fit, FINE_SIGMAS.length, fit).forEach((histogram, index) => {
      use[index] += histogram.reduce((sum, count) => sum + count, 0);
    });
  }
  const systems = [
    ...scaleSystems(use),
    clusterClasses(
      first.map(({ variant }) => variant.fit),
      MAX_CLASSES,
    ),
  ];
  let best: TrainedModel | undefined;
  systems.forEach((system, index) => {
    const model = trainModel(first, system, log);
    if (best === undefined || model.bits < best.bits) best = model;
    onProgress(0.2 + (0.5 * (index + 1)) / systems.length);
  });
  const { tables, fits } = best!;
  const costs = allCosts(tables);
  const chosen = layers.map((variants, index): ChosenLayer => {
    // The variant of the training, but with all its output channels.
    const { prediction, kind } = first[index].variant;
    const variant = variants.find(
      (candidate) => candidate.prediction === prediction && candidate.kind === kind,
    )!;
    const fit = fitLayer(variant.fit, costs, fits[index]);
    onProgress(0.7 + (0.3 * (index + 1)) / layers.length);
    return { variant, fit: { ...fit, sideBits: fit.sideBits + variant.sideBits } };
  });
  return { tables, layers: chosen };
}

/** Training looks at this many weights of a model at most, small layers first. */
const TRAINING_WEIGHTS = 300_000;

/** Shares TRAINING_WEIGHTS out: whole small layers, and the same number for each of the large ones. */
function trainingBudgets(sizes: readonly number[]): number[] {
  const ascending = [...sizes].sort((left, right) => left - right);
  let left = TRAINING_WEIGHTS;
  let limit = Number.POSITIVE_INFINITY;
  ascending.forEach((size, index) => {
    const share = left / (ascending.length - index);
    if (size > share && limit === Number.POSITIVE_INFINITY) limit = share;
    left -= Math.min(size, share);
  });
  return sizes.map((size) => Math.max(1, Math.floor(Math.min(size, limit))));
}

function allCosts(tables: ModelTables): ClassCosts {
  return modelCosts(tables, Array.from(tables.classes.keys()), false);
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
function scaleSystems(use: Float64Array): ClassStart[][] {
  const systems: ClassStart[][] = [];
  for (const stride of [1, 2]) {
    let best = { mass: -1, from: 0, to: 0 };
    for (let from = 0; from < use.length; from += 1) {
      const to = Math.min(from + stride * (MAX_CLASSES - 1), use.length - 1);
      let mass = 0;
      for (let index = from; index <= Math.min(to + stride - 1, use.length - 1); index += 1)
        mass += use[index];
      if (mass > best.mass) best = { mass, from, to };
    }
    const system: ClassStart[] = [];
    for (let index = best.from; index <= best.to; index += stride) {
      const sigma = FINE_SIGMAS[index];
      system.push({ probabilities: priorProbabilities(sigma), sigma });
    }
    systems.push(system);
  }
  return systems;
}

interface TrainedModel {
  readonly tables: ModelTables;
  /** Of the training's sample of each layer. */
  readonly fits: readonly Fit[];
  /** Estimated bits of that sample, and of the tables section. */
  readonly bits: number;
}

function trainModel(
  layers: readonly ChosenLayer[],
  system: readonly ClassStart[],
  log: number,
): TrainedModel {
  const sigmas = system.map(({ sigma }) => sigma);
  let costs = new ClassCosts(system.map(({ probabilities }) => probabilityCosts(probabilities, MOST_BITS)));
  let fits = layers.map(({ variant }) => fitLayer(variant.fit, costs));
  for (let round = 0; round < ROUNDS; round += 1) {
    const histograms = demandOf(layers, fits, sigmas.length);
    costs = new ClassCosts(
      histograms.map((own, index) => probabilityCosts(smoothed(own, sigmas[index]), MOST_BITS)),
    );
    fits = layers.map(({ variant }, index) => fitLayer(variant.fit, costs, fits[index]));
  }
  const histograms = demandOf(layers, fits, sigmas.length);
  const tables = trainTables(
    histograms.map((histogram, index) => ({ histogram, sigma: sigmas[index] })),
    log,
    false,
  );
  const final = allCosts(tables);
  let bits = packTables(tables).length * 8;
  fits = layers.map(({ variant }, index) => {
    const fit = fitLayer(variant.fit, final, fits[index]);
    bits += totalBits(fit) + variant.sideBits;
    return fit;
  });
  return { tables, fits, bits };
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
