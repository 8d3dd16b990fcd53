/**
 * Convolutions with nothing between them that minds a positive factor per channel: ReLU, pools, reshapes of a vector.
 * Depthwise layers are members like any other, so that a separable block is two pairs.
 */
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";

export interface ConvolutionPair {
  readonly first: FloatConvolutionNode;
  readonly second: FloatConvolutionNode;
  readonly between: readonly FloatNode[];
}

export function homogeneousPairs(graph: FloatGraph): ConvolutionPair[] {
  return graph.nodes.flatMap((first) => {
    if (first.kind !== "convolution" || first.structural) return [];
    const between: FloatNode[] = [];
    for (let tensor = first.output; ; ) {
      const readers = graph.nodes.filter(({ inputs }) => inputs.includes(tensor));
      if (readers.length !== 1 || tensor === graph.output) return [];
      const [reader] = readers;
      if (reader.kind === "convolution") return reader.structural ? [] : [{ first, second: reader, between }];
      if (!isHomogeneous(graph, reader)) return [];
      between.push(reader);
      tensor = reader.output;
    }
  });
}

function isHomogeneous(graph: FloatGraph, node: FloatNode): boolean {
  switch (node.kind) {
    case "clamp":
      // ReLU6 too: its upper end is taken away (arXiv 1906.04721, section 5.1.1).
      return node.min === 0;
    case "average-pool":
    case "max-pool":
      return true;
    case "reshape": {
      // Channels stay what they are only where there is one position.
      const [height, width] = graph.tensors[node.inputs[0]].shape;
      return height === 1 && width === 1;
    }
    default:
      return false;
  }
}

/** The weights that read input channel `channel`: calls `visit` with output and index in OHWI order. */
export function forInputChannel(
  { weights, bias, groups, kernel }: FloatConvolutionNode,
  channel: number,
  visit: (output: number, index: number) => void,
): void {
  const outputs = bias.length;
  const taps = kernel[0] * kernel[1];
  const perGroup = weights.length / outputs / taps;
  const outputsPerGroup = outputs / groups;
  const group = Math.floor(channel / perGroup);
  for (let o = group * outputsPerGroup; o < (group + 1) * outputsPerGroup; o += 1) {
    for (let tap = 0; tap < taps; tap += 1) visit(o, (o * taps + tap) * perGroup + (channel % perGroup));
  }
}
