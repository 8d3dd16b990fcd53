/**
 * The best weights under a mask: for each output row, w_S = C_SS^-1 (C w)_S over the weights S that stay, which is the
 * least (w_S - w)t C (w_S - w). The same normal equations as optimal brain surgeon's, for a mask chosen in any way.
 */
import { cholesky, damped, solveCholesky } from "../linear-algebra.js";

/** Keeps rows whose surviving inputs never vary solvable. */
const RIDGE = 1e-6;

/**
 * @param weights [O][K] that the layer should have; @param mask [O][K]
 * @param matrix damped second moments of the inputs, [K][K]
 * @returns [O][K] with zeros where the mask has them
 */
export function refitMasked(
  weights: Float64Array,
  mask: Uint8Array,
  matrix: Float64Array,
  size: number,
): Float64Array {
  const result = new Float64Array(weights.length);
  for (let start = 0; start < weights.length; start += size) {
    const kept: number[] = [];
    for (let k = 0; k < size; k += 1) if (mask[start + k] !== 0) kept.push(k);
    const n = kept.length;
    if (n === size) result.set(weights.subarray(start, start + size), start);
    if (n === 0 || n === size) continue;
    const inner = new Float64Array(n * n);
    const right = new Float64Array(n);
    kept.forEach((i, row) => {
      for (let column = 0; column < n; column += 1) inner[row * n + column] = matrix[i * size + kept[column]];
      for (let j = 0; j < size; j += 1) right[row] += matrix[i * size + j] * weights[start + j];
    });
    solveCholesky(cholesky(damped(inner, n, RIDGE), n), n, right, 1);
    kept.forEach((k, row) => {
      result[start + k] = right[row];
    });
  }
  return result;
}
