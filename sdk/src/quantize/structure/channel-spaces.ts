/**
 * Which channels of a float model live and die together. An addition reads channel c of both of its inputs, a depthwise
 * filter writes the channel it reads, a parameter-free shortcut copies one channel to another place: such channels form
 * one class, and removing a filter means removing its whole class. Classes that cross the same tensors form a space,
 * inside which they can be compared.
 */
import { GraphError } from "../../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";

export interface ChannelClass {
  readonly members: readonly { readonly tensor: TensorId; readonly channel: number }[];
}

export interface ChannelSpace {
  /** The convolutions whose filters write these channels, in network order. */
  readonly producers: readonly FloatConvolutionNode[];
  /** At least two; any proper subset may be removed. */
  readonly classes: readonly ChannelClass[];
  /** The channels pass through an addition. */
  readonly crossesAddition: boolean;
}

/** Spaces whose channels may be removed: not the input's, not the output's, none written by anything but filters. */
export function channelSpaces(graph: FloatGraph): ChannelSpace[] {
  const ties = new ChannelTies(graph);
  for (const node of graph.nodes) tie(graph, node, ties);
  ties.pinTensor(graph.input);
  ties.pinTensor(graph.output);
  const producers = new Map<TensorId, FloatConvolutionNode>();
  for (const node of graph.nodes) if (isFilterBank(node)) producers.set(node.output, node);
  const added = new Set(
    graph.nodes.flatMap((node) => (node.kind === "add" ? [...node.inputs, node.output] : [])),
  );
  const spaces = new Map<string, ChannelClass[]>();
  for (const members of ties.classes()) {
    const tensors = new Set(members.map(({ tensor }) => tensor));
    if (![...tensors].some((id) => producers.has(id))) continue;
    const key = [...tensors].sort((a, b) => a - b).join(" ");
    spaces.set(key, [...(spaces.get(key) ?? []), { members }]);
  }
  return [...spaces]
    .filter(([, classes]) => classes.length > 1)
    .map(([key, classes]) => {
      const tensors = key.split(" ").map(Number);
      return {
        producers: tensors.flatMap((id) => producers.get(id) ?? []),
        classes,
        crossesAddition: tensors.some((id) => added.has(id)),
      };
    });
}

/** A convolution that can lose filters one by one; a depthwise one follows the channels it reads. */
export function isFilterBank(node: FloatNode): node is FloatConvolutionNode {
  return node.kind === "convolution" && !node.structural && node.groups === 1;
}

function tie(graph: FloatGraph, node: FloatNode, ties: ChannelTies): void {
  const [source] = node.inputs;
  const channels = graph.tensors[source].shape[2];
  const outputs = graph.tensors[node.output].shape[2];
  const same = (from: TensorId): void => {
    for (let c = 0; c < outputs; c += 1) ties.join(from, c, node.output, c);
  };
  switch (node.kind) {
    case "convolution":
      if (node.structural) tieShortcut(node, ties, channels);
      else if (node.groups === channels && outputs === channels && channels > 1) same(source);
      else if (node.groups !== 1) pinBoth(ties, source, node.output);
      return;
    case "concat": {
      let first = 0;
      for (const input of node.inputs) {
        const count = graph.tensors[input].shape[2];
        for (let c = 0; c < count; c += 1) ties.join(input, c, node.output, first + c);
        first += count;
      }
      return;
    }
    case "pad":
      for (let c = 0; c < channels; c += 1) ties.join(source, c, node.output, c + node.before[2]);
      return;
    case "slice":
      for (let c = 0; c < outputs; c += 1) {
        ties.join(source, node.start[2] + c * node.step[2], node.output, c);
      }
      return;
    case "reshape": {
      const [height, width] = graph.tensors[node.output].shape;
      // Flattened: the channel is the fastest index. Any other rearrangement mixes channels and positions.
      if (outputs === channels || (height === 1 && width === 1)) {
        for (let c = 0; c < outputs; c += 1) ties.join(source, c % channels, node.output, c);
      } else pinBoth(ties, source, node.output);
      return;
    }
    case "softmax":
      pinBoth(ties, source, node.output);
      return;
    default:
      for (const input of node.inputs) same(input);
  }
}

function pinBoth(ties: ChannelTies, a: TensorId, b: TensorId): void {
  ties.pinTensor(a);
  ties.pinTensor(b);
}

/** Each output copies one input, or is 0. */
function tieShortcut(node: FloatConvolutionNode, ties: ChannelTies, channels: number): void {
  const size = node.weights.length / node.bias.length;
  const perGroup = channels / node.groups;
  const outputsPerGroup = node.bias.length / node.groups;
  for (let o = 0; o < node.bias.length; o += 1) {
    for (let k = 0; k < size; k += 1) {
      if (node.weights[o * size + k] === 0) continue;
      const channel = Math.floor(o / outputsPerGroup) * perGroup + (k % perGroup);
      ties.join(node.inputs[0], channel, node.output, o);
    }
  }
}

/** Disjoint sets of channels. */
class ChannelTies {
  readonly #parent: Int32Array;
  readonly #first: number[] = [];
  readonly #pinned = new Set<TensorId>();

  constructor(private readonly graph: FloatGraph) {
    let total = 0;
    for (const { shape } of graph.tensors) {
      this.#first.push(total);
      total += shape[2];
    }
    this.#parent = Int32Array.from({ length: total }, (_, index) => index);
  }

  join(a: TensorId, channelA: number, b: TensorId, channelB: number): void {
    const [x, y] = [this.#root(this.#first[a] + channelA), this.#root(this.#first[b] + channelB)];
    this.#parent[Math.max(x, y)] = Math.min(x, y);
  }

  pinTensor(id: TensorId): void {
    this.#pinned.add(id);
  }

  /** Classes that no pinned tensor belongs to, in the order of their first channel. */
  classes(): { tensor: TensorId; channel: number }[][] {
    const classes = new Map<number, { tensor: TensorId; channel: number }[]>();
    const pinned = new Set<number>();
    this.graph.tensors.forEach(({ shape }, tensor) => {
      for (let channel = 0; channel < shape[2]; channel += 1) {
        const root = this.#root(this.#first[tensor] + channel);
        if (this.#pinned.has(tensor)) pinned.add(root);
        const known = classes.get(root);
        if (known) known.push({ tensor, channel });
        else classes.set(root, [{ tensor, channel }]);
      }
    });
    return [...classes].filter(([root]) => !pinned.has(root)).map(([, members]) => members);
  }

  #root(index: number): number {
    let at = index;
    while (this.#parent[at] !== at) {
      this.#parent[at] = this.#parent[this.#parent[at]];
      at = this.#parent[at];
    }
    return at;
  }
}

/** @throws {GraphError} `empty-tensor` when every channel of a tensor would go. */
export function keptChannels(graph: FloatGraph, removed: readonly ChannelClass[]): number[][] {
  const gone = graph.tensors.map(() => new Set<number>());
  for (const { members } of removed) for (const { tensor, channel } of members) gone[tensor].add(channel);
  return graph.tensors.map(({ name, shape }, id) => {
    const kept = Array.from({ length: shape[2] }, (_, channel) => channel).filter((c) => !gone[id].has(c));
    if (kept.length > 0) return kept;
    throw new GraphError("empty-tensor", "Every channel of a tensor would be removed.", {
      place: `tensor "${name}"`,
      hint: "Remove a smaller share.",
    });
  });
}
