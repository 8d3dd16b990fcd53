/** The last step of choosing a model: whole layers under trained tables. */
import type { LayerWeights } from "../types.js";
import type { ClassCosts } from "./class-costs.js";
import { liveChannels, liveOffsets, spreadInputs, withDead, withoutDead } from "./dead-channels.js";
import { type Fit, fitLayer, offsetBits, refitWhole, totalBits } from "./fit.js";
import { kinds } from "./header.js";
import { type LayerVariant, wholeFitLayer } from "./layer-variants.js";
import { cheapestClass, makeCodable } from "./make-codable.js";
import type { ModelTables } from "./tables.js";
import { type ClassTables, liveCosts, type Sampled, tablesFor } from "./train-model.js";
import { trimClasses } from "./trim-classes.js";
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

export interface FinishSettings {
  readonly sample: number;
  readonly passes: WeightPasses;
}

/** Of the classes that weights may use, and of those with the one for dead channels before them. */
interface LayerCosts {
  readonly live: ClassCosts;
  readonly all: ClassCosts;
}

/** A whole layer with offsets of its live channels, which count from class 0. */
interface Whole extends Sampled {
  readonly full: FitLayer;
  readonly offsets: Offsets;
}

/**
 * Fits whole layers to trained tables, beginning with the fits of their samples, and trains the tables once more on all
 * weights where they saw but a sample. No layer costs more than in its cheapest class alone.
 */
export function finish(
  layers: readonly LayerWeights[],
  samples: readonly (Sampled & { readonly fit: Offsets })[],
  trained: ClassTables,
  { sample, passes }: FinishSettings,
  onProgress: Progress,
): ChosenModel {
  const { tables: earlier, dead, priors } = trained;
  const pairs = samples[0].variant.kind === kinds.pairs;
  const allCosts = (tables: ModelTables): LayerCosts => {
    return { live: liveCosts({ tables, dead }, pairs), all: liveCosts({ tables, dead: false }, pairs) };
  };
  const costs = allCosts(earlier);
  const whole = layers.map((weights, index): Whole => {
    const { variant, fit, live: sampledLive } = samples[index];
    const full = wholeFitLayer(weights, variant, passes, sample);
    const live = dead ? liveChannels(full) : undefined;
    const layer = live ? withoutDead(full, live) : full;
    const known = sampledLive ? { ...fit, b: spreadInputs(fit.b, full.inputs, sampledLive) } : fit;
    const offsets = live
      ? refitWhole(layer, costs.all, passes, raised(liveOffsets(known, live), 1))
      : refitWhole(layer, costs.live, passes, known);
    onProgress((0.7 * (index + 1)) / layers.length);
    return { full, layer, live, variant, scale: 1, offsets };
  });
  const offsets = whole.map((own) => (own.live ? raised(own.offsets, -1) : own.offsets));
  const onSample = samples.some(({ scale }) => scale > 1);
  const tables = priors && onSample ? tablesFor(whole, offsets, priors, earlier.log, dead) : earlier;
  const final = allCosts(tables);
  const last = tables.classes.length - 1;
  const chosen = whole.map((own, index): ChosenLayer => {
    const fitted = fittedLayer(own, final, passes, dead ? 1 : 0);
    const flat = { fit: cheapestClass(own.full, final.live), first: dead ? 1 : 0 };
    const { fit, first } = totalBits(flat.fit) < totalBits(fitted.fit) ? flat : fitted;
    onProgress(0.7 + (0.3 * (index + 1)) / layers.length);
    const sideBits = fit.sideBits + own.variant.sideBits;
    return {
      variant: own.variant,
      weights: layers[index].weights.length,
      fit: { ...fit, sideBits },
      first,
      last,
    };
  });
  const model = { tables, layers: chosen };
  return priors ? trimClasses(model, dead ? 1 : 0) : model;
}

/** Live channels keep clear of class 0 where dead ones need it: there it codes nothing but zero. */
function fittedLayer(
  { full, layer, live, offsets }: Whole,
  { live: costs, all }: LayerCosts,
  passes: WeightPasses,
  first: number,
): { readonly fit: Fit; readonly first: number } {
  if (!live) return { fit: makeCodable(layer, costs, passes, offsets), first };
  const own = makeCodable(layer, all, passes, offsets);
  const spread = withDead(own, full, live);
  if (spread) return { fit: { ...spread, cost: own.cost, sideBits: offsetBits(spread) }, first: 0 };
  return { fit: makeCodable(full, costs, passes, fitLayer(full, costs, passes)), first };
}

function raised({ a, b, c }: Offsets, by: number): Offsets {
  return { a: a.map((value) => value + by), b, c };
}
