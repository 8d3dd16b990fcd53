/**
 * What can be known of a network's activations without data: batch-norm parameters say mean and deviation of what they
 * normalised, everything else follows from them as for independent Gaussians (arXiv 1906.04721, section 4.2.1 and
 * appendix C). Means of the convolutions' inputs are what the analytic bias correction needs; ranges are mean +- 6
 * deviations.
 */
import { GraphError } from "../../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";
import { type Activations, Liveness, runNode } from "../stepwise.js";

export interface TensorStatistics {
  /** Per channel. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Ends of the range, per channel. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Deviations on each side of the mean that a range covers. */
const RANGE_DEVIATIONS = 6;

/**
 * @param inputRange ends of the model's input values; their mean is taken as 0 where that lies between them
 * @throws {GraphError} `no-statistics` when no convolution has any
 */
export function tensorStatistics(
  graph: FloatGraph,
  inputRange: readonly [number, number],
): Map<TensorId, TensorStatistics> {
  if (!graph.nodes.some((node) => node.kind === "convolution" && node.statistics)) {
    throw new GraphError("no-statistics", "Nothing is known of the model's activations without data.", {
      place: graph.source.file,
      expected: "batch normalisations in the model file",
      found: "none, or folded by the converter",
      hint: "Give calibration images, or export the model with its batch normalisations.",
    });
  }
  const known = new Map<TensorId, TensorStatistics>();
  known.set(graph.input, inputStatistics(graph.tensors[graph.input].shape[2], inputRange));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => known.get(id) as TensorStatistics);
    known.set(node.output, follow(graph, node, inputs));
  }
  return known;
}

function inputStatistics(channels: number, [low, high]: readonly [number, number]): TensorStatistics {
  const fill = (value: number): Float64Array => new Float64Array(channels).fill(value);
  return {
    mean: fill(low < 0 && high > 0 ? 0 : (low + high) / 2),
    // Of a uniform distribution.
    variance: fill((high - low) ** 2 / 12),
    low: fill(low),
    high: fill(high),
  };
}

function follow(graph: FloatGraph, node: FloatNode, inputs: readonly TensorStatistics[]): TensorStatistics {
  const [x] = inputs;
  switch (node.kind) {
    case "convolution":
      if (node.statistics) {
        const { mean, deviation } = node.statistics;
        return gaussian(
          Float64Array.from(mean),
          Float64Array.from(deviation, (value) => value ** 2),
        );
      }
      return node.structural ? structural(node, x) : propagated(node, x);
    case "add":
      return gaussian(
        x.mean.map((mean, channel) => mean + inputs[1].mean[channel]),
        x.variance.map((variance, channel) => variance + inputs[1].variance[channel]),
      );
    case "clamp":
      return clamped(x, node.min, node.max);
    case "average-pool": {
      // Averages of n positions have between 1 / n of the variance and all of it: the geometric middle.
      const share = 1 / Math.sqrt(node.kernel[0] * node.kernel[1]);
      const { mean, variance, low, high } = x;
      const narrow = gaussian(
        mean,
        variance.map((value) => value * share),
      );
      return {
        ...narrow,
        low: narrow.low.map((value, channel) => Math.max(value, low[channel])),
        high: narrow.high.map((value, channel) => Math.min(value, high[channel])),
      };
    }
    case "reshape": {
      const channels = graph.tensors[node.output].shape[2];
      const repeat = (values: Float64Array): Float64Array =>
        Float64Array.from({ length: channels }, (_, channel) => values[channel % values.length]);
      return { mean: repeat(x.mean), variance: repeat(x.variance), low: repeat(x.low), high: repeat(x.high) };
    }
    case "max-pool":
    case "pad":
    case "softmax":
      return x;
    default:
      throw new GraphError("unsupported-node", `The statistics behind a ${node.kind} node are not known.`, {
        place: node.name,
        hint: "Give calibration images.",
      });
  }
}

function gaussian(mean: Float64Array, variance: Float64Array): TensorStatistics {
  const spread = variance.map((value) => RANGE_DEVIATIONS * Math.sqrt(value));
  return {
    mean,
    variance,
    low: mean.map((value, channel) => value - spread[channel]),
    high: mean.map((value, channel) => value + spread[channel]),
  };
}

