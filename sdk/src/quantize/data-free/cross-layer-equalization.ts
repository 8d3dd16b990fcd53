/**
 * Cross-layer equalisation and high-bias absorption (Nagel et al., "Data-Free Quantization Through Weight Equalization
 * and Bias Correction", arXiv 1906.04721, sections 4.1.1 to 4.1.3). The real-valued function stays the same, except
 * that ReLU6 loses its upper end and that absorbed biases are missing on padded borders.
 *
 * Beyond the paper: no factor may widen the range of the activations between the two layers. Channels that are nearly
 * dead have tiny weights beside a bias; weights alone would blow that bias up to the range of all others together.
 */
import type { ChannelStatistics, FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";
import { type ConvolutionPair, forInputChannel, homogeneousPairs } from "./homogeneous-pairs.js";

const MOST_SWEEPS = 40;
/** Sweeps end when no factor is further than this from 1. */
const TOLERANCE = 1e-4;
/** Deviations above the mean where a channel's activations end. */
const RANGE_DEVIATIONS = 6;
/** Deviations below the mean that nearly every value lies above. */
const ABSORBED_DEVIATIONS = 3;

/** A graph of its own; the given one is not changed. */
export function equalizeModel(graph: FloatGraph): FloatGraph {
  const copied = withCopies(graph);
  const pairs = homogeneousPairs(copied);
  const ranges = new Map(pairs.map(({ first }) => [first, largestActivation(first)]));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
    const largest = pairs.reduce((most, pair) => {
      return Math.max(most, equalizePair(pair, ranges.get(pair.first)));
    }, 0);
    if (largest < TOLERANCE) break;
  }
  for (const pair of pairs) absorbHighBiases(pair);
  return copied;
}

/**
 * s_i = sqrt(r1_i r2_i) / r2_i with r the largest magnitude of output channel i of the first layer and of input channel
 * i of the second: W1 / s, b1 / s, W2 s leaves both ranges at sqrt(r1 r2).
 * @param activationRange no channel's activations may pass it, as far as statistics tell
 * @returns the largest |ln s|
 */
export function equalizePair(
  { first, second }: ConvolutionPair,
  activationRange = Number.POSITIVE_INFINITY,
): number {
  const size = first.weights.length / first.bias.length;
  let largest = 0;
  for (let channel = 0; channel < first.bias.length; channel += 1) {
    let range1 = 0;
    let range2 = 0;
    for (let k = channel * size; k < (channel + 1) * size; k += 1)
      range1 = Math.max(range1, Math.abs(first.weights[k]));
    forInputChannel(second, channel, (_, index) => {
      range2 = Math.max(range2, Math.abs(second.weights[index]));
    });
    // A channel that one side ignores has no range to share.
    if (range1 === 0 || range2 === 0) continue;
    const least = activationEnd(first, channel) / activationRange;
    const factor = Math.max(Math.sqrt(range1 / range2), Math.min(least, 1));
    largest = Math.max(largest, Math.abs(Math.log(factor)));
    for (let k = channel * size; k < (channel + 1) * size; k += 1) first.weights[k] /= factor;
    first.bias[channel] /= factor;
    if (first.statistics) {
      first.statistics.mean[channel] /= factor;
      first.statistics.deviation[channel] /= factor;
    }
    forInputChannel(second, channel, (_, index) => {
      second.weights[index] *= factor;
    });
  }
  return largest;
}

/** Where a channel's activations end behind ReLU; 0 where nothing is known. */
function activationEnd({ statistics }: FloatConvolutionNode, channel: number): number {
  if (!statistics) return 0;
  return Math.max(0, statistics.mean[channel] + RANGE_DEVIATIONS * statistics.deviation[channel]);
}

function largestActivation(node: FloatConvolutionNode): number {
  const ends = Array.from(node.bias, (_, channel) => activationEnd(node, channel));
  return ends.reduce((most, end) => Math.max(most, end), 0) || Number.POSITIVE_INFINITY;
}

/**
 * c_i = max(0, beta_i - 3 gamma_i) passes ReLU nearly always, so it can move into the next layer's bias and leaves a
 * narrower range between the two. Only directly behind a ReLU, and where the statistics are known.
 */
export function absorbHighBiases({ first, second, between }: ConvolutionPair): void {
  const { statistics } = first;
  if (!statistics || between.length !== 1 || between[0].kind !== "clamp") return;
  for (let channel = 0; channel < first.bias.length; channel += 1) {
    const excess = statistics.mean[channel] - ABSORBED_DEVIATIONS * statistics.deviation[channel];
    if (excess <= 0) continue;
    first.bias[channel] -= excess;
    statistics.mean[channel] -= excess;
    forInputChannel(second, channel, (output, index) => {
      second.bias[output] += second.weights[index] * excess;
    });
  }
}

/** Convolutions whose arrays may be written, and clamps between pairs without an upper end. */
function withCopies(graph: FloatGraph): FloatGraph {
  const opened = new Set(homogeneousPairs(graph).flatMap(({ between }) => between));
  const nodes = graph.nodes.map((node): FloatNode => {
    if (node.kind === "clamp" && opened.has(node)) return { ...node, max: Number.POSITIVE_INFINITY };
    return node.kind === "convolution" && !node.structural ? copyOf(node) : node;
  });
  return { ...graph, nodes };
}

function copyOf(node: FloatConvolutionNode): FloatConvolutionNode {
  const { weights, bias, statistics } = node;
  const copy = ({ mean, deviation }: ChannelStatistics): ChannelStatistics => ({
    mean: mean.slice(),
    deviation: deviation.slice(),
  });
  return {
    ...node,
    weights: weights.slice(),
    bias: bias.slice(),
    statistics: statistics && copy(statistics),
  };
}
