/** From the layers of a model to its tables, and for each layer the variant and the offsets that cost least. */
import type { DecoderLimits } from "../../overlay/decoder-limits.js";
import type { LayerWeights } from "../types.js";
import { BIT, ClassCosts, modelCosts } from "./class-costs.js";
import { classHistograms } from "./class-histograms.js";
import { type ClassStart, clusterClasses, type Prior, scalePrior, smoothed } from "./cluster.js";
import { exp2, log2 } from "./deterministic-math.js";
import { type Fit, fitLayer, measured, refitLayer, totalBits } from "./fit.js";
import { kinds, STORED_OVERHEAD } from "./header.js";
import { type LayerVariant, sampledFitLayer, singleVariants, wholeFitLayer } from "./layer-variants.js";
import { predictedWithin } from "./limits.js";
import { cheapestClass, makeCodable } from "./make-codable.js";
import { priorProbabilities, probabilityCosts } from "./prior.js";
import { type ModelTables, packTables } from "./tables.js";
import { type ClassDemand, trainTables } from "./train.js";
import type { FitLayer, Offsets, WeightPasses } from "./weight-passes.js";

export interface ChosenLayer {
  readonly variant: LayerVariant;
  /** How many weights it has. */
  readonly weights: number;
  /** Offsets of `a` count from `first`. */
  readonly fit: Fit;
  /** Classes of the model this layer may use. */
  readonly first: number;
  readonly last: number;
}

export interface ChosenModel {
  readonly tables: ModelTables;
  readonly layers: readonly ChosenLayer[];
}

export type Progress = (done: number) => void;

/** Scales of the first fit: quarter octaves, standard deviations 0.25 to 84. */
const FINE_SIGMAS = Array.from({ length: 34 }, (_, index) => 0.25 * exp2(index / 4));
/** A value no class expects costs at most about this: an escape and its raw byte. */
const MOST_BITS = 17;
const ROUNDS = 4;
/** About what a value's count in a table costs. */
const TABLE_ENTRY_BITS = 12;

/** Training looks at about this many weights of a model, or this many of each layer if that is more. */
const TRAINING_WEIGHTS = 300_000;
const LAYER_TRAINING_WEIGHTS = 4_096;
const MOST_TRAINING_LAYERS = 64;
const GOLDEN_RATIO = 0.618_033_988_749_895;

/** How a model is chosen. */
export interface ChoiceSettings {
  /** R of the tables. */
  readonly log: number;
  readonly mostClasses: number;
  /** Values an offset of a channel or tap is judged by. */
  readonly sample: number;
  readonly passes: WeightPasses;
  readonly limits: DecoderLimits;
}

/** A sample of a layer in one of its variants. */
interface Sampled {
  readonly variant: LayerVariant;
  readonly layer: FitLayer;
  /** Values of the whole layer behind each of the sample. */
  readonly scale: number;
}

/** Tables for single weights, at most `mostClasses` of them, and the cheapest variant of each layer under them. */
export function chooseSingles(
  layers: readonly LayerWeights[],
  settings: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const { log, mostClasses, passes } = settings;
  const fine = new ClassCosts(
    FINE_SIGMAS.map((sigma) => probabilityCosts(priorProbabilities(sigma), MOST_BITS)),
  );
  const cheapest = cheapestSingles(layers, settings);
  const training = trainingLayers(layers.length);
  const sampled = training.map((index) => cheapest(index, fine));
  onProgress(0.2);
  const clusters = clusterClasses(
    sampled.map(({ layer }) => layer),
    mostClasses,
    false,
  );
  const systems: ClassSystem[] = [...scaleSystems(sampled, mostClasses), { starts: clusters }];
  let best: TrainedModel | undefined;
  systems.forEach((system, index) => {
    const model = trainModel(sampled, system, log, passes);
    if (best === undefined || model.bits < best.bits) best = model;
    onProgress(0.2 + (0.5 * (index + 1)) / systems.length);
  });
  const { tables, fits } = best!;
  const costs = allCosts(tables, false);
  const chosen = layers.map((_, index) => {
    const trained = training.indexOf(index);
    return trained < 0 ? cheapest(index, costs) : { ...sampled[trained], fit: fits[trained] };
  });
  return finish(layers, chosen, best!, settings, (done) => onProgress(0.7 + 0.3 * done));
}

