/**
 * Whole filters out: the weakest channels of every space by the norm of the filters that write them (Li et al.,
 * arXiv 1608.08710, L1; L2 alike) or by the average percentage of zeros behind the activation (Hu et al., APoZ,
 * arXiv 1607.03250). The channels are removed from the graph, so that arithmetic, memory and weights all shrink; what is
 * left is refitted to the original model's outputs, without training.
 */
import { GraphError } from "../../errors.js";
import type { FloatGraph } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";
import { type Activations, runNode } from "../stepwise.js";
import { type ChannelClass, type ChannelSpace, channelSpaces, keptChannels } from "./channel-spaces.js";
import { refitToTeacher } from "./refit-to-teacher.js";
import { removeChannels } from "./remove-channels.js";

export const filterScores = {
  l1: "sum of the filters' magnitudes",
  l2: "root of the sum of the filters' squares",
  apoz: "share of activations that are not zero",
} as const;

export type FilterScore = keyof typeof filterScores;

export interface FilterPruningOptions {
  /** Share of each space's channels to remove, 0..1; absent with `apoz`: those above the space's mean + 1 deviation. */
  readonly share?: number;
  readonly score: FilterScore;
  /** What stays is a multiple of this many channels (the engine computes that many together); default 1. */
  readonly multiple?: number;
  /** Also channels that pass through additions, which go in every layer the sum connects; default false. */
  readonly acrossAdditions?: boolean;
  /** Positions per layer for the refit; 0 leaves the other weights as they are. */
  readonly positions: number;
}

export interface FilterPruningResult {
  readonly model: FloatGraph;
  readonly removed: readonly ChannelClass[];
}

/** Images that APoZ counts zeros on. */
const APOZ_IMAGES = 256;

/**
 * @param images calibration images, for APoZ and the refit
 * @throws {GraphError} `bad-pruning`, `no-filters` where the model has no channel that may go
 */
export function pruneFilters(
  graph: FloatGraph,
  images: Activations,
  count: number,
  options: FilterPruningOptions,
): FilterPruningResult {
  const { share, score, multiple = 1, acrossAdditions = false, positions } = options;
  if ((share === undefined && score !== "apoz") || (share !== undefined && !(share >= 0 && share < 1))) {
    throw new GraphError("bad-pruning", "The share of filters to remove is impossible.", {
      expected: "a share from 0 to below 1",
      found: String(share),
      hint: "For example 0.25.",
    });
  }
  const spaces = channelSpaces(graph).filter((space) => acrossAdditions || !space.crossesAddition);
  if (spaces.length === 0) {
    throw new GraphError("no-filters", "No channel of this model can be removed.", {
      expected: "a convolution whose outputs only convolutions read",
      hint: "Allow channels that pass through additions, or use another method.",
    });
  }
  const zeros = score === "apoz" ? zeroShares(graph, images, Math.min(count, APOZ_IMAGES)) : undefined;
  const removed = spaces.flatMap((space) => {
    const scores = space.classes.map((item) =>
      zeros ? 1 - meanZeros(item, zeros) : filterNorm(space, item, score === "l1" ? 1 : 2),
    );
    const going = share === undefined ? outliers(scores) : Math.floor(share * scores.length);
    return weakest(space, scores, going, multiple);
  });
  const model = narrowed(graph, removed, images, count, positions);
  return { model, removed };
}

/** The model without these channels, refitted to itself as it was. */
export function narrowed(
  graph: FloatGraph,
  removed: readonly ChannelClass[],
  images: Activations,
  count: number,
  positions: number,
): FloatGraph {
  const narrow = removeChannels(graph, removed);
  if (positions === 0 || removed.length === 0) return narrow;
  return refitToTeacher(graph, narrow, keptChannels(graph, removed), images, count, positions);
}

/** The `going` classes of least score; fewer, until what stays is a multiple and not nothing. */
export function weakest(
  { classes }: ChannelSpace,
  scores: readonly number[],
  going: number,
  multiple: number,
): ChannelClass[] {
  const stays = Math.min(
    classes.length,
    Math.max(1, Math.ceil((classes.length - going) / multiple)) * multiple,
  );
  const order = classes.map((_, index) => index).sort((a, b) => scores[a] - scores[b] || a - b);
  return order.slice(0, classes.length - stays).map((index) => classes[index]);
}

/** Norm over all filters that write the class; each layer's are put in proportion to the layer's own mean. */
export function filterNorm({ producers }: ChannelSpace, { members }: ChannelClass, power: 1 | 2): number {
  let total = 0;
  for (const { output, weights, bias } of producers) {
    const size = weights.length / bias.length;
    const normOf = (o: number): number => {
      let sum = 0;
      for (let k = o * size; k < (o + 1) * size; k += 1) sum += Math.abs(weights[k]) ** power;
      return sum ** (1 / power);
    };
    let mean = 0;
    for (let o = 0; o < bias.length; o += 1) mean += normOf(o) / bias.length;
    for (const { tensor, channel } of members) {
      if (tensor === output) total += normOf(channel) / Math.max(mean, 1e-30);
    }
  }
  return total;
}

/** By clamp output, the share of zeros in each channel. */
function zeroShares(graph: FloatGraph, images: Activations, count: number): Map<TensorId, Float64Array> {
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const shares = new Map<TensorId, Float64Array>();
  for (const node of graph.nodes) {
    const output = runNode(graph, node, values, count);
    values.set(node.output, output);
    if (node.kind !== "clamp") continue;
    const channels = graph.tensors[node.output].shape[2];
    const zeros = new Float64Array(channels);
    output.forEach((value, index) => {
      if (value <= 0) zeros[index % channels] += 1;
    });
    shares.set(
      node.output,
      zeros.map((sum) => (sum * channels) / output.length),
    );
  }
  return shares;
}

function meanZeros({ members }: ChannelClass, zeros: ReadonlyMap<TensorId, Float64Array>): number {
  const found = members.flatMap(({ tensor, channel }) => zeros.get(tensor)?.[channel] ?? []);
  return found.length === 0 ? 0 : found.reduce((sum, value) => sum + value, 0) / found.length;
}

/** How many scores lie more than a standard deviation below the mean. */
function outliers(scores: readonly number[]): number {
  const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
  const deviation = Math.sqrt(scores.reduce((sum, value) => sum + (value - mean) ** 2, 0) / scores.length);
  return scores.filter((score) => score < mean - deviation).length;
}
