/**
 * Chains of 8-bit requantisations and clamps that one table can replace where nobody looks at the values between:
 * conv -> Quant -> Relu -> Quant -> Quant spends more time walking arrays than computing. Only `run` uses them.
 */
import { consumers } from "../graph/lookup.js";
import type { ClampNode, Graph, GraphNode, RequantizeNode } from "../graph/types.js";
import { isTabulable } from "./requantize.js";

export type TableChain = readonly (RequantizeNode | ClampNode)[];

/** Maximal chains of two nodes or more. Every value between two of their nodes has one reader and is not the output. */
export function tableChains(graph: Graph): readonly TableChain[] {
  const readers = consumers(graph);
  const taken = new Set<GraphNode>();
  const chains: TableChain[] = [];
  for (const first of graph.nodes) {
    if (taken.has(first)) continue;
    const chain: (RequantizeNode | ClampNode)[] = [];
    let node: GraphNode | undefined = first;
    while (node !== undefined && isTabulable(node, graph.tensors[node.inputs[0]])) {
      chain.push(node);
      taken.add(node);
      const next: readonly GraphNode[] = node.output === graph.output ? [] : (readers.get(node.output) ?? []);
      node = next.length === 1 ? next[0] : undefined;
    }
    if (chain.length > 1) chains.push(chain);
  }
  return chains;
}
