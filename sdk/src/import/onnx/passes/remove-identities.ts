/** Identity, and Dropout as it is at inference: whoever reads the output reads the input instead. */
import type { OnnxModel } from "../model.js";

const passThrough = new Set(["Identity", "Dropout"]);

export function removeIdentities(model: OnnxModel): void {
  const sources = new Map<string, string>();
  const source = (name: string) => sources.get(name) ?? name;
  // Nodes are in execution order, so every alias is already resolved when its reader comes.
  model.nodes = model.nodes.flatMap((node) => {
    const inputs = node.inputs.map(source);
    if (node.domain === "" && passThrough.has(node.opType) && inputs.length > 0 && node.outputs.length > 0) {
      sources.set(node.outputs[0], inputs[0]);
      return [];
    }
    return [{ ...node, inputs }];
  });
  model.output = source(model.output);
}
