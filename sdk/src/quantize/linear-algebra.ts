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
      // Four sums at a time: one alone waits for each of its additions.
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      let k = 0;
      for (; k + 3 < j; k += 4) {
        a0 += l[rowI + k] * l[rowJ + k];
        a1 += l[rowI + k + 1] * l[rowJ + k + 1];
        a2 += l[rowI + k + 2] * l[rowJ + k + 2];
        a3 += l[rowI + k + 3] * l[rowJ + k + 3];
      }
      for (; k < j; k += 1) a0 += l[rowI + k] * l[rowJ + k];
      sum -= a0 + a1 + (a2 + a3);
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

/** Each row [n] times a symmetric matrix; two rows and four columns at a time stay in registers. */
export function timesSymmetric(rows: Float64Array, matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(rows.length);
  const count = rows.length / n;
  for (let row = 0; row < count; row += 2) {
    const a = row * n;
    // The last of an odd number is taken twice.
    const b = Math.min(row + 1, count - 1) * n;
    let column = 0;
    for (; column + 3 < n; column += 4) {
      const m0 = column * n;
      const m1 = m0 + n;
      const m2 = m1 + n;
      const m3 = m2 + n;
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      let b0 = 0;
      let b1 = 0;
      let b2 = 0;
      let b3 = 0;
      for (let k = 0; k < n; k += 1) {
        const x = rows[a + k];
        const y = rows[b + k];
        const c0 = matrix[m0 + k];
        const c1 = matrix[m1 + k];
        const c2 = matrix[m2 + k];
        const c3 = matrix[m3 + k];
        a0 += x * c0;
        a1 += x * c1;
        a2 += x * c2;
        a3 += x * c3;
        b0 += y * c0;
        b1 += y * c1;
        b2 += y * c2;
        b3 += y * c3;
      }
      result[a + column] = a0;
      result[a + column + 1] = a1;
      result[a + column + 2] = a2;
      result[a + column + 3] = a3;
      result[b + column] = b0;
      result[b + column + 1] = b1;
      result[b + column + 2] = b2;
      result[b + column + 3] = b3;
    }
    for (; column < n; column += 1) {
      let sumA = 0;
      let sumB = 0;
      for (let k = 0; k < n; k += 1) {
        sumA += rows[a + k] * matrix[column * n + k];
        sumB += rows[b + k] * matrix[column * n + k];
      }
      result[a + column] = sumA;
      result[b + column] = sumB;
    }
  }
  return result;
}

/** The inverse of a lower triangular matrix. */
export function invertLower(l: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    const row = inverse.subarray(i * n, i * n + i);
    for (let k = 0; k < i; k += 1) {
      const value = l[i * n + k];
      const from = k * n;
      for (let j = 0; j <= k; j += 1) row[j] -= value * inverse[from + j];
    }
    const pivot = 1 / l[i * n + i];
    for (let j = 0; j < i; j += 1) row[j] *= pivot;
    inverse[i * n + i] = pivot;
  }
  return inverse;
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
