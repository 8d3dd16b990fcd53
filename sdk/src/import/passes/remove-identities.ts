/** Identity, Dropout at inference, and reshapes to the same shape: readers take the input instead. */
import type { FloatGraph, FloatNode } from "../../graph/float.js";
import { sameShape } from "../../graph/float-shape.js";
import type { TensorId } from "../../graph/types.js";
import { rebuild } from "./rewrite.js";

export function removeIdentities(graph: FloatGraph): FloatGraph {
  const source = new Map<TensorId, TensorId>();
  const tensors = [...graph.tensors];
  const resolve = (id: TensorId) => source.get(id) ?? id;
  const nodes: FloatNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(resolve);
    const [input] = inputs;
    const passesOn =
      node.kind === "identity" ||
      (node.kind === "reshape" && sameShape(tensors[input].shape, tensors[node.output].shape));
    if (!passesOn) {
      nodes.push({ ...node, inputs });
      continue;
    }
    source.set(node.output, input);
    // What the removed tensor knew about its grid would be lost otherwise.
    const { quantization } = tensors[node.output];
    if (quantization && !tensors[input].quantization) tensors[input] = { ...tensors[input], quantization };
  }
  // A model that is nothing but identities keeps its last one: a graph has at least one node.
  if (nodes.length === 0) return graph;
  return rebuild(graph, nodes, { output: resolve(graph.output), tensors });
}
