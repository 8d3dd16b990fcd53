/**
 * CUR (Mahoney and Drineas, PNAS 106(3), 2009): rows and columns of the filter matrix itself, chosen by leverage scores
 * (the largest, deterministically), W ~ C (C+ W R+) R. The chosen filters R keep the layer's window; C and the middle
 * are both 1x1 and become one layer.
 */
import type { FloatConvolutionNode } from "../../../graph/float.js";
import { cholesky, damped, solveCholesky } from "../../linear-algebra.js";
import { leftSingular, rankForEnergy } from "../../symmetric-eigen.js";
import { type Factorization, filterSize, multiply, transpose } from "./factors.js";

/** Keeps rows that are nearly combinations of others solvable. */
const RIDGE = 1e-9;

export function curFactors(node: FloatConvolutionNode, energy: number): Factorization {
  const outputs = node.bias.length;
  const size = filterSize(node);
  const { vectors, powers } = leftSingular(node.weights, outputs, size);
  const rank = Math.min(rankForEnergy(powers, energy), size);
  const rows = largest(leverage(vectors, rank, outputs), rank);
  const right = multiply(vectors.subarray(0, rank * outputs), node.weights, rank, outputs, size);
  for (let r = 0; r < rank; r += 1) {
    const norm = Math.sqrt(Math.max(powers[r], 1e-30));
    for (let k = 0; k < size; k += 1) right[r * size + k] /= norm;
  }
  const columns = largest(leverage(right, rank, size), rank);

  const kept = new Float64Array(rank * size);
  rows.forEach((o, r) => {
    kept.set(node.weights.subarray(o * size, (o + 1) * size), r * size);
  });
  const chosen = new Float64Array(outputs * rank);
  for (let o = 0; o < outputs; o += 1) {
    columns.forEach((k, c) => {
      chosen[o * rank + c] = node.weights[o * size + k];
    });
  }
  // W R+ first, then projected onto the columns of C: C C+ (W R+).
  const overRows = timesPseudoInverse(Float64Array.from(node.weights), kept, outputs, rank, size);
  const columnsT = transpose(chosen, outputs, rank);
  const middle = transpose(
    timesPseudoInverse(transpose(overRows, outputs, rank), columnsT, rank, rank, outputs),
    rank,
    rank,
  );
  return {
    factors: [
      { outputs: rank, hasWindow: true, weights: Float32Array.from(kept) },
      {
        outputs,
        hasWindow: false,
        weights: Float32Array.from(multiply(chosen, middle, outputs, rank, rank)),
      },
    ],
    ranks: `${rank} rows and columns`,
  };
}

/** A B+ for A [a][n] and B [r][n] of full row rank: A Bt (B Bt)^-1. */
function timesPseudoInverse(
  a: Float64Array,
  b: Float64Array,
  rowsA: number,
  rowsB: number,
  n: number,
): Float64Array {
  const gram = damped(multiply(b, transpose(b, rowsB, n), rowsB, n, rowsB), rowsB, RIDGE);
  const product = multiply(a, transpose(b, rowsB, n), rowsA, n, rowsB);
  solveCholesky(cholesky(gram, rowsB), rowsB, product, rowsA);
  return product;
}

/** Sum of squares over the leading unit vectors, rows [rank][n], of each element. */
function leverage(vectors: Float64Array, rank: number, n: number): Float64Array {
  const scores = new Float64Array(n);
  for (let r = 0; r < rank; r += 1) for (let i = 0; i < n; i += 1) scores[i] += vectors[r * n + i] ** 2;
  return scores;
}

/** Indices of the largest scores, ascending. */
function largest(scores: Float64Array, count: number): number[] {
  const order = Array.from(scores, (_, index) => index).sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}
