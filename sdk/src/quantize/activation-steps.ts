/**
 * Steps for activations of few bits, chosen by the error they make behind the weights that read them: a rounding error e
 * of input channel c costs the logits a_c E[e^2], a_c = sum_o h_o sum_taps W[o,c]^2, h the logits' sensitivity to each
 * output (fisher.ts). Minimised is
 *
 *   sum over tensors t, channels c of  a_tc D_tc(step_t f_c),   D_tc(s) = E (x - round(x / s) s)^2 on 2^bits levels,
 *
 * over a step per tensor and a factor per channel. Factors go into the weights on both sides (activation-equalization.ts),
 * so that a channel fills the levels whatever its size; channels tied together by additions share one. With everything
 * on a grid of eighths of an octave each D is a table, and steps and factors are improved in turn until nothing moves.
 */
import type { FloatConvolutionNode, FloatGraph } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import { type ChannelClasses, channelClasses, rescaleChannels } from "./activation-equalization.js";
import { forInputChannel } from "./data-free/homogeneous-pairs.js";
import { type Activations, Liveness, runNode } from "./stepwise.js";
import { planStorage } from "./stored-tensors.js";

export interface ActivationStepOptions {
  /** 4..7. */
  readonly bits: number;
  /** Squared logit error per squared error of each output, by node name (`logitSensitivity`). */
  readonly sensitivity: ReadonlyMap<string, Float64Array>;
  /** Share of the best factor (in the logarithm) that is used, 0..1; weights of few bits want less than all. */
  readonly strength: number;
}

export interface ActivationSteps {
  /** The model with its channels scaled; the same function. */
  readonly graph: FloatGraph;
  /** Of the scaled model, for each non-negative tensor that weights read. */
  readonly steps: ReadonlyMap<TensorId, number>;
}

/** Per octave of a step. */
const GRID = 8;
/** Octaves below the step that just holds the largest value of a channel. */
const OCTAVES = 6;
/** Values per channel. */
const SAMPLES = 4_096;
const MOST_ROUNDS = 50;

/** One channel of one tensor that weights read. */
interface Reading {
  readonly tensor: TensorId;
  readonly channel: number;
  /** -1 where no factor may sit. */
  readonly factor: number;
  /** Cost at each step of the grid, from exponent `first` on. */
  readonly costs: Float64Array;
  readonly first: number;
}

/** @param images the model's input for `count` images; some hundreds will do */
export function chooseActivationSteps(
  graph: FloatGraph,
  images: Activations,
  count: number,
  { bits, sensitivity, strength }: ActivationStepOptions,
): ActivationSteps {
  const classes = channelClasses(graph);
  const readings = readingsOf(graph, images, count, 2 ** bits - 1, sensitivity, classes);
  const byTensor = grouped(readings, ({ tensor }) => tensor);
  const byFactor = grouped(readings, ({ factor }) => factor);
  byFactor.delete(-1);
  const steps = new Map([...byTensor].map(([id, own]) => [id, bestExponent(own, () => 0)]));
  const factors = new Map([...byFactor.keys()].map((id) => [id, 0]));
  const stepOf = ({ tensor }: Reading): number => steps.get(tensor) ?? 0;
  const factorOf = ({ factor }: Reading): number => Math.round(strength * (factors.get(factor) ?? 0));
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    let moved = false;
    for (const [id, own] of byFactor) {
      const best = bestExponent(own, stepOf);
      moved ||= best !== factors.get(id);
      factors.set(id, best);
    }
    for (const [id, own] of byTensor) {
      const best = bestExponent(own, factorOf);
      moved ||= best !== steps.get(id);
      steps.set(id, best);
    }
    if (!moved) break;
  }
  const scaled = rescaleChannels(graph, (tensor, channel) => {
    const exponent = factors.get(classes.find(tensor, channel)) ?? 0;
    return 2 ** (Math.round(strength * exponent) / GRID);
  });
  return { graph: scaled, steps: new Map([...steps].map(([id, exponent]) => [id, 2 ** (exponent / GRID)])) };
}

