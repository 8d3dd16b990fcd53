/**
 * INQ, incremental network quantisation (Zhou et al., arXiv 1702.03044): the largest weights of every filter go to
 * their nearest power of two and stay there, the others make up for it, and so on until none is left. The paper
 * retrains the others; here they take the least-squares optimum for the layer's error, which needs no labels:
 *
 *   w_F = t_F - C_FF^-1 C_FQ (q_Q - t_Q),   Q quantised, F free.
 */

import type { GramSystem } from "./gram-solver.js";
import { nearestLevel } from "./gram-solver.js";
import { cholesky, damped, solveCholesky } from "./linear-algebra.js";

/** Share of a filter's weights that is quantised after each step; the paper's for ResNet and VGG. */
export const inqShares = [0.5, 0.75, 0.875, 1] as const;

/** Keeps rows whose free inputs never vary solvable. */
const RIDGE = 1e-6;

/**
 * @param target [O][K] @param scale one per output @param levels ascending
 * @returns codes [O][K]
 */
export function partitionIncrementally(
  target: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  levels: Int16Array,
  shares: readonly number[] = inqShares,
): Int16Array {
  const codes = new Int16Array(target.length);
  for (let o = 0; o < scale.length; o += 1) {
    const wanted = target.subarray(o * size, (o + 1) * size);
    const current = wanted.slice();
    let free = Array.from({ length: size }, (_, index) => index);
    const errors = new Float64Array(size);
    for (const share of shares) {
      free.sort((a, b) => Math.abs(current[b]) - Math.abs(current[a]) || a - b);
      const left = size - Math.round(share * size);
      for (const k of free.slice(0, free.length - left)) {
        const code = nearestLevel(current[k] / scale[o], levels);
        codes[o * size + k] = code;
        errors[k] = code * scale[o] - wanted[k];
      }
      free = free.slice(free.length - left);
      if (free.length > 0) makeUp(wanted, current, free, errors, matrix, size);
    }
  }
  return codes;
}

/** The layer scale of the paper: the top level is 2^floor(log2(4 max|w| / 3)). */
export function inqScale(target: Float64Array, outputs: number, levels: Int16Array): Float64Array {
  let largest = 0;
  for (const weight of target) largest = Math.max(largest, Math.abs(weight));
  const top = 2 ** Math.floor(Math.log2((4 * Math.max(largest, 1e-12)) / 3));
  return new Float64Array(outputs).fill(top / levels[levels.length - 1]);
}

/** Sets `current` of the free weights. `errors` is 0 for them. */
function makeUp(
  wanted: Float64Array,
  current: Float64Array,
  free: readonly number[],
  errors: Float64Array,
  matrix: Float64Array,
  size: number,
): void {
  const n = free.length;
  const inner = new Float64Array(n * n);
  const right = new Float64Array(n);
  free.forEach((i, row) => {
    for (let column = 0; column < n; column += 1) inner[row * n + column] = matrix[i * size + free[column]];
    for (let j = 0; j < size; j += 1) right[row] -= matrix[i * size + j] * errors[j];
  });
  solveCholesky(cholesky(damped(inner, n, RIDGE), n), n, right, 1);
  free.forEach((k, row) => {
    current[k] = wanted[k] + right[row];
  });
}
