/**
 * Classes for weights that do not follow one family of scales (pruned, clustered, powers of two): output channels are
 * clustered by what it costs to code them with each other's probabilities, splitting the costliest cluster in turn.
 */
import { BIT } from "./class-costs.js";
import { log2 } from "./deterministic-math.js";
import { priorProbabilities, probabilityCosts } from "./prior.js";
import type { FitLayer } from "./weight-passes.js";

/** How a class begins, and what smooths the counts it meets. */
export interface ClassStart {
  readonly probabilities: Float64Array;
  readonly prior: Prior;
}

/** Probabilities to smooth a histogram with; may depend on it. */
export type Prior = (histogram: Float64Array) => Float64Array;

export const scalePrior =
  (sigma: number): Prior =>
  () =>
    priorProbabilities(sigma);

/** For single weights: the nearest of a few scales. */
const magnitudePrior: Prior = (histogram) => {
  let weights = 0;
  let magnitude = 0;
  for (let value = 0; value < 256; value += 1) {
    weights += histogram[value];
    magnitude += histogram[value] * Math.abs((value << 24) >> 24);
  }
  const halfOctave = Math.round(2 * log2(Math.max(0.25, (1.3 * magnitude) / Math.max(1, weights))));
  return priorProbabilities(2 ** (halfOctave >> 1) * (halfOctave & 1 ? Math.SQRT2 : 1));
};

/** For pairs: as if the two weights were independent. */
const productPrior: Prior = (histogram) => {
  const marginal = new Float64Array(16).fill(0.25);
  let total = 4;
  for (let value = 0; value < 256; value += 1) {
    marginal[value & 15] += histogram[value];
    marginal[value >> 4] += histogram[value];
    total += 2 * histogram[value];
  }
  return Float64Array.from({ length: 256 }, (_, value) => {
    return (marginal[value & 15] * marginal[value >> 4]) / (total * total);
  });
};

/** Output channels looked at; more change little. */
const MOST_CHANNELS = 2048;
/** In models with more than this many, whose classes are seldom so different, fewer are looked at. */
const MANY_CHANNELS = 6000;
const SETTLING_ROUNDS = 1;
/** Weight of the prior against the counts. */
const SMOOTHING = 32;
const MOST_BITS = 17;

interface Channel {
  readonly histogram: Uint32Array;
  readonly weights: number;
  cluster: number;
}

interface Cluster {
  readonly start: ClassStart;
  readonly costs: Int32Array;
}

export function smoothed(histogram: Float64Array, prior: Float64Array): Float64Array {
  let total = SMOOTHING;
  for (const count of histogram) total += count;
  return prior.map((probability, value) => (histogram[value] + SMOOTHING * probability) / total);
}

export function clusterClasses(layers: readonly FitLayer[], most: number, pairs: boolean): ClassStart[] {
  const channels = channelsOf(layers);
  const prior = pairs ? productPrior : magnitudePrior;
  let clusters = [describe(channels, 0, prior)];
  while (clusters.length < most) {
    const split = costliest(channels, clusters);
    if (split < 0) break;
    divide(channels, split, clusters[split], clusters.length);
    clusters = Array.from({ length: clusters.length + 1 }, (_, index) => describe(channels, index, prior));
    for (let round = 0; round < SETTLING_ROUNDS; round += 1) {
      for (const channel of channels) channel.cluster = nearest(channel, clusters);
      clusters = clusters.map((_, index) => describe(channels, index, prior));
    }
  }
  // In the order of what a weight costs, so that neighbouring classes are alike and offsets can add up.
  return clusters
    .map(({ start }) => ({ start, entropy: entropyOf(start.probabilities) }))
    .sort((left, right) => left.entropy - right.entropy)
    .map(({ start }) => start);
}

function channelsOf(layers: readonly FitLayer[]): Channel[] {
  const all = layers.reduce((sum, { outputs }) => sum + outputs, 0);
  const most = all > MANY_CHANNELS ? MOST_CHANNELS / 4 : MOST_CHANNELS;
  const stride = Math.max(1, Math.ceil(all / most));
  const channels: Channel[] = [];
  for (const { outputs, values } of layers) {
    const rows = values.length / outputs;
    for (let output = 0; output < outputs; output += stride) {
      const histogram = new Uint32Array(256);
      for (let row = 0; row < rows; row += 1) histogram[values[output * rows + row]] += 1;
      channels.push({ histogram, weights: rows, cluster: 0 });
    }
  }
  return channels;
}

function describe(channels: readonly Channel[], cluster: number, prior: Prior): Cluster {
  const histogram = new Float64Array(256);
  for (const channel of channels) {
    if (channel.cluster !== cluster) continue;
    for (let value = 0; value < 256; value += 1) histogram[value] += channel.histogram[value];
  }
  const probabilities = smoothed(histogram, prior(histogram));
  return { start: { probabilities, prior }, costs: probabilityCosts(probabilities, MOST_BITS) };
}

function costOf({ histogram }: Channel, costs: Int32Array): number {
  let sum = 0;
  for (let value = 0; value < 256; value += 1) sum += histogram[value] * costs[value];
  return sum;
}

function nearest(channel: Channel, clusters: readonly Cluster[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  clusters.forEach(({ costs }, index) => {
    const cost = costOf(channel, costs);
    if (cost < least) {
      least = cost;
      best = index;
    }
  });
  return best;
}

/** The cluster whose channels lose most against coding each with its own (smoothed) probabilities. */
function costliest(channels: readonly Channel[], clusters: readonly Cluster[]): number {
  const loss = new Float64Array(clusters.length);
  const members = new Uint32Array(clusters.length);
  for (const channel of channels) {
    const { costs } = clusters[channel.cluster];
    loss[channel.cluster] += costOf(channel, costs) - ownBits(channel) * BIT;
    members[channel.cluster] += 1;
  }
  let best = -1;
  loss.forEach((own, index) => {
    if (members[index] > 1 && own > 0 && (best < 0 || own > loss[best])) best = index;
  });
  return best;
}

function ownBits({ histogram, weights }: Channel): number {
  let bits = 0;
  for (const count of histogram) if (count > 0) bits -= count * log2(count / weights);
  return bits;
}

/** Halves a cluster by the cost per weight of its channels. */
function divide(channels: readonly Channel[], cluster: number, { costs }: Cluster, created: number): void {
  const members = channels
    .filter((channel) => channel.cluster === cluster)
    .map((channel) => ({ channel, cost: costOf(channel, costs) / channel.weights }))
    .sort((left, right) => left.cost - right.cost);
  members.slice(members.length >> 1).forEach(({ channel }) => {
    channel.cluster = created;
  });
}

function entropyOf(probabilities: Float64Array): number {
  let sum = 0;
  for (const probability of probabilities) sum -= probability * log2(probability);
  return sum;
}
