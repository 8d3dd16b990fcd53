/**
 * Chooses which tensors of a value tree an engine layer stores.
 *
 * A layer writes at most two outputs. Consumers that can look codes up (value-tree.ts) share a stored tensor that
 * determines what they want; every other one needs its own. When more than two are left, one base tensor that
 * determines all of them is stored and the rest is made from it by extra 1x1 passes; without such a base the layer
 * itself is computed once more for every two of them.
 */
import type { TensorId } from "../graph/types.js";
import { type Demand, factor, type ValueTree } from "./value-tree.js";

export interface OutputChoice {
  /** Stored tensors per computation of the layer: one or two each. */
  readonly passes: readonly (readonly TensorId[])[];
  /** Tensors made from `base` by 1x1 table passes. */
  readonly derived: readonly TensorId[];
  readonly base?: TensorId;
}

/**
 * @param placed tensors that must lie in a buffer of their own (members of a concatenation)
 * @param storable tells whether the layer can write the tensor
 * @param limit outputs the layer can write
 */
export function chooseOutputs(
  tree: ValueTree,
  placed: (tensor: TensorId) => boolean,
  storable: (tensor: TensorId) => boolean,
  limit: 1 | 2,
): OutputChoice {
  const stored: TensorId[] = [];
  const exact = tree.demands.filter((demand) => demand.freedom === "exact");
  // Members of a concatenation first, so that another consumer of equal values can read them there.
  for (const { tensor } of exact) if (placed(tensor)) stored.push(tensor);
  for (const demand of exact) if (!served(tree, stored, demand)) stored.push(demand.tensor);
  for (const demand of tree.demands) {
    if (demand.freedom !== "exact" && !served(tree, stored, demand)) stored.push(demand.tensor);
  }
  if (stored.length <= limit && (limit === 2 || stored.every(storable)))
    return { passes: [stored], derived: [] };

  const base = [...tree.values.keys()].find(
    (candidate) =>
      storable(candidate) &&
      stored.every((tensor) => determines(tree, candidate, tensor) || tensor === candidate),
  );
  if (base === undefined) {
    const passes = Array.from({ length: Math.ceil(stored.length / 2) }, (_, pass) =>
      stored.slice(2 * pass, 2 * pass + 2),
    );
    return { passes, derived: [] };
  }
  const rest = stored.filter((tensor) => tensor !== base);
  return { passes: [[base, ...rest.slice(0, limit - 1)]], derived: rest.slice(limit - 1), base };
}

function served(tree: ValueTree, stored: readonly TensorId[], demand: Demand): boolean {
  const wanted = valuesOf(tree, demand.tensor);
  return stored.some(
    (tensor) =>
      tensor === demand.tensor || factor(valuesOf(tree, tensor), wanted, demand.freedom) !== undefined,
  );
}

function determines(tree: ValueTree, base: TensorId, target: TensorId): boolean {
  return factor(valuesOf(tree, base), valuesOf(tree, target), "any") !== undefined;
}

function valuesOf(tree: ValueTree, tensor: TensorId): Int32Array {
  return tree.values.get(tensor)!;
}
