/** Nodes that the model's output does not depend on are left out. */
import type { OnnxModel, OnnxNode } from "../model.js";

export function removeDeadNodes(model: OnnxModel): void {
  const needed = new Set([model.output]);
  const alive: OnnxNode[] = [];
  for (const node of model.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    alive.push(node);
  }
  model.nodes = alive.reverse();
}
