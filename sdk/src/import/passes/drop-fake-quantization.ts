/** Takes the fake-quantize nodes of a QDQ model out; each grid stays with its tensor, as a hint for calibration. */
import type { FloatGraph, FloatNode } from "../../graph/float.js";
import { removeIdentities } from "./remove-identities.js";
import { rebuild } from "./rewrite.js";

export function dropFakeQuantization(graph: FloatGraph): FloatGraph {
  const tensors = [...graph.tensors];
  const nodes = graph.nodes.map((node): FloatNode => {
    if (node.kind !== "fake-quantize") return node;
    const { name, sourceOp, inputs, output, grid } = node;
    tensors[output] = { ...tensors[output], quantization: grid };
    return { kind: "identity", name, sourceOp, inputs, output };
  });
  return removeIdentities(rebuild(graph, nodes, { tensors }));
}
