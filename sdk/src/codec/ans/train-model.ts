/** Trains a model's classes: what they have to code by a sample of its layers, and the tables that follow. */
import { ClassCosts, modelCosts } from "./class-costs.js";
import { ClassHistograms } from "./class-histograms.js";
import { type ClassStart, type Prior, scalePrior, smoothed } from "./class-starts.js";
import type { LiveChannels } from "./dead-channels.js";
import { exp2 } from "./deterministic-math.js";
import { type Fit, fitLayer, measured, refitLayer, totalBits } from "./fit.js";
import { kinds } from "./header.js";
import type { LayerVariant } from "./layer-variants.js";
import { priorProbabilities, probabilityCosts } from "./prior.js";
import { SYMBOLS } from "./state-table.js";
import { type ModelTables, packTables } from "./tables.js";
import { type ClassDemand, trainTables } from "./train.js";
import type { FitLayer, Offsets, WeightPasses } from "./weight-passes.js";

/** A layer, or a sample of it, in one of its variants. */
export interface Sampled {
  readonly variant: LayerVariant;
  /** Without its dead channels, if `live` is there. */
  readonly layer: FitLayer;
  readonly live?: LiveChannels;
  /** Values of the whole layer behind each of the sample. */
  readonly scale: number;
}

/** Scales of the first fit: quarter octaves, standard deviations 0.25 to 84. */
const FINE_SIGMAS = Array.from({ length: 34 }, (_, index) => 0.25 * exp2(index / 4));
/** A value no class expects costs at most about this: an escape and its raw byte. */
export const MOST_BITS = 17;
const ROUNDS = 4;
/** Weights of a layer that tell what its classes have to code. */
const MOST_COUNTED = 65_536;

export function fineCosts(): ClassCosts {
  return new ClassCosts(FINE_SIGMAS.map((sigma) => probabilityCosts(priorProbabilities(sigma), MOST_BITS)));
}

/** Tables of a model, and whether class 0 is kept for dead channels: zero, and nothing else. */
export interface ClassTables {
  readonly tables: ModelTables;
  readonly dead: boolean;
  /** What smooths the counts of the other classes; undefined for tables that are given. */
  readonly priors?: readonly Prior[];
}

/** Costs of the classes that live channels may use: all, or all but class 0. */
export function liveCosts({ tables, dead }: ClassTables, pairs: boolean): ClassCosts {
  const classes = Array.from(tables.classes.keys());
  return modelCosts(tables, dead ? classes.slice(1) : classes, pairs);
}

/** Whether zero is certain in class 0. */
export function hasDeadClass({ tables, classes, log }: ModelTables): boolean {
  return classes.length > 1 && tables[classes[0].table][0] === 1 << log;
}

function withDeadClass({ log, tables, classes }: ModelTables): ModelTables {
  const zero = new Uint16Array(SYMBOLS);
  zero[0] = 1 << log;
  return {
    log,
    tables: [zero, ...tables],
    classes: [
      { table: 0, shift: 0, from: 0, tail: 0 },
      ...classes.map((own) => ({ ...own, table: own.table + 1 })),
    ],
  };
}

/** Sets of scales: quarter octaves where the model's scales lie close together, and half octaves. */
export function scaleSystems(layers: readonly (Sampled & { fit: Fit })[], most: number): ClassSystem[] {
  const use = new Float64Array(FINE_SIGMAS.length);
  for (const { layer, fit } of layers) {
    new ClassHistograms(FINE_SIGMAS.length).add(layer, fit).all.forEach((histogram, index) => {
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

export interface ClassSystem {
  readonly starts: readonly ClassStart[];
  /** Offsets to begin with, from the fit under FINE_SIGMAS. */
  readonly offsets?: readonly Offsets[];
}

export interface TrainedModel extends ClassTables {
  /** Of the training's sample of each layer. */
  readonly fits: readonly Fit[];
  /** Estimated bits of the model, tables section included. */
  readonly bits: number;
  readonly priors: readonly Prior[];
}

/** Alternates between fitting the layers to the classes and the classes to the layers. */
export function trainModel(
  layers: readonly Sampled[],
  { starts: system, offsets }: ClassSystem,
  log: number,
  dead: boolean,
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
  const tables = tablesFor(layers, fits, priors, log, dead);
  const final = liveCosts({ tables, dead }, pairs);
  const last = layers.map(({ layer }, index) => {
    return measured(layer, final, passes, refitLayer(layer, final, passes, fits[index]));
  });
  const bits = last.reduce((sum, fit, index) => {
    const { scale, variant } = layers[index];
    return sum + scale * totalBits(fit) + variant.sideBits;
  }, packTables(tables).length * 8);
  return { tables, dead, fits: last, bits, priors };
}

/** The tables of layers under given offsets; made with more care where no sample stands for the layers. */
export function tablesFor(
  layers: readonly Sampled[],
  fits: readonly Offsets[],
  priors: readonly Prior[],
  log: number,
  dead: boolean,
): ModelTables {
  const pairs = layers[0].variant.kind === kinds.pairs;
  const effort = layers.some(({ scale }) => scale > 1) ? "quick" : "thorough";
  const tables = trainTables(demandOf(layers, fits, priors.length, priors), log, pairs, effort);
  return dead ? withDeadClass(tables) : tables;
}

/** What the classes have to code, and what smooths it. */
export function demandOf(
  layers: readonly Sampled[],
  fits: readonly Offsets[],
  classes: number,
  priors: readonly Prior[],
): ClassDemand[] {
  const total = new ClassHistograms(classes);
  layers.forEach(({ layer, scale }, index) => {
    const stride = Math.max(1, Math.min(layer.outputs >> 4, Math.floor(layer.values.length / MOST_COUNTED)));
    // Of a sampled layer less than it stands for: its sample is all that is known of it.
    total.add(layer, fits[index], stride * Math.sqrt(scale), stride);
  });
  return total.all.map((histogram, index) => ({ histogram, prior: priors[index](histogram) }));
}
