/** A float model with channels really gone: filters, biases, the inputs of what reads them, and the shapes between. */
import type { ChannelStatistics, FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";
import { validateFloatGraph } from "../../graph/float-shape.js";
import type { Shape } from "../../graph/types.js";
import { type ChannelClass, keptChannels } from "./channel-spaces.js";

/** @param removed whole classes, as `channelSpaces` lists them */
export function removeChannels(graph: FloatGraph, removed: readonly ChannelClass[]): FloatGraph {
  const kept = keptChannels(graph, removed);
  const tensors = graph.tensors.map((tensor, id) => {
    const [height, width] = tensor.shape;
    return { ...tensor, shape: [height, width, kept[id].length] as Shape };
  });
  const nodes = graph.nodes.map((node) => narrow(graph, node, kept));
  return validateFloatGraph({ ...graph, tensors, nodes });
}

function narrow(graph: FloatGraph, node: FloatNode, kept: readonly number[][]): FloatNode {
  const inputs = kept[node.inputs[0]];
  const outputs = kept[node.output];
  switch (node.kind) {
    case "convolution":
      return narrowConvolution(node, graph.tensors[node.inputs[0]].shape[2], inputs, outputs);
    case "affine":
      return {
        ...node,
        scale: pick(node.scale, inputs),
        shift: pick(node.shift, inputs),
        statistics: pickStatistics(node.statistics, inputs),
      };
    case "pad": {
      const [channels, before] = [graph.tensors[node.inputs[0]].shape[2], node.before[2]];
      const first = outputs.filter((c) => c < before).length;
      const last = outputs.filter((c) => c >= before + channels).length;
      return {
        ...node,
        before: [node.before[0], node.before[1], first],
        after: [node.after[0], node.after[1], last],
      };
    }
    case "slice": {
      // What is sliced keeps its order, so that the kept channels are again a slice if they begin together.
      const at = outputs.map((c) => inputs.indexOf(node.start[2] + c * node.step[2]));
      const step = at.length > 1 ? at[1] - at[0] : 1;
      return {
        ...node,
        start: [node.start[0], node.start[1], at[0]],
        step: [node.step[0], node.step[1], step],
      };
    }
    default:
      return node;
  }
}

function narrowConvolution(
  node: FloatConvolutionNode,
  channels: number,
  inputs: readonly number[],
  outputs: readonly number[],
): FloatConvolutionNode {
  const perGroup = channels / node.groups;
  const taps = node.kernel[0] * node.kernel[1];
  // Depthwise: one input per filter, and filters go with their channel.
  const isDepthwise = perGroup === 1 && node.groups > 1;
  const read = isDepthwise ? [0] : inputs;
  const weights = new Float32Array(outputs.length * taps * read.length);
  let at = 0;
  for (const o of outputs) {
    for (let tap = 0; tap < taps; tap += 1) {
      for (const c of read) {
        weights[at] = node.weights[(o * taps + tap) * perGroup + c];
        at += 1;
      }
    }
  }
  return {
    ...node,
    groups: isDepthwise ? outputs.length : node.groups,
    weights,
    bias: pick(node.bias, outputs),
    statistics: pickStatistics(node.statistics, outputs),
  };
}

function pickStatistics(
  statistics: ChannelStatistics | undefined,
  indices: readonly number[],
): ChannelStatistics | undefined {
  if (!statistics) return undefined;
  return { mean: pick(statistics.mean, indices), deviation: pick(statistics.deviation, indices) };
}

function pick(values: Float32Array, indices: readonly number[]): Float32Array {
  return Float32Array.from(indices, (index) => values[index]);
}
