/**
 * Weight sharing: every weight of a layer is one of k centroids (Han, Mao, Dally, "Deep Compression", arXiv 1510.00149,
 * section 3). One-dimensional Lloyd from linear, density or Forgy starts; then, against the layer's error instead of
 * the weights', assignment through the Gram matrix and centroids by least squares, in turn.
 *
 * The board has int8 weights with one scale: centroids are kept on that grid, so an index is never stored; the entropy
 * coder sees k symbols.
 */
import { GraphError } from "../../errors.js";
import { type CodePrice, descend, type GramSystem, nearestLevel, roundWithGram } from "../gram-solver.js";
import { cholesky, damped, solveCholesky } from "../linear-algebra.js";
import { roundScale } from "../side-information.js";

export const clusterStarts = {
  linear: "evenly spaced from the least to the largest weight",
  density: "at equal steps of the weights' distribution",
  forgy: "at weights drawn at random",
} as const;

export type ClusterStart = keyof typeof clusterStarts;

export interface ClusterOptions {
  /** 2..128. */
  readonly clusters: number;
  readonly start: ClusterStart;
  /** Rounds of assignment and centroid refit; 0 leaves plain k-means. */
  readonly rounds: number;
  /** Weight of the squared error of each output. */
  readonly importance: Float64Array;
  readonly random: () => number;
}

const LLOYD_ROUNDS = 50;
const MAX_CODE = 127;
/** Holds a centroid in place that almost nothing uses. */
const REFIT_RIDGE = 1e-5;

/**
 * @param weights [O][K] @returns codes [O][K] with at most `clusters` values, and the layer's scale for every output
 * @throws {GraphError} `bad-clusters`
 */
export function clusterWeights(
  weights: Float64Array,
  gram: GramSystem,
  { clusters, start, rounds, importance, random }: ClusterOptions,
): { codes: Int16Array; scale: Float64Array } {
  const outputs = weights.length / gram.size;
  let centroids = kMeans(weights, startCentroids(weights, clusters, start, random));
  let { levels, scale } = onGrid(centroids);
  const price = (): CodePrice => ({ limit: MAX_CODE, levels, lambda: 0, importance });
  const scales = (): Float64Array => new Float64Array(outputs).fill(scale);
  let codes: Int16Array;
  if (rounds === 0) {
    const nearest = price().levels as Int16Array;
    codes = Int16Array.from(weights, (weight) => nearestLevel(weight / scale, nearest));
    return { codes, scale: scales() };
  }
  codes = roundWithGram(weights, scales(), gram, price());
  for (let round = 0; round < rounds; round += 1) {
    descend(weights, scales(), gram, codes, price(), 2);
    const used = levels;
    centroids = refitCentroids(weights, gram, codes, used, importance, scale);
    const next = onGrid(centroids);
    // The same cluster under its new code; two centroids that fall together become one.
    const codeOf = new Map(
      Array.from(used, (level, index) => [level, Math.round(centroids[index] / next.scale)]),
    );
    codes = codes.map((code) => codeOf.get(code) as number);
    ({ levels, scale } = next);
  }
  descend(weights, scales(), gram, codes, price(), 2);
  return { codes, scale: scales() };
}

/** Sorted starting points. */
export function startCentroids(
  weights: Float64Array,
  clusters: number,
  start: ClusterStart,
  random: () => number,
): Float64Array {
  if (!(Number.isInteger(clusters) && clusters >= 2 && clusters <= 128)) {
    throw new GraphError("bad-clusters", "A layer cannot have this many clusters.", {
      expected: "2 to 128",
      found: String(clusters),
      hint: "16 is a good start.",
    });
  }
  const sorted = weights.slice().sort();
  const last = sorted.length - 1;
  const at = (index: number): number => {
    switch (start) {
      case "linear":
        return sorted[0] + ((sorted[last] - sorted[0]) * index) / (clusters - 1);
      case "density":
        return sorted[Math.round(((index + 0.5) / clusters) * last)];
      case "forgy":
        return sorted[Math.floor(random() * sorted.length)];
    }
  };
  return Float64Array.from({ length: clusters }, (_, index) => at(index)).sort();
}

/** Lloyd's rounds in one dimension until nothing moves. @returns sorted centroids */
export function kMeans(weights: Float64Array, start: Float64Array): Float64Array {
  const sorted = weights.slice().sort();
  let centroids = start;
  for (let round = 0; round < LLOYD_ROUNDS; round += 1) {
    const sums = new Float64Array(centroids.length);
    const counts = new Int32Array(centroids.length);
    let cluster = 0;
    for (const weight of sorted) {
      while (
        cluster + 1 < centroids.length &&
        weight - centroids[cluster] > centroids[cluster + 1] - weight
      ) {
        cluster += 1;
      }
      sums[cluster] += weight;
      counts[cluster] += 1;
    }
    const next = centroids
      .map((old, index) => (counts[index] > 0 ? sums[index] / counts[index] : old))
      .sort();
    if (next.every((value, index) => value === centroids[index])) break;
    centroids = next;
  }
  return centroids;
}

function onGrid(centroids: Float64Array): { levels: Int16Array; scale: number } {
  let largest = 0;
  for (const value of centroids) largest = Math.max(largest, Math.abs(value));
  const scale = largest > 0 ? roundScale((largest * 1.0005) / MAX_CODE) : 1;
  const levels = Int16Array.from(new Set(Array.from(centroids, (value) => Math.round(value / scale)))).sort();
  return { levels, scale };
}

/** Centroids c of least sum of h (A c - w)t C (A c - w), A the assignment. In the order of `levels`. */
function refitCentroids(
  weights: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
  levels: Int16Array,
  importance: Float64Array,
  scale: number,
): Float64Array {
  const k = levels.length;
  const indexOf = new Map(Array.from(levels, (level, index) => [level, index]));
  const normal = new Float64Array(k * k);
  const right = new Float64Array(k);
  const assigned = new Int32Array(size);
  for (let o = 0; o < importance.length; o += 1) {
    const start = o * size;
    for (let i = 0; i < size; i += 1) assigned[i] = indexOf.get(codes[start + i]) as number;
    for (let i = 0; i < size; i += 1) {
      const row = assigned[i] * k;
      let product = 0;
      for (let j = 0; j < size; j += 1) {
        const value = importance[o] * matrix[i * size + j];
        normal[row + assigned[j]] += value;
        product += value * weights[start + j];
      }
      right[assigned[i]] += product;
    }
  }
  // Towards the centroids as they are, which also decides for those that nothing uses.
  const held = damped(normal, k, REFIT_RIDGE);
  for (let index = 0; index < k; index += 1) {
    right[index] += (held[index * k + index] - normal[index * k + index]) * levels[index] * scale;
  }
  solveCholesky(cholesky(held, k), k, right, 1);
  return right;
}