/** The exponent that costs these channels least beside the `other` part of theirs. */
function bestExponent(readings: readonly Reading[], other: (reading: Reading) => number): number {
  const shifts = readings.map((reading) => reading.first - other(reading));
  const low = Math.min(...shifts);
  const high = Math.max(...readings.map(({ costs }, index) => shifts[index] + costs.length - 1));
  let best = low;
  let least = Number.POSITIVE_INFINITY;
  for (let exponent = low; exponent <= high; exponent += 1) {
    let sum = 0;
    readings.forEach(({ costs }, index) => {
      sum += costs[Math.min(Math.max(exponent - shifts[index], 0), costs.length - 1)];
    });
    if (sum < least) {
      least = sum;
      best = exponent;
    }
  }
  return best;
}

function readingsOf(
  graph: FloatGraph,
  images: Activations,
  count: number,
  levels: number,
  sensitivity: ReadonlyMap<string, Float64Array>,
  classes: ChannelClasses,
): Reading[] {
  const { stored } = planStorage(graph);
  const weights = channelCosts(graph, sensitivity);
  const readings: Reading[] = [];
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  for (const node of graph.nodes) {
    if (node.kind === "softmax") break;
    values.set(node.output, runNode(graph, node, values, count));
    const costs = weights.get(node.output);
    if (costs && stored.get(node.output)?.nonNegative) {
      const own = values.get(node.output) as Activations;
      costs.forEach((cost, channel) => {
        const factor = classes.find(node.output, channel);
        const reading = readChannel(own, channel, costs.length, levels, cost);
        if (reading)
          readings.push({
            ...reading,
            tensor: node.output,
            channel,
            factor: classes.isFixed(factor) ? -1 : factor,
          });
      });
    }
    liveness.afterNode(node, values);
  }
  return readings;
}

/** What a squared error of each input channel costs, summed over the convolutions that read a tensor. */
function channelCosts(
  graph: FloatGraph,
  sensitivity: ReadonlyMap<string, Float64Array>,
): Map<TensorId, Float64Array> {
  const result = new Map<TensorId, Float64Array>();
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || node.structural) continue;
    const [input] = node.inputs;
    const channels = graph.tensors[input].shape[2];
    const costs = result.get(input) ?? new Float64Array(channels);
    result.set(input, costs);
    addCosts(node, sensitivity.get(node.name), costs);
  }
  return result;
}

function addCosts(node: FloatConvolutionNode, h: Float64Array | undefined, costs: Float64Array): void {
  for (let channel = 0; channel < costs.length; channel += 1) {
    forInputChannel(node, channel, (output, index) => {
      costs[channel] += (h?.[output] ?? 1) * node.weights[index] ** 2;
    });
  }
}

/** Costs of a channel's steps; nothing for a channel that is always zero. */
function readChannel(
  values: Activations,
  channel: number,
  channels: number,
  levels: number,
  cost: number,
): Pick<Reading, "costs" | "first"> | undefined {
  const pixels = values.length / channels;
  const step = Math.max(1, Math.floor(pixels / SAMPLES)) | 1;
  const sample = new Float64Array(Math.ceil(pixels / step));
  let most = 0;
  for (let index = 0; index < sample.length; index += 1) {
    sample[index] = values[index * step * channels + channel];
    most = Math.max(most, sample[index]);
  }
  if (most === 0) return undefined;
  const last = Math.ceil(GRID * Math.log2(most / levels));
  const first = last - GRID * OCTAVES;
  const positive = sample.filter((value) => value > 0);
  const costs = Float64Array.from({ length: last - first + 1 }, (_, index) => {
    const size = 2 ** ((first + index) / GRID);
    let sum = 0;
    for (const value of positive) sum += (value - Math.min(Math.round(value / size), levels) * size) ** 2;
    return (cost * sum) / sample.length;
  });
  return { costs, first };
}

function grouped<Key>(
  readings: readonly Reading[],
  keyOf: (reading: Reading) => Key,
): Map<Key, readonly Reading[]> {
  const result = new Map<Key, Reading[]>();
  for (const reading of readings) {
    const key = keyOf(reading);
    const list = result.get(key);
    if (list) list.push(reading);
    else result.set(key, [reading]);
  }
  return result;
}
