/**
 * What every candidate would cost each layer alone: squared logit error by the layer's second moments and the logits'
 * sensitivity (h e^t C e, errors of layers add up to first order), and bits by the entropy of its codes.
 */
import type { FloatConvolutionNode, FloatGraph } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import type { GramSystem } from "../quantize/gram-solver.js";
import { layerGram, solveGroup } from "../quantize/layer-solver.js";
import { invert } from "../quantize/linear-algebra.js";
import { defaultWeightOptions } from "../quantize/methods.js";
import { type Moments, moments } from "../quantize/moments.js";
import { sideOf } from "../quantize/quantize-model.js";
import { encodeSideInformation } from "../quantize/side-information.js";
import { type Activations, Liveness, runNode } from "../quantize/stepwise.js";
import { refitMasked } from "../quantize/structure/masked-refit.js";
import { removalOrder } from "../quantize/structure/obs-pruning.js";
import type { Candidate } from "./candidates.js";

export interface Trial {
  readonly candidate: Candidate;
  /** Squared logit error. */
  readonly distortion: number;
  /** Of codes, scales and biases. */
  readonly bits: number;
  /** The weights that stay, where the candidate prunes. */
  readonly mask?: Uint8Array;
}

export interface LayerTrials {
  readonly layer: string;
  readonly weights: number;
  readonly trials: readonly Trial[];
}

export interface TrialContext {
  readonly sensitivity: ReadonlyMap<string, Float64Array>;
  readonly random: () => number;
  readonly onProgress?: (done: number, layer: string) => void;
}

/** Positions per layer: trials only rank, so fewer than the quantiser's will do. */
const POSITIONS = 16_000;

export function tryLayers(
  graph: FloatGraph,
  images: Activations,
  count: number,
  candidates: readonly Candidate[],
  { sensitivity, random, onProgress }: TrialContext,
): LayerTrials[] {
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  const result: LayerTrials[] = [];
  const total = graph.nodes.reduce((sum, node) => sum + workOf(node), 0);
  let done = 0;
  for (const node of graph.nodes) {
    if (node.kind === "softmax") break;
    values.set(node.output, runNode(graph, node, values, count));
    if (node.kind === "convolution" && !node.structural) {
      onProgress?.(done / total, node.name);
      done += workOf(node);
      const groups = moments(
        node,
        graph.tensors[node.inputs[0]].shape,
        graph.tensors[node.output].shape,
        values.get(node.inputs[0]) as Activations,
        values.get(node.output) as Activations,
        count,
        { positions: POSITIONS },
      );
      const trials = tryLayer(node, groups, candidates, sensitivity.get(node.name), random);
      result.push({ layer: node.name, weights: node.weights.length, trials });
    }
    liveness.afterNode(node, values);
  }
  onProgress?.(1, "");
  return result;
}

function workOf(node: FloatGraph["nodes"][number]): number {
  if (node.kind !== "convolution" || node.structural) return 0;
  return node.weights.length * (node.weights.length / node.bias.length);
}

/** Rows (outputs) tried of each group: rows are independent but for the histogram, so a sample of them will do. */
const MOST_ROWS = 16;

/** One group's system, solved once and used by all candidates. */
interface GroupSystem {
  /** All rows. */
  readonly own: Float64Array;
  readonly importance: Float64Array;
  readonly bias: Float64Array;
  readonly gram: GramSystem;
  /** The rows that are tried. */
  readonly rows: Int32Array;
}

/** The tried rows of [O][K] values. */
function rowsOf<T extends Float64Array | Uint8Array>(values: T, { rows }: GroupSystem, size: number): T {
  const result = values.slice(0, rows.length * size) as T;
  rows.forEach((row, index) => {
    result.set(values.subarray(row * size, (row + 1) * size), index * size);
  });
  return result;
}

function tryLayer(
  node: FloatConvolutionNode,
  groups: readonly Moments[],
  candidates: readonly Candidate[],
  sensitivity: Float64Array | undefined,
  random: () => number,
): Trial[] {
  const systems = groups.map((group, index): GroupSystem => {
    const { inputs, outputs } = group;
    return {
      own: Float64Array.from(node.weights.subarray(index * outputs * inputs, (index + 1) * outputs * inputs)),
      gram: layerGram(group.covariance, inputs),
      importance:
        sensitivity?.slice(index * outputs, (index + 1) * outputs) ?? new Float64Array(outputs).fill(1),
      bias: Float64Array.from(node.bias.subarray(index * outputs, (index + 1) * outputs)),
      rows: spread(outputs, MOST_ROWS),
    };
  });
  const shares = new Set(candidates.flatMap(({ share }) => share ?? []));
  const costs = shares.size > 0 ? systems.map(removalCosts) : [];
  const pruned = new Map([...shares].map((share) => [share, pruneLayer(systems, costs, share)]));
  return candidates.map((candidate) =>
    tryCandidate(
      candidate,
      systems,
      candidate.share === undefined ? undefined : pruned.get(candidate.share),
      random,
    ),
  );
}

