/**
 * Which weights to drop by what their loss costs the logits: exact optimal brain surgeon per output row, greedy with the
 * inverse second moments kept up to date (Frantar, Singh, Alistarh, "Optimal Brain Compression", arXiv 2208.11580,
 * algorithm 1), and one threshold for the whole network on the cost weighed by the logits' sensitivity.
 *
 * Dropping weight p of a row costs h w_p^2 / [C^-1]_pp and moves the others by -w_p / [C^-1]_pp [C^-1]_:p; the removed
 * row and column leave the inverse by one step of Gaussian elimination.
 */
import type { FloatGraph } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";
import { damped, invert } from "../linear-algebra.js";
import { type Moments, moments } from "../moments.js";
import { type Activations, Liveness, runNode } from "../stepwise.js";

export interface ObsOptions {
  /** Share of all weights to drop, 0..1. */
  readonly share: number;
  /** By node name, squared logit error per squared error of each output. */
  readonly sensitivity: ReadonlyMap<string, Float64Array>;
  /** Window positions used per layer. */
  readonly positions: number;
  readonly onProgress?: (done: number, layer: string) => void;
}

/** Damping of the second moments, as a share of their mean. */
const RIDGE = 0.003;
/** Nobody drops more than this share of a row's weights: the last ones would leave a channel without any input. */
const MOST_OF_A_ROW = 0.98;

/** The order in which one row's weights go, and what each removal costs in units of the squared layer error. */
export interface RemovalOrder {
  readonly index: Int32Array;
  readonly cost: Float64Array;
}

/** @returns by node name, 1 for every weight that stays */
export function obsMasks(
  graph: FloatGraph,
  images: Activations,
  count: number,
  { share, sensitivity, positions, onProgress }: ObsOptions,
): Map<string, Uint8Array> {
  const removals: { name: string; index: number; cost: number }[] = [];
  const masks = new Map<string, Uint8Array>();
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  graph.nodes.forEach((node, at) => {
    if (node.kind === "softmax") return;
    values.set(node.output, runNode(graph, node, values, count));
    if (node.kind === "convolution" && !node.structural) {
      onProgress?.(at / graph.nodes.length, node.name);
      masks.set(node.name, new Uint8Array(node.weights.length).fill(1));
      const [from, to] = [graph.tensors[node.inputs[0]].shape, graph.tensors[node.output].shape];
      const x = values.get(node.inputs[0]) as Activations;
      const groups = moments(node, from, to, x, values.get(node.output) as Activations, count, { positions });
      groups.forEach((group, index) => {
        const first = index * group.outputs;
        rowRemovals(node.weights, group, first, (o, removal) => {
          const importance = sensitivity.get(node.name)?.[o] ?? 1;
          // Costs may fall along a row; a weight is never dropped before those that went ahead of it.
          let cost = 0;
          removal.index.forEach((k, step) => {
            cost = Math.max(cost, importance * removal.cost[step]);
            removals.push({ name: node.name, index: o * group.inputs + k, cost });
          });
        });
      });
    }
    liveness.afterNode(node, values);
  });
  removals.sort((a, b) => a.cost - b.cost);
  const total = [...masks.values()].reduce((sum, mask) => sum + mask.length, 0);
  for (const { name, index } of removals.slice(0, Math.round(share * total))) {
    (masks.get(name) as Uint8Array)[index] = 0;
  }
  return masks;
}

function rowRemovals(
  weights: Float32Array,
  { covariance, inputs, outputs }: Moments,
  firstOutput: number,
  visit: (output: number, removal: RemovalOrder) => void,
): void {
  const { inverse } = invert(damped(covariance, inputs, RIDGE), inputs);
  const steps = Math.floor(MOST_OF_A_ROW * inputs);
  for (let o = firstOutput; o < firstOutput + outputs; o += 1) {
    visit(o, removalOrder(weights.subarray(o * inputs, (o + 1) * inputs), inverse, inputs, steps));
  }
}

/** @param inverse of the row's damped second moments, [K][K]; kept. @param steps weights to remove, at most K */
export function removalOrder(
  row: ArrayLike<number>,
  inverse: Float64Array,
  size: number,
  steps: number,
): RemovalOrder {
  // The lower triangle, packed and shrinking: the last active element takes the place of the removed one.
  const rows = Array.from({ length: size }, (_, i) => inverse.slice(i * size, i * size + i + 1));
  const left = Float64Array.from(row);
  const active = Int32Array.from({ length: size }, (_, index) => index);
  const order: RemovalOrder = { index: new Int32Array(steps), cost: new Float64Array(steps) };
  const column = new Float64Array(size);
  for (let step = 0; step < steps; step += 1) {
    const alive = size - step;
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < alive; i += 1) {
      const cost = left[i] ** 2 / rows[i][i];
      if (cost < least) {
        least = cost;
        best = i;
      }
    }
    order.index[step] = active[best];
    order.cost[step] = least;
    for (let i = 0; i < alive; i += 1) column[i] = i <= best ? rows[best][i] : rows[i][best];
    const last = alive - 1;
    if (best !== last) {
      const moved = rows[last];
      for (let i = 0; i < best; i += 1) rows[best][i] = moved[i];
      for (let i = best + 1; i < last; i += 1) rows[i][best] = moved[i];
      const diagonal = column[best];
      rows[best][best] = moved[last];
      column[best] = column[last];
      const weight = left[best];
      left[best] = left[last];
      active[best] = active[last];
      eliminate(rows, left, column, last, diagonal, weight);
    } else eliminate(rows, left, column, last, column[last], left[last]);
  }
  return order;
}

function eliminate(
  rows: readonly Float64Array[],
  left: Float64Array,
  column: Float64Array,
  alive: number,
  diagonal: number,
  weight: number,
): void {
  for (let i = 0; i < alive; i += 1) {
    const factor = column[i] / diagonal;
    left[i] -= weight * factor;
    const target = rows[i];
    for (let j = 0; j <= i; j += 1) target[j] -= factor * column[j];
  }
}
