/**
 * Batch-norm folding: an affine node goes into the convolution before it, or into those after it, and a lone one
 * becomes a depthwise 1x1 convolution. Afterwards no affine node is left.
 *
 *   before: y = s (w * x + b) + t       =  (s w) * x + (s b + t)
 *   after:  z = w * (s x + t) + b       =  (w s) * x + (b + sum of w t), exact only without padding or with t = 0,
 *                                          because the border of the original holds 0, not t
 */
import type {
  AffineNode,
  ChannelStatistics,
  FloatConvolutionNode,
  FloatGraph,
  FloatNode,
} from "../../graph/float.js";
import { hasPadding, noPadding } from "../../graph/window.js";
import { readCounts, rebuild } from "./rewrite.js";

export function foldAffine(graph: FloatGraph): FloatGraph {
  let current = graph;
  for (;;) {
    const index = current.nodes.findIndex(({ kind }) => kind === "affine");
    if (index < 0) return current;
    const node = current.nodes[index] as AffineNode;
    current = foldBackward(current, node) ?? foldForward(current, node) ?? asConvolution(current, node);
  }
}

/** Into the convolution that feeds it, where nobody else reads that one's result. */
function foldBackward(graph: FloatGraph, affine: AffineNode): FloatGraph | undefined {
  const [input] = affine.inputs;
  const producer = graph.nodes.find(({ output }) => output === input);
  if (producer?.kind !== "convolution" || readCounts(graph)[input] !== 1) return undefined;
  const perOutput = producer.weights.length / producer.bias.length;
  const folded: FloatConvolutionNode = {
    ...producer,
    name: affine.name,
    output: affine.output,
    weights: producer.weights.map((weight, index) => weight * affine.scale[Math.floor(index / perOutput)]),
    bias: producer.bias.map((bias, output) => bias * affine.scale[output] + affine.shift[output]),
    structural: false,
    statistics: affine.statistics ?? mapped(producer.statistics, affine),
  };
  return rebuild(
    graph,
    graph.nodes.filter((node) => node !== producer).map((node) => (node === affine ? folded : node)),
  );
}

/** Statistics of the producer's output, scaled and shifted. */
function mapped(statistics: ChannelStatistics | undefined, { scale, shift }: AffineNode) {
  if (!statistics) return undefined;
  return {
    mean: statistics.mean.map((mean, channel) => mean * scale[channel] + shift[channel]),
    deviation: statistics.deviation.map((deviation, channel) => deviation * Math.abs(scale[channel])),
  };
}

/** Into every convolution that reads it (a pre-activation block without an activation). */
function foldForward(graph: FloatGraph, affine: AffineNode): FloatGraph | undefined {
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(affine.output));
  const shifts = affine.shift.some((value) => value !== 0);
  const foldable = readers.every(
    (node) => node.kind === "convolution" && !(shifts && hasPadding(node.padding)),
  );
  if (readers.length === 0 || !foldable || graph.output === affine.output) return undefined;
  const nodes = graph.nodes.flatMap((node): FloatNode[] => {
    if (node === affine) return [];
    if (!readers.includes(node)) return [node];
    return [intoInputs(node as FloatConvolutionNode, affine)];
  });
  return rebuild(graph, nodes);
}

function intoInputs(node: FloatConvolutionNode, affine: AffineNode): FloatConvolutionNode {
  const { weights, bias, groups } = node;
  const perGroup = affine.scale.length / groups;
  const perOutput = weights.length / bias.length;
  const outputsPerGroup = bias.length / groups;
  const sums = Float64Array.from(bias);
  const scaled = weights.map((weight, index) => {
    const output = Math.floor(index / perOutput);
    const channel = Math.floor(output / outputsPerGroup) * perGroup + (index % perGroup);
    sums[output] += weight * affine.shift[channel];
    return weight * affine.scale[channel];
  });
  const inputs = affine.inputs;
  return { ...node, inputs, weights: scaled, bias: Float32Array.from(sums), structural: false };
}

function asConvolution(graph: FloatGraph, affine: AffineNode): FloatGraph {
  const { name, sourceOp, inputs, output, scale, shift, statistics } = affine;
  const convolution: FloatConvolutionNode = {
    kind: "convolution",
    name,
    sourceOp,
    inputs,
    output,
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: noPadding,
    groups: scale.length,
    weights: scale,
    bias: shift,
    structural: false,
    statistics,
  };
  return rebuild(
    graph,
    graph.nodes.map((node) => (node === affine ? convolution : node)),
  );
}
