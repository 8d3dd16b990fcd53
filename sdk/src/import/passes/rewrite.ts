/**
 * How to write a pass: a function from FloatGraph to FloatGraph in a file of its own, named after what it does, that
 * leaves the model computing the same numbers. It edits the node list and hands it to `rebuild`.
 */
import type { FloatGraph, FloatNode, FloatTensor } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";

/** The graph with other nodes (and possibly more tensors); tensors that nothing uses any more are dropped. */
export function rebuild(
  graph: FloatGraph,
  nodes: readonly FloatNode[],
  {
    output = graph.output,
    tensors = graph.tensors,
  }: { output?: TensorId; tensors?: readonly FloatTensor[] } = {},
): FloatGraph {
  const used = new Set([graph.input, output, ...nodes.flatMap((node) => [...node.inputs, node.output])]);
  const kept = tensors.map((_, id) => id).filter((id) => used.has(id));
  const renumbered = new Map(kept.map((id, index) => [id, index]));
  const renumber = (id: TensorId) => renumbered.get(id) as TensorId;
  return {
    ...graph,
    tensors: kept.map((id) => tensors[id]),
    nodes: nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renumber),
      output: renumber(node.output),
    })),
    input: renumber(graph.input),
    output: renumber(output),
  };
}

/** How many nodes read each tensor; being the graph's output counts as one more. */
export function readCounts(graph: FloatGraph): number[] {
  const counts = graph.tensors.map(() => 0);
  for (const node of graph.nodes) for (const input of node.inputs) counts[input] += 1;
  counts[graph.output] += 1;
  return counts;
}
