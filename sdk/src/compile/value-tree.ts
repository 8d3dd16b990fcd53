/**
 * The tree of elementwise nodes (requantize, clamp, reshape) that hangs below a value of few bits, and what the rest
 * of the graph wants from it.
 *
 * Below a value with at most 512 different integers every elementwise chain is a function of that value, so it is
 * evaluated here for each of them, rounding by rounding; nothing is merged. Who reads a tensor of the tree decides how
 * much freedom the storage has:
 *   exact     the consumer multiplies or sums the tensor itself        (convolution, average pool, concat, output)
 *   any       the consumer looks codes up, so any code that determines the tensor will do          (add)
 *   monotone  as `any`, but order must be kept                                                     (max pool)
 */
import type { ClampNode, GraphNode, RequantizeNode, TensorId } from "../graph/types.js";
import { consumersOf, type GraphIndex, refuse } from "./consumers.js";
import { clamp, evaluateStage, isUniform } from "./rounding.js";

export type Freedom = "exact" | "any" | "monotone";

export interface Demand {
  readonly tensor: TensorId;
  readonly freedom: Freedom;
}

/** Every tensor of the tree with its value for each integer of the root's domain, and the demands in graph order. */
export interface ValueTree {
  readonly values: ReadonlyMap<TensorId, Int32Array>;
  readonly demands: readonly Demand[];
}

/** A root of the tree: a tensor and its value for each point of the domain. */
export interface TreeRoot {
  readonly tensor: TensorId;
  readonly values: Int32Array;
}

export function growTree(index: GraphIndex, roots: readonly TreeRoot[]): ValueTree {
  const values = new Map<TensorId, Int32Array>();
  const demands: Demand[] = [];
  const pending = [...roots];
  for (let root = pending.shift(); root !== undefined; root = pending.shift()) {
    values.set(root.tensor, root.values);
    const wanted = freedomOf(index, root.tensor);
    if (wanted !== undefined) demands.push({ tensor: root.tensor, freedom: wanted });
    for (const node of consumersOf(index, root.tensor)) {
      const mapped = mapValues(node, root.values);
      if (mapped !== undefined) pending.push({ tensor: node.output, values: mapped });
    }
  }
  return { values, demands };
}

/** The strictest demand on a tensor by nodes outside the tree; undefined when only elementwise nodes read it. */
export function freedomOf(index: GraphIndex, tensor: TensorId): Freedom | undefined {
  let wanted: Freedom | undefined = index.graph.output === tensor ? "exact" : undefined;
  for (const node of consumersOf(index, tensor)) {
    if (isElementwise(node) || node.kind === "softmax") continue;
    if (node.kind === "add") wanted ??= "any";
    else if (node.kind === "max-pool") wanted = wanted === "exact" ? wanted : "monotone";
    else wanted = "exact";
  }
  return wanted;
}

export function isElementwise(node: GraphNode): boolean {
  return node.kind === "requantize" || node.kind === "clamp" || node.kind === "reshape";
}

/** Values after an elementwise node; undefined for any other node. */
function mapValues(node: GraphNode, values: Int32Array): Int32Array | undefined {
  if (node.kind === "reshape") return values;
  if (node.kind === "clamp") return applyClamp(node, values);
  if (node.kind === "requantize") return applyRequantize(node, values);
  return undefined;
}

function applyClamp(node: ClampNode, values: Int32Array): Int32Array {
  return values.map((value) => clamp(value, node));
}

function applyRequantize(node: RequantizeNode, values: Int32Array): Int32Array {
  if (!isUniform(node.stageA) || (node.stageB !== undefined && !isUniform(node.stageB))) {
    refuse("per-channel-table", node, "A requantisation of an 8-bit tensor has one scale per channel.", {
      expected: "one multiplier and shift for all channels, or accumulators as its input",
      hint: "Fold the per-channel scale into the convolution before it.",
    });
  }
  return values.map((value) => {
    const first = evaluateStage(node.stageA, BigInt(value - node.inputZeroPoint));
    const second = node.stageB === undefined ? first : evaluateStage(node.stageB, first);
    return clamp(node.zeroPoint + Number(second), node.clamp);
  });
}

/** Does `base` determine `target` (and, when asked, in the same order)? Returns target as a function of base. */
export function factor(
  base: Int32Array,
  target: Int32Array,
  freedom: Freedom,
): ReadonlyMap<number, number> | undefined {
  const map = new Map<number, number>();
  for (let point = 0; point < base.length; point += 1) {
    const known = map.get(base[point]);
    if (known === undefined) map.set(base[point], target[point]);
    else if (known !== target[point]) return undefined;
  }
  if (freedom === "exact") {
    for (const [from, to] of map) if (from !== to) return undefined;
  }
  if (freedom === "monotone") {
    const ascending = [...map].sort(([a], [b]) => a - b);
    for (let at = 1; at < ascending.length; at += 1) {
      if (ascending[at][1] < ascending[at - 1][1]) return undefined;
    }
  }
  return map;
}