function tryCandidate(
  candidate: Candidate,
  systems: readonly GroupSystem[],
  pruned: PrunedLayer | undefined,
  random: () => number,
): Trial {
  const settings = { ...defaultWeightOptions, ...candidate.settings };
  const counts = new Map<number, number>();
  let distortion = 0;
  let side = 0;
  let tried = 0;
  let total = 0;
  for (const system of systems) {
    const { own, gram, rows } = system;
    const { size } = gram;
    const weights = rowsOf(own, system, size);
    const importance = rowsOf(system.importance, system, 1);
    const { codes, scale } = solveGroup(weights, gram, settings, {
      importance,
      mask: pruned && rowsOf(pruned.mask.subarray(total, total + own.length), system, size),
      refitted: pruned?.refitted.subarray(tried, tried + weights.length),
      random,
    });
    const outputs = own.length / size;
    distortion += (weightedError(weights, scale, gram, codes, importance) * outputs) / rows.length;
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    const rounding = sideOf(settings);
    const kept = {
      scale: scale.map(rounding.scale),
      bias: rounding.bias(rowsOf(system.bias, system, 1)),
    };
    side += (8 * encodeSideInformation([kept]).length * outputs) / rows.length;
    total += own.length;
    tried += weights.length;
  }
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(tried / count);
  return { candidate, distortion, bits: side + (bits * total) / tried, mask: pruned?.mask };
}

function spread(total: number, most: number): Int32Array {
  const count = Math.min(total, most);
  return Int32Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * total) / count));
}

function weightedError(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
  importance: Float64Array,
): number {
  let sum = 0;
  const error = new Float64Array(size);
  for (let o = 0; o < scale.length; o += 1) {
    for (let k = 0; k < size; k += 1) error[k] = codes[o * size + k] * scale[o] - weights[o * size + k];
    for (let i = 0; i < size; i += 1) {
      let row = 0;
      for (let j = 0; j < size; j += 1) row += matrix[i * size + j] * error[j];
      sum += importance[o] * error[i] * row;
    }
  }
  return sum;
}

/** By weight, the cost of the step that would remove it; never falling along a row. */
function removalCosts({ own, gram, importance }: GroupSystem): Float64Array {
  const { size, matrix } = gram;
  const costs = new Float64Array(own.length).fill(Number.POSITIVE_INFINITY);
  const { inverse } = invert(matrix, size);
  const steps = Math.floor(MOST_OF_A_ROW * size);
  for (let o = 0; o < importance.length; o += 1) {
    const order = removalOrder(own.subarray(o * size, (o + 1) * size), inverse, size, steps);
    let cost = 0;
    order.index.forEach((k, step) => {
      cost = Math.max(cost, importance[o] * order.cost[step]);
      costs[o * size + k] = cost;
    });
  }
  return costs;
}

/** Rows may lose up to this share of their weights. */
const MOST_OF_A_ROW = 0.95;

/** A mask of the whole layer, and the best weights under it of the rows that are tried. */
interface PrunedLayer {
  readonly mask: Uint8Array;
  readonly refitted: Float64Array;
}

function pruneLayer(
  systems: readonly GroupSystem[],
  groupCosts: readonly Float64Array[],
  share: number,
): PrunedLayer {
  const length = systems.reduce((sum, { own }) => sum + own.length, 0);
  const costs = new Float64Array(length);
  let at = 0;
  for (const part of groupCosts) {
    costs.set(part, at);
    at += part.length;
  }
  const order = Int32Array.from({ length }, (_, index) => index).sort((a, b) => costs[a] - costs[b] || a - b);
  const mask = new Uint8Array(length).fill(1);
  for (const index of order.subarray(0, Math.round(share * length))) {
    if (costs[index] < Number.POSITIVE_INFINITY) mask[index] = 0;
  }
  const refitted: number[] = [];
  at = 0;
  for (const system of systems) {
    const { own, gram } = system;
    const part = rowsOf(mask.subarray(at, at + own.length), system, gram.size);
    refitted.push(...refitMasked(rowsOf(own, system, gram.size), part, gram.matrix, gram.size));
    at += own.length;
  }
  return { mask, refitted: Float64Array.from(refitted) };
}
