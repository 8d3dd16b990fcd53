/**
 * The parameter-free shortcut of residual networks (He et al. 2015, option A), exported as Slice and Pad: every
 * second pixel, and zero channels around the old ones. Hardware sees it as what it also is, a strided 1x1
 * convolution with weights 0 and 1. The node is marked `structural`, so quantisers keep it exact.
 */
import type { FloatConvolutionNode, FloatGraph, FloatPadNode, FloatSliceNode } from "../../graph/float.js";
import type { Shape } from "../../graph/types.js";
import { noPadding, windowOutputShape } from "../../graph/window.js";
import { readCounts, rebuild } from "./rewrite.js";

/** Larger selections stay slices: their weights would be far larger than the model. */
const MAX_WEIGHTS = 2 ** 22;

export function mergeShortcuts(graph: FloatGraph): FloatGraph {
  let current = graph;
  for (const { kind, name } of graph.nodes) {
    if (kind === "slice") current = mergeSlice(current, name);
  }
  for (const { kind, name } of current.nodes) {
    if (kind === "pad") current = mergeChannelPadding(current, name);
  }
  return current;
}

/** A slice, together with a channel padding that is its only reader. */
function mergeSlice(graph: FloatGraph, name: string): FloatGraph {
  const slice = graph.nodes.find((node) => node.name === name) as FloatSliceNode;
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(slice.output));
  const [reader] = readers;
  const pad =
    readCounts(graph)[slice.output] === 1 && reader?.kind === "pad" && padsChannelsOnly(reader)
      ? reader
      : undefined;
  const input = graph.tensors[slice.inputs[0]].shape;
  const sliced = graph.tensors[slice.output].shape;
  const [strideY, strideX, channelStep] = slice.step;
  if (slice.start[0] !== 0 || slice.start[1] !== 0) return graph;
  const last = pad ?? slice;
  const node = selection(last.name, slice.sourceOp, slice.inputs[0], last.output, {
    input,
    output: graph.tensors[last.output].shape,
    stride: [strideY, strideX],
    channels: Array.from({ length: sliced[2] }, (_, index) => slice.start[2] + channelStep * index),
    first: pad?.before[2] ?? 0,
  });
  if (node === undefined) return graph;
  const nodes = graph.nodes.filter((other) => other !== slice || pad === undefined);
  return rebuild(
    graph,
    nodes.map((other) => (other === last ? node : other)),
  );
}

function mergeChannelPadding(graph: FloatGraph, name: string): FloatGraph {
  const pad = graph.nodes.find((node) => node.name === name) as FloatPadNode;
  if (!padsChannelsOnly(pad)) return graph;
  const input = graph.tensors[pad.inputs[0]].shape;
  const node = selection(pad.name, pad.sourceOp, pad.inputs[0], pad.output, {
    input,
    output: graph.tensors[pad.output].shape,
    stride: [1, 1],
    channels: Array.from({ length: input[2] }, (_, index) => index),
    first: pad.before[2],
  });
  if (node === undefined) return graph;
  return rebuild(
    graph,
    graph.nodes.map((other) => (other === pad ? node : other)),
  );
}

function padsChannelsOnly({ before, after, value }: FloatPadNode): boolean {
  return value === 0 && before[0] === 0 && before[1] === 0 && after[0] === 0 && after[1] === 0;
}

/** The 1x1 convolution that copies input channel `channels[i]` to output channel `first + i`. */
function selection(
  name: string,
  sourceOp: string,
  input: number,
  output: number,
  spec: {
    readonly input: Shape;
    readonly output: Shape;
    readonly stride: readonly [number, number];
    readonly channels: readonly number[];
    readonly first: number;
  },
): FloatConvolutionNode | undefined {
  const outputs = spec.output[2];
  const inputs = spec.input[2];
  if (outputs * inputs > MAX_WEIGHTS) return undefined;
  const weights = new Float32Array(outputs * inputs);
  spec.channels.forEach((channel, index) => {
    weights[(spec.first + index) * inputs + channel] = 1;
  });
  const node: FloatConvolutionNode = {
    kind: "convolution",
    name,
    sourceOp,
    inputs: [input],
    output,
    kernel: [1, 1],
    stride: spec.stride,
    dilation: [1, 1],
    padding: noPadding,
    groups: 1,
    weights,
    bias: new Float32Array(outputs),
    structural: true,
  };
  // A slice may stop before the last whole stride; then it is no convolution.
  const shape = windowOutputShape(spec.input, node, outputs);
  return shape.every((extent, axis) => extent === spec.output[axis]) ? node : undefined;
}
