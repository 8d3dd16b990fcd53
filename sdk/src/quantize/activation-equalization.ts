/**
 * Channels of activations brought to one size before they share a tensor's grid: SmoothQuant's migration of ranges into
 * the weights (arXiv 2211.10438, equation 4, with the weights' exponent 0), carried through a whole convolutional
 * network. A factor may sit on a channel wherever everything between its producers and its readers is positively
 * homogeneous; channels that an addition or a parameter-free shortcut ties together share one.
 *
 *   producers: W[o] / s_o, b[o] / s_o;   readers: W[:, i] s_i.   s = (size of the channel / geometric mean)^strength
 *
 * Producers with a scale per output channel notice nothing; readers get weights that already weigh their inputs.
 */
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import { forInputChannel } from "./data-free/homogeneous-pairs.js";
import { type Activations, Liveness, runNode } from "./stepwise.js";

/** Channels this far below their tensor's largest are treated as if they were only this far below. */
const LEAST_SHARE = 0.02;

/**
 * @param strength 0 changes nothing, 1 makes all channels equally large
 * @returns a graph of its own with the same function; clamps with an upper end keep their channels as they are
 */
export function equalizeActivations(
  graph: FloatGraph,
  images: Activations,
  count: number,
  strength: number,
): FloatGraph {
  const classes = channelClasses(graph);
  const sizes = classSizes(graph, images, count, classes);
  const factors = new Map<number, number>();
  let logs = 0;
  for (const [id, size] of sizes) {
    const log = Math.log(size);
    factors.set(id, log);
    logs += log;
  }
  for (const [id, log] of factors) factors.set(id, Math.exp(strength * (log - logs / factors.size)));
  const factor = (tensor: TensorId, channel: number): number =>
    factors.get(classes.find(tensor, channel)) ?? 1;
  return rescaleChannels(graph, factor);
}

/** What a channel of a tensor is divided by, for channels of one class the same (`channelClasses`). */
export type ChannelFactor = (tensor: TensorId, channel: number) => number;

/** The same function with every channel divided by its factor. */
export function rescaleChannels(graph: FloatGraph, factor: ChannelFactor): FloatGraph {
  const nodes = graph.nodes.map((node): FloatNode => {
    return node.kind === "convolution" && !node.structural ? rescaled(node, factor) : node;
  });
  return { ...graph, nodes };
}

function rescaled(node: FloatConvolutionNode, factor: ChannelFactor): FloatConvolutionNode {
  const weights = node.weights.slice();
  const bias = node.bias.slice();
  const size = weights.length / bias.length;
  const inputs = (size / node.kernel[0] / node.kernel[1]) * node.groups;
  for (let channel = 0; channel < inputs; channel += 1) {
    const s = factor(node.inputs[0], channel);
    forInputChannel(node, channel, (_, index) => {
      weights[index] *= s;
    });
  }
  for (let o = 0; o < bias.length; o += 1) {
    const s = factor(node.output, o);
    for (let k = o * size; k < (o + 1) * size; k += 1) weights[k] /= s;
    bias[o] /= s;
  }
  const scale = (values: Float32Array): Float32Array =>
    values.map((value, o) => value / factor(node.output, o));
  const { statistics } = node;
  return {
    ...node,
    weights,
    bias,
    statistics: statistics && { mean: scale(statistics.mean), deviation: scale(statistics.deviation) },
  };
}

/** Sets of (tensor, channel) that one factor must serve; those tied to the input, the logits or a clamp are fixed. */
export class ChannelClasses {
  private readonly starts: number[] = [];
  private readonly parents: number[] = [];
  private readonly fixed = new Set<number>();

  constructor(graph: FloatGraph) {
    for (const { shape } of graph.tensors) {
      this.starts.push(this.parents.length);
      for (let channel = 0; channel < shape[2]; channel += 1) this.parents.push(this.parents.length);
    }
  }

  find(tensor: TensorId, channel: number): number {
    let id = this.starts[tensor] + channel;
    while (this.parents[id] !== id) {
      this.parents[id] = this.parents[this.parents[id]];
      id = this.parents[id];
    }
    return id;
  }

