/** Changes of a float model's shape before it is quantised, by name: factored layers, or filters taken out. */
import type { FloatGraph } from "../../graph/float.js";
import type { Activations } from "../stepwise.js";
import { type FilterScore, filterScores, pruneFilters } from "./filter-pruning.js";
import { decomposeModel, type FactorizationName, factorizations } from "./low-rank/index.js";

export type Restructuring =
  | { readonly kind: "factors"; readonly method: FactorizationName; readonly energy: number }
  | { readonly kind: "filters"; readonly score: FilterScore; readonly share?: number };

const REFIT_POSITIONS = 40_000;

/**
 * `svd:0.95`, `tucker:0.95`, `cur:0.95` (energy kept), `l1:0.25`, `l2:0.25`, `apoz:0.25` (share of filters out) or
 * `apoz` (those with far more zeros than the rest). @returns undefined for anything else
 */
export function parseRestructuring(text: string): Restructuring | undefined {
  const [name, value, ...rest] = text.split(":");
  if (text === "apoz") return { kind: "filters", score: "apoz" };
  const number = Number(value);
  if (rest.length > 0 || value === undefined || value.trim() === "" || !Number.isFinite(number))
    return undefined;
  if (Object.hasOwn(factorizations, name)) {
    return number > 0 && number <= 1
      ? { kind: "factors", method: name as FactorizationName, energy: number }
      : undefined;
  }
  const isScore = Object.hasOwn(filterScores, name);
  return isScore && number >= 0 && number < 1
    ? { kind: "filters", score: name as FilterScore, share: number }
    : undefined;
}

export function restructure(
  graph: FloatGraph,
  images: Activations,
  count: number,
  change: Restructuring,
): FloatGraph {
  if (change.kind === "factors") return decomposeModel(graph, change).model;
  return pruneFilters(graph, images, count, { ...change, positions: REFIT_POSITIONS }).model;
}
