/** From the layers of a model to its tables, and for each layer the variant and the offsets that cost least. */
import type { DecoderLimits } from "../../overlay/decoder-limits.js";
import type { LayerWeights } from "../types.js";
import { agglomerated } from "./agglomerate.js";
import type { ClassCosts } from "./class-costs.js";
import { magnitudePrior, productPrior } from "./class-starts.js";
import { deadWeights, liveChannels, withoutDead } from "./dead-channels.js";
import { log2 } from "./deterministic-math.js";
import { type ChosenModel, finish, type Progress } from "./finish-model.js";
import { type Fit, fitLayer, totalBits } from "./fit.js";
import { STORED_OVERHEAD } from "./header.js";
import { type LayerVariant, sampledFitLayer, singleVariants } from "./layer-variants.js";
import { predictedWithin } from "./limits.js";
import { reseeded } from "./reseed.js";
import { type ModelTables, packTables } from "./tables.js";
import {
  type ClassSystem,
  fineCosts,
  hasDeadClass,
  liveCosts,
  type Sampled,
  scaleSystems,
  type TrainedModel,
  trainModel,
} from "./train-model.js";
import type { FitLayer, WeightPasses } from "./weight-passes.js";

/** About what a value's count in a table costs. */
const TABLE_ENTRY_BITS = 12;

/** Share of a model's weights in dead channels that makes a class for them worth its place. */
const DEAD_SHARE = 1 / 64;

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

/** Tables for single weights, at most `mostClasses` of them, and the cheapest variant of each layer under them. */
export function chooseSingles(
  layers: readonly LayerWeights[],
  settings: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const fine = fineCosts();
  const dead = settings.mostClasses > 1 && deadShare(layers) > DEAD_SHARE;
  const cheapest = cheapestSingles(layers, settings, dead);
  const training = trainingLayers(layers.length);
  const sampled = training.map((index) => cheapest(index, fine));
  onProgress(0.2);
  const model = trainBest(sampled, dead, settings, (done) => onProgress(0.2 + 0.5 * done));
  const costs = liveCosts(model, false);
  const chosen = layers.map((_, index) => {
    const trained = training.indexOf(index);
    return trained < 0 ? cheapest(index, costs) : { ...sampled[trained], fit: model.fits[trained] };
  });
  return finish(layers, chosen, model, settings, (done) => onProgress(0.7 + 0.3 * done));
}

/** The best model that several ways to begin lead to, and that single classes for single layers make better still. */
function trainBest(
  sampled: readonly (Sampled & { fit: Fit })[],
  dead: boolean,
  { log, mostClasses: all, passes }: ChoiceSettings,
  onProgress: Progress,
): TrainedModel {
  const mostClasses = all - (dead ? 1 : 0);
  const [first, ...others]: ClassSystem[] = [
    ...scaleSystems(sampled, mostClasses),
    { starts: agglomerated(sampled, mostClasses, magnitudePrior) },
  ];
  let best = trainModel(sampled, first, log, dead, passes);
  others.forEach((system, index) => {
    onProgress((index + 1) / (others.length + 2));
    const model = trainModel(sampled, system, log, dead, passes);
    if (model.bits < best.bits) best = model;
  });
  const tried = new Set<number>();
  for (;;) {
    onProgress((others.length + 1) / (others.length + 2));
    const system = reseeded(sampled, best, tried);
    if (!system) return best;
    const model = trainModel(sampled, system, log, dead, passes);
    if (model.bits >= best.bits) return best;
    best = model;
  }
}

/** Layers of single weights under tables that are there already. */
export function chooseUnder(
  tables: ModelTables,
  layers: readonly LayerWeights[],
  settings: ChoiceSettings,
  onProgress: Progress,
): ChosenModel {
  const given = { tables, dead: hasDeadClass(tables) };
  const costs = liveCosts(given, false);
  const cheapest = cheapestSingles(layers, settings, given.dead);
  const chosen = layers.map((_, index) => cheapest(index, costs));
  onProgress(0.5);
  return finish(layers, chosen, given, settings, (done) => onProgress(0.5 + 0.5 * done));
}

/** The cheapest variant of a layer, by its index, and its fit to given classes. */
function cheapestSingles(
  layers: readonly LayerWeights[],
  { sample, passes, limits }: ChoiceSettings,
  dead: boolean,
): (index: number, costs: ClassCosts) => Sampled & { fit: Fit } {
  const budgets = trainingBudgets(layers.map(({ weights }) => weights.length));
  return (index, costs) => {
    const layer = layers[index];
    const variants = singleVariants(layer).filter(({ prediction }) => {
      return !prediction || predictedWithin(prediction, layer.layout, limits);
    });
    const candidates = variants.map((variant) => {
      const sampled = sampledFitLayer(layer, variant, passes, sample, budgets[index]);
      const live = dead ? liveChannels(sampled) : undefined;
      const scale = layer.weights.length / sampled.values.length;
      return { variant, layer: live ? withoutDead(sampled, live) : sampled, live, scale };
    });
    return cheapestVariant(candidates, costs, passes);
  };
}

/** Share of the weights that lie in channels of nothing but zeros. */
function deadShare(layers: readonly LayerWeights[]): number {
  let dead = 0;
  let all = 0;
  for (const layer of layers) {
    all += layer.weights.length;
    dead += deadWeights(layer);
  }
  return dead / all;
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
  const starts = agglomerated(sampled, mostClasses, productPrior);
  onProgress(0.3);
  const trained = trainModel(sampled, { starts }, log, false, passes);
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
  const moved = pairs.classes.map(({ table, ...buckets }) => ({
    table: table + singles.tables.length,
    ...buckets,
  }));
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
