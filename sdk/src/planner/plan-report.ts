/** What the planner found, as data: which method won where, which layers mind most, which order was better. */
import type { Allocation } from "./allocation.js";
import type { LayerTrials, Trial } from "./layer-trials.js";
import type { PlannedModel } from "./planner.js";

export interface LayerChoice {
  readonly layer: string;
  readonly weights: number;
  readonly winner: string;
  readonly family: string;
  readonly bitsPerWeight: number;
  /** Squared logit error at 3 bits by the Gram solver: how much the layer minds. */
  readonly sensitivity: number;
  /** Best candidate of another family at no more bits, and its error over the winner's. */
  readonly runnerUp?: { readonly label: string; readonly ratio: number };
}

/** Pairs of candidates that differ in the order alone, over all layers. */
export interface OrderFinding {
  readonly setting: string;
  readonly layers: number;
  /** Layers in which pruning first loses less. */
  readonly pruneFirstWins: number;
  /** Median over layers of the error of quantise-first over that of prune-first. */
  readonly medianRatio: number;
}

const SENSITIVITY_LABEL = "3 bits";

export function layerChoices({ trials, best }: Pick<PlannedModel, "trials" | "best">): LayerChoice[] {
  const allocation: Allocation = best.allocation ?? new Map();
  return trials.flatMap(({ layer, weights, trials: tried }) => {
    const winner = allocation.get(layer);
    if (!winner) return [];
    const measured = tried.find(({ candidate }) => candidate.label === SENSITIVITY_LABEL);
    return {
      layer,
      weights,
      winner: winner.candidate.label,
      family: winner.candidate.family,
      bitsPerWeight: winner.bits / weights,
      sensitivity: measured?.distortion ?? Number.NaN,
      runnerUp: runnerUp(winner, tried),
    };
  });
}

function runnerUp(winner: Trial, tried: readonly Trial[]): LayerChoice["runnerUp"] {
  const others = tried.filter(
    ({ candidate, bits }) => candidate.family !== winner.candidate.family && bits <= winner.bits,
  );
  if (others.length === 0) return undefined;
  const best = others.reduce((a, b) => (b.distortion < a.distortion ? b : a));
  return { label: best.candidate.label, ratio: best.distortion / Math.max(winner.distortion, 1e-30) };
}

/** Counts of layers and weights by family of the winner. */
export function winsByFamily(
  choices: readonly LayerChoice[],
): Map<string, { layers: number; weights: number }> {
  const wins = new Map<string, { layers: number; weights: number }>();
  for (const { family, weights } of choices) {
    const known = wins.get(family) ?? { layers: 0, weights: 0 };
    wins.set(family, { layers: known.layers + 1, weights: known.weights + weights });
  }
  return wins;
}

export function orderFindings(trials: readonly LayerTrials[]): OrderFinding[] {
  const ratios = new Map<string, number[]>();
  for (const { trials: tried } of trials) {
    const settingOf = ({ candidate: { settings, share } }: Trial): string =>
      JSON.stringify({ ...settings, pruningOrder: undefined, share });
    const last = new Map(
      tried
        .filter(({ candidate }) => candidate.settings.pruningOrder === "quantize-first")
        .map((trial) => [settingOf(trial), trial]),
    );
    for (const trial of tried) {
      if (trial.candidate.settings.pruningOrder !== "prune-first") continue;
      const other = last.get(settingOf(trial));
      if (!other) continue;
      const known = ratios.get(trial.candidate.label) ?? [];
      known.push(other.distortion / Math.max(trial.distortion, 1e-30));
      ratios.set(trial.candidate.label, known);
    }
  }
  return [...ratios].map(([label, values]) => {
    const sorted = values.sort((a, b) => a - b);
    return {
      setting: label,
      layers: values.length,
      pruneFirstWins: values.filter((ratio) => ratio > 1).length,
      medianRatio: sorted[Math.floor(sorted.length / 2)],
    };
  });
}
