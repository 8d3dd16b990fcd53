/** A spatial zero padding whose only readers are convolutions becomes part of their windows. */
import type { FloatGraph, FloatNode, FloatPadNode } from "../../graph/float.js";
import { rebuild } from "./rewrite.js";

export function mergePadding(graph: FloatGraph): FloatGraph {
  let current = graph;
  for (const pad of graph.nodes) {
    if (pad.kind === "pad") current = mergeOne(current, pad.name);
  }
  return current;
}

function mergeOne(graph: FloatGraph, name: string): FloatGraph {
  const pad = graph.nodes.find((node) => node.name === name) as FloatPadNode;
  const { before, after } = pad;
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(pad.output));
  const isBorder = pad.value === 0 && before[2] === 0 && after[2] === 0;
  const mergeable = readers.length > 0 && readers.every(({ kind }) => kind === "convolution");
  if (!isBorder || !mergeable || graph.output === pad.output) return graph;
  const nodes = graph.nodes.flatMap((node): FloatNode[] => {
    if (node === pad) return [];
    if (node.kind !== "convolution" || !readers.includes(node)) return [node];
    const { top, bottom, left, right } = node.padding;
    const padding = {
      top: top + before[0],
      bottom: bottom + after[0],
      left: left + before[1],
      right: right + after[1],
    };
    return [{ ...node, inputs: pad.inputs, padding }];
  });
  return rebuild(graph, nodes);
}