/** Layers of single weights under tables that are there already. */
export function chooseUnder(
  tables: ModelTables,
  layers: readonly LayerWeights[],
  settings: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const costs = allCosts(tables, false);
  const cheapest = cheapestSingles(layers, settings);
  const chosen = layers.map((_, index) => cheapest(index, costs));
  onProgress(0.5);
  return finish(layers, chosen, { tables }, settings, (done) => onProgress(0.5 + 0.5 * done));
}

/** The cheapest variant of a layer, by its index, and its fit to given classes. */
function cheapestSingles(
  layers: readonly LayerWeights[],
  { sample, passes, limits }: ChoiceSettings,
): (index: number, costs: ClassCosts) => Sampled & { fit: Fit } {
  const budgets = trainingBudgets(layers.map(({ weights }) => weights.length));
  return (index, costs) => {
    const layer = layers[index];
    const variants = singleVariants(layer).filter(({ prediction }) => {
      return !prediction || predictedWithin(prediction, layer.layout, limits);
    });
    const candidates = variants.map((variant) => {
      const sampled = sampledFitLayer(layer, variant, passes, sample, budgets[index]);
      return { variant, layer: sampled, scale: layer.weights.length / sampled.values.length };
    });
    return cheapestVariant(candidates, costs, passes);
  };
}

/** Layers that take part in training: all, or in a deep model an even but aperiodic choice, since blocks of layers recur. */
function trainingLayers(count: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (count <= MOST_TRAINING_LAYERS) return all;
  const place = (index: number): number => (index * GOLDEN_RATIO) % 1;
  const chosen = [...all].sort((left, right) => place(left) - place(right)).slice(0, MOST_TRAINING_LAYERS);
  return chosen.sort((left, right) => left - right);
}

/** Tables for pairs, and the offsets of each layer under them. */
export function choosePairs(
  layers: readonly LayerWeights[],
  variants: readonly LayerVariant[],
  settings: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const { log, mostClasses, sample, passes } = settings;
  const budgets = trainingBudgets(layers.map(({ weights }) => Math.ceil(weights.length / 2)));
  const sampled = layers.map((layer, index) => {
    const variant = variants[index];
    const part = sampledFitLayer(layer, variant, passes, sample, 2 * budgets[index]);
    return { variant, layer: part, scale: layer.weights.length / (2 * part.values.length) };
  });
  const system = clusterClasses(
    sampled.map(({ layer }) => layer),
    mostClasses,
    true,
  );
  onProgress(0.3);
  const trained = trainModel(sampled, { starts: system }, log, passes);
  const chosen = trained.fits.map((fit, index) => ({ ...sampled[index], fit }));
  return finish(layers, chosen, trained, settings, (done) => onProgress(0.5 + 0.5 * done));
}

/** Estimated bytes of tables and layers. */
export function modelBytes({ tables, layers }: ChosenModel): number {
  return layers.reduce((sum, { fit, weights }) => {
    return sum + Math.min(totalBits(fit) / 8, weights + STORED_OVERHEAD);
  }, packTables(tables).length);
}

/** One set of tables for both; the layers keep their own. */
export function joinTables(singles: ModelTables, pairs: ModelTables): ModelTables {
  const moved = pairs.classes.map(({ table, ...buckets }) => ({ table: table + singles.tables.length, ...buckets }));
  return {
    log: singles.log,
    tables: [...singles.tables, ...pairs.tables],
    classes: [...singles.classes, ...moved],
  };
}