/** A selection of channels, or none. */
function structural(node: FloatConvolutionNode, x: TensorStatistics): TensorStatistics {
  const { mean, variance } = propagated(node, x);
  const size = node.weights.length / node.bias.length;
  const pick = (values: Float64Array): Float64Array =>
    Float64Array.from(node.bias, (bias, output) => {
      const index = node.weights.subarray(output * size, (output + 1) * size).findIndex((w) => w !== 0);
      return index < 0 ? bias : bias + values[index % x.mean.length];
    });
  return { mean, variance, low: pick(x.low), high: pick(x.high) };
}

/**
 * Sums of inputs of unknown correlation: the standard deviation lies between that of independent ones and the sum of
 * all; the geometric middle is taken. (Logits of a trained classifier are far wider than independent features give.)
 */
function propagated(node: FloatConvolutionNode, x: TensorStatistics): TensorStatistics {
  const { weights, bias, groups } = node;
  const outputs = bias.length;
  const size = weights.length / outputs;
  const perGroup = x.mean.length / groups;
  const mean = new Float64Array(outputs);
  const variance = new Float64Array(outputs);
  for (let o = 0; o < outputs; o += 1) {
    const first = Math.floor((o * groups) / outputs) * perGroup;
    mean[o] = bias[o];
    let independent = 0;
    let together = 0;
    for (let k = 0; k < size; k += 1) {
      const channel = first + (k % perGroup);
      mean[o] += weights[o * size + k] * x.mean[channel];
      const deviation = Math.abs(weights[o * size + k]) * Math.sqrt(x.variance[channel]);
      independent += deviation ** 2;
      together += deviation;
    }
    variance[o] = Math.sqrt(independent) * together;
  }
  return gaussian(mean, variance);
}

/** Mean and variance of min(max(x, low), high) for a Gaussian x; for ReLU the formulas of the paper's appendix. */
export function clamped(x: TensorStatistics, min: number, max: number): TensorStatistics {
  const mean = new Float64Array(x.mean.length);
  const variance = new Float64Array(x.mean.length);
  for (let channel = 0; channel < mean.length; channel += 1) {
    const mu = x.mean[channel];
    const sigma = Math.sqrt(x.variance[channel]);
    if (sigma === 0) {
      mean[channel] = Math.min(Math.max(mu, min), max);
      continue;
    }
    const a = (min - mu) / sigma;
    const b = (max - mu) / sigma;
    const below = cumulative(a);
    const above = 1 - cumulative(b);
    const inside = 1 - below - above;
    const edge = density(a) - density(b);
    // x phi(x) is 0 at both infinities.
    const moment = (Number.isFinite(a) ? a * density(a) : 0) - (Number.isFinite(b) ? b * density(b) : 0);
    const atMin = below > 0 ? min * below : 0;
    const atMax = above > 0 ? max * above : 0;
    mean[channel] = atMin + atMax + mu * inside + sigma * edge;
    const square =
      (below > 0 ? min * atMin : 0) +
      (above > 0 ? max * atMax : 0) +
      mu * mu * inside +
      2 * mu * sigma * edge +
      sigma * sigma * (inside + moment);
    variance[channel] = Math.max(0, square - mean[channel] ** 2);
  }
  const within = (value: number): number => Math.min(Math.max(value, min), max);
  return { mean, variance, low: x.low.map(within), high: x.high.map(within) };
}

function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** Standard normal distribution function, error below 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
function cumulative(z: number): number {
  if (z === Number.POSITIVE_INFINITY) return 1;
  if (z === Number.NEGATIVE_INFINITY) return 0;
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * series * Math.exp(-x * x);
  return z > 0 ? 1 - tail : tail;
}

/** The graph with statistics measured on images for every convolution; those of batch normalisations give way. */
export function withMeasuredStatistics(graph: FloatGraph, images: Activations, count: number): FloatGraph {
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  const nodes = graph.nodes.map((node): FloatNode => {
    const output = runNode(graph, node, values, count);
    values.set(node.output, output);
    liveness.afterNode(node, values);
    return node.kind === "convolution" && !node.structural
      ? { ...node, statistics: measured(output, node.bias.length) }
      : node;
  });
  return { ...graph, nodes };
}

function measured(values: Activations, channels: number) {
  const positions = values.length / channels;
  const mean = new Float64Array(channels);
  const square = new Float64Array(channels);
  for (let start = 0; start < values.length; start += channels) {
    for (let channel = 0; channel < channels; channel += 1) {
      mean[channel] += values[start + channel] / positions;
      square[channel] += values[start + channel] ** 2 / positions;
    }
  }
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (value, channel) =>
      Math.sqrt(Math.max(0, value - mean[channel] ** 2)),
    ),
  };
}