  join(tensor: TensorId, channel: number, other: TensorId, otherChannel: number): void {
    const [a, b] = [this.find(tensor, channel), this.find(other, otherChannel)];
    if (a === b) return;
    this.parents[a] = b;
    if (this.fixed.has(a)) this.fixed.add(b);
  }

  fix(tensor: TensorId, channel: number): void {
    this.fixed.add(this.find(tensor, channel));
  }

  isFixed(id: number): boolean {
    return this.fixed.has(id);
  }
}

export function channelClasses(graph: FloatGraph): ChannelClasses {
  const classes = new ChannelClasses(graph);
  const channels = (tensor: TensorId): number => graph.tensors[tensor].shape[2];
  const forEach = (tensor: TensorId, visit: (channel: number) => void): void => {
    for (let channel = 0; channel < channels(tensor); channel += 1) visit(channel);
  };
  forEach(graph.input, (channel) => classes.fix(graph.input, channel));
  forEach(graph.output, (channel) => classes.fix(graph.output, channel));
  for (const node of graph.nodes) {
    const { output } = node;
    if (node.kind === "convolution") {
      if (node.structural) joinShortcut(node, channels(node.inputs[0]), classes);
      continue;
    }
    const sameChannels = node.inputs.every((input) => channels(input) === channels(output));
    const isHomogeneous =
      sameChannels &&
      (node.kind === "add" ||
        node.kind === "average-pool" ||
        node.kind === "max-pool" ||
        (node.kind === "pad" && node.value === 0) ||
        (node.kind === "reshape" && graph.tensors[node.inputs[0]].shape[0] === 1) ||
        (node.kind === "clamp" && node.min === 0 && node.max === Number.POSITIVE_INFINITY));
    for (const input of node.inputs) {
      if (isHomogeneous) forEach(input, (channel) => classes.join(input, channel, output, channel));
      else forEach(input, (channel) => classes.fix(input, channel));
    }
    if (!isHomogeneous) forEach(output, (channel) => classes.fix(output, channel));
  }
  return classes;
}

/** An output channel of a parameter-free shortcut copies one input channel, or is 0 and goes with anything. */
function joinShortcut(node: FloatConvolutionNode, inputs: number, classes: ChannelClasses): void {
  const size = node.weights.length / node.bias.length;
  for (let o = 0; o < node.bias.length; o += 1) {
    if (node.bias[o] !== 0) classes.fix(node.output, o);
    for (let k = 0; k < size; k += 1) {
      if (node.weights[o * size + k] === 0) continue;
      const group = Math.floor((o * node.groups) / node.bias.length);
      const perGroup = inputs / node.groups;
      classes.join(node.inputs[0], group * perGroup + (k % perGroup), node.output, o);
    }
  }
}

/** Root mean square of what weights read, per class; the largest over its tensors. */
function classSizes(
  graph: FloatGraph,
  images: Activations,
  count: number,
  classes: ChannelClasses,
): Map<number, number> {
  const sizes = new Map<number, number>();
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  for (const node of graph.nodes) {
    if (node.kind === "softmax") break;
    if (node.kind === "convolution" && !node.structural) {
      const [input] = node.inputs;
      const channels = graph.tensors[input].shape[2];
      const own = rootMeanSquares(values.get(input) as Activations, channels);
      const least = Math.max(LEAST_SHARE * own.reduce((most, size) => Math.max(most, size)), 1e-12);
      own.forEach((size, channel) => {
        const id = classes.find(input, channel);
        if (!classes.isFixed(id)) sizes.set(id, Math.max(size, least, sizes.get(id) ?? 0));
      });
    }
    values.set(node.output, runNode(graph, node, values, count));
    liveness.afterNode(node, values);
  }
  return sizes;
}

function rootMeanSquares(values: Activations, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (let start = 0; start < values.length; start += channels) {
    for (let channel = 0; channel < channels; channel += 1) sums[channel] += values[start + channel] ** 2;
  }
  return sums.map((sum) => Math.sqrt((sum * channels) / values.length));
}