/** Shares the weights for training out: whole small layers, and the same number for each of the large ones. */
function trainingBudgets(sizes: readonly number[]): number[] {
  const ascending = [...sizes].sort((left, right) => left - right);
  let left = Math.max(TRAINING_WEIGHTS, LAYER_TRAINING_WEIGHTS * sizes.length);
  let limit = Number.POSITIVE_INFINITY;
  ascending.forEach((size, index) => {
    const share = left / (ascending.length - index);
    if (size > share && limit === Number.POSITIVE_INFINITY) limit = share;
    left -= Math.min(size, share);
  });
  return sizes.map((size) => Math.max(1, Math.floor(Math.min(size, limit))));
}

function allCosts(tables: ModelTables, pairs: boolean): ClassCosts {
  return modelCosts(tables, Array.from(tables.classes.keys()), pairs);
}

function cheapestVariant(
  candidates: readonly Sampled[],
  costs: ClassCosts,
  passes: WeightPasses,
): Sampled & { fit: Fit } {
  let best: { sampled: Sampled; fit: Fit; bits: number } | undefined;
  for (const sampled of candidates) {
    const fit = fitLayer(sampled.layer, costs, passes);
    const bits = Math.min(totalBits(fit), alphabetBits(sampled.layer)) + sampled.variant.sideBits;
    if (best === undefined || bits < best.bits) best = { sampled, fit, bits };
  }
  return { ...best!.sampled, fit: best!.fit };
}

/**
 * What a table of the layer's own values would cost: far less than any bell-shaped class where only a few values occur
 * (powers of two, clusters), which prediction would smear over all of them.
 */
function alphabetBits({ values }: FitLayer): number {
  const histogram = new Float64Array(256);
  for (const value of values) histogram[value] += 1;
  let bits = 0;
  for (const count of histogram) {
    if (count > 0) bits += count * (log2(values.length) - log2(count)) + TABLE_ENTRY_BITS;
  }
  return bits;
}

/** Sets of scales: quarter octaves where the model's scales lie close together, and half octaves. */
function scaleSystems(layers: readonly (Sampled & { fit: Fit })[], most: number): ClassSystem[] {
  const use = new Float64Array(FINE_SIGMAS.length);
  for (const { layer, fit } of layers) {
    classHistograms(layer, FINE_SIGMAS.length, fit).forEach((histogram, index) => {
      use[index] += histogram.reduce((sum, count) => sum + count, 0);
    });
  }
  return [1, 2].map((stride) => {
    let best = { mass: -1, from: 0, to: 0 };
    for (let from = 0; from < use.length; from += 1) {
      const to = Math.min(from + stride * (most - 1), use.length - 1);
      let mass = 0;
      for (let index = from; index <= Math.min(to + stride - 1, use.length - 1); index += 1)
        mass += use[index];
      if (mass > best.mass) best = { mass, from, to };
    }
    const starts: ClassStart[] = [];
    for (let index = best.from; index <= best.to; index += stride) {
      const sigma = FINE_SIGMAS[index];
      starts.push({ probabilities: priorProbabilities(sigma), prior: scalePrior(sigma) });
    }
    const offsets = layers.map(({ fit }): Offsets => {
      return {
        a: fit.a.map((value) => Math.round((value - best.from) / stride)),
        b: fit.b.map((value) => Math.round(value / stride)),
        c: fit.c.map((value) => Math.round(value / stride)),
      };
    });
    return { starts, offsets };
  });
}

interface ClassSystem {
  readonly starts: readonly ClassStart[];
  /** Offsets to begin with, from the fit under FINE_SIGMAS. */
  readonly offsets?: readonly Offsets[];
}

interface TrainedModel {
  readonly tables: ModelTables;
  /** Of the training's sample of each layer. */
  readonly fits: readonly Fit[];
  /** Estimated bits of the model, tables section included. */
  readonly bits: number;
  readonly priors: readonly Prior[];
}

