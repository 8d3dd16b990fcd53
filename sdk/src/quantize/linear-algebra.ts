/** Dense symmetric systems in float64, row-major [n][n]. */
import { GraphError } from "../errors.js";

/**
 * Lower Cholesky factor: A = L Lt. The strict upper triangle of the result is 0.
 * @throws {GraphError} `not-positive-definite`
 */
export function cholesky(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = a[i * n + j];
      const rowI = i * n;
      const rowJ = j * n;
      for (let k = 0; k < j; k += 1) sum -= l[rowI + k] * l[rowJ + k];
      if (i !== j) {
        l[rowI + j] = sum / l[rowJ + j];
        continue;
      }
      if (!(sum > 0)) {
        throw new GraphError("not-positive-definite", "A layer's second moments cannot be factored.", {
          expected: "a positive pivot",
          found: String(sum),
          hint: "Give more calibration images, or images that are not all alike.",
        });
      }
      l[rowI + i] = Math.sqrt(sum);
    }
  }
  return l;
}

/** Solves A X = B in place of B for `columns` right-hand sides, given A's Cholesky factor. B is [columns][n]. */
export function solveCholesky(l: Float64Array, n: number, b: Float64Array, columns: number): void {
  for (let column = 0; column < columns; column += 1) {
    const x = b.subarray(column * n, (column + 1) * n);
    for (let i = 0; i < n; i += 1) {
      let sum = x[i];
      for (let k = 0; k < i; k += 1) sum -= l[i * n + k] * x[k];
      x[i] = sum / l[i * n + i];
    }
    for (let i = n - 1; i >= 0; i -= 1) {
      x[i] /= l[i * n + i];
      const value = x[i];
      for (let k = 0; k < i; k += 1) x[k] -= l[i * n + k] * value;
    }
  }
}

/** Inverse of a symmetric positive definite matrix, and log(det A) / n. */
export function invert(a: Float64Array, n: number): { inverse: Float64Array; meanLogDet: number } {
  const l = cholesky(a, n);
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += 2 * Math.log(l[i * n + i]);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) inverse[i * n + i] = 1;
  solveCholesky(l, n, inverse, n);
  return { inverse, meanLogDet: sum / n };
}

/** A copy with `ridge` times the mean diagonal added to the diagonal. */
export function damped(a: Float64Array, n: number, ridge: number): Float64Array {
  const result = a.slice();
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += a[i * n + i];
  const added = (ridge * trace) / n + 1e-12;
  for (let i = 0; i < n; i += 1) result[i * n + i] += added;
  return result;
}
