/** Pruning rules by name: by magnitude, or by what a weight's loss costs the logits. */
import type { FloatGraph } from "../../graph/float.js";
import type { Activations } from "../stepwise.js";
import { magnitudeMasks, type PruningRule } from "./magnitude-pruning.js";
import { obsMasks } from "./obs-pruning.js";

export type PruningSettings =
  | PruningRule
  /** The `share` of all weights whose loss costs the logits least. */
  | { readonly kind: "obs"; readonly share: number };

/** Prune, then quantise what is left; or quantise, then prune the codes. */
export type PruningOrder = "prune-first" | "quantize-first";

export function needsSensitivity({ kind }: PruningSettings): boolean {
  return kind === "obs";
}

export interface PruningContext {
  readonly sensitivity?: ReadonlyMap<string, Float64Array>;
  readonly positions: number;
}

/** @param images calibration images; only `obs` looks at them. @returns by node name, 1 for every weight that stays */
export function pruningMasks(
  graph: FloatGraph,
  images: Activations,
  count: number,
  pruning: PruningSettings,
  { sensitivity = new Map(), positions }: PruningContext,
): Map<string, Uint8Array> {
  if (pruning.kind !== "obs") return magnitudeMasks(graph, pruning);
  return obsMasks(graph, images, count, { share: pruning.share, sensitivity, positions });
}

/**
 * A rule as people write it: `obs:0.5`, `global:0.5`, `layer:0.5`, `sigma:0.7` or `2:4`.
 * @returns undefined for anything else
 */
export function parsePruning(text: string): PruningSettings | undefined {
  const [kind, value, ...rest] = text.split(":");
  const number = Number(value);
  if (rest.length > 0 || value === undefined || value.trim() === "" || !Number.isFinite(number))
    return undefined;
  if (kind === "sigma") return number > 0 ? { kind, factor: number } : undefined;
  if (kind === "obs" || kind === "global" || kind === "layer") {
    return number >= 0 && number < 1 ? { kind, share: number } : undefined;
  }
  const keep = Number(kind);
  const isPattern = Number.isInteger(keep) && Number.isInteger(number) && keep >= 1 && keep <= number;
  return isPattern ? { kind: "n:m", keep, of: number } : undefined;
}