/** Alternates between fitting the layers to the classes and the classes to the layers. */
function trainModel(
  layers: readonly Sampled[],
  { starts: system, offsets }: ClassSystem,
  log: number,
  passes: WeightPasses,
): TrainedModel {
  const pairs = layers[0].variant.kind === kinds.pairs;
  const priors = system.map(({ prior }) => prior);
  let costs = new ClassCosts(system.map(({ probabilities }) => probabilityCosts(probabilities, MOST_BITS)));
  let fits: Offsets[] = layers.map(({ layer }, index) => {
    return offsets ? refitLayer(layer, costs, passes, offsets[index]) : fitLayer(layer, costs, passes);
  });
  for (let round = 0; round < ROUNDS; round += 1) {
    costs = new ClassCosts(
      demandOf(layers, fits, system.length, priors).map(({ histogram, prior }) => {
        return probabilityCosts(smoothed(histogram, prior), MOST_BITS);
      }),
    );
    fits = layers.map(({ layer }, index) => refitLayer(layer, costs, passes, fits[index]));
  }
  const tables = trainTables(demandOf(layers, fits, system.length, priors), log, pairs);
  const final = allCosts(tables, pairs);
  const last = layers.map(({ layer }, index) => {
    return measured(layer, final, passes, refitLayer(layer, final, passes, fits[index]));
  });
  const bits = last.reduce((sum, fit, index) => {
    const { scale, variant } = layers[index];
    return sum + (scale * fit.cost) / BIT + fit.sideBits + variant.sideBits;
  }, packTables(tables).length * 8);
  return { tables, fits: last, bits, priors };
}

/** What the classes have to code, and what smooths it. */
function demandOf(
  layers: readonly Sampled[],
  fits: readonly Offsets[],
  classes: number,
  priors: readonly Prior[],
): ClassDemand[] {
  const total = Array.from({ length: classes }, () => new Float64Array(256));
  layers.forEach(({ layer, scale }, index) => {
    classHistograms(layer, classes, fits[index]).forEach((histogram, own) => {
      for (let value = 0; value < 256; value += 1) total[own][value] += Math.sqrt(scale) * histogram[value];
    });
  });
  return total.map((histogram, index) => ({ histogram, prior: priors[index](histogram) }));
}

/**
 * Fits whole layers to trained tables, beginning with the fits of their samples, and then trains the tables once more on
 * all weights unless they are given. No layer costs more than in its cheapest class alone.
 */
function finish(
  layers: readonly LayerWeights[],
  samples: readonly { readonly variant: LayerVariant; readonly scale: number; readonly fit: Offsets }[],
  { tables: earlier, priors }: { readonly tables: ModelTables; readonly priors?: readonly Prior[] },
  { sample, passes }: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const pairs = samples[0].variant.kind === kinds.pairs;
  const last = earlier.classes.length - 1;
  const costs = allCosts(earlier, pairs);
  const whole = layers.map((weights, index) => {
    const { variant, fit } = samples[index];
    const layer = wholeFitLayer(weights, variant, passes, sample);
    const offsets = refitLayer(layer, costs, passes, fit);
    onProgress((0.7 * (index + 1)) / layers.length);
    return { layer, variant, scale: 1, offsets };
  });
  const offsets = whole.map((own) => own.offsets);
  const sampled = samples.some(({ scale }) => scale > 1);
  const tables = priors && sampled
    ? trainTables(demandOf(whole, offsets, earlier.classes.length, priors), earlier.log, pairs)
    : earlier;
  const final = allCosts(tables, pairs);
  const chosen = whole.map(({ layer, variant }, index): ChosenLayer => {
    const fitted = makeCodable(layer, final, passes, offsets[index]);
    const flat = cheapestClass(layer, final);
    const fit = totalBits(flat) < totalBits(fitted) ? flat : fitted;
    onProgress(0.7 + (0.3 * (index + 1)) / layers.length);
    const sideBits = fit.sideBits + variant.sideBits;
    return { variant, weights: layers[index].weights.length, fit: { ...fit, sideBits }, first: 0, last };
  });
  return { tables, layers: chosen };
}
