/** Eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, "Matrix Computations", 8.5). */

export interface SymmetricEigen {
  /** Decreasing. */
  readonly values: Float64Array;
  /** [n][n]; row i is the unit eigenvector of value i. */
  readonly vectors: Float64Array;
}

const MOST_SWEEPS = 30;
/** Off-diagonal power over the whole power at which rotations stop. */
const TOLERANCE = 1e-22;

/** @param matrix [n][n], symmetric; kept */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const a = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) v[i * n + i] = 1;
  let power = 0;
  for (const value of a) power += value * value;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
    let off = 0;
    for (let p = 0; p < n; p += 1) for (let q = p + 1; q < n; q += 1) off += 2 * a[p * n + q] ** 2;
    if (off <= TOLERANCE * power) break;
    for (let p = 0; p < n; p += 1) for (let q = p + 1; q < n; q += 1) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, index) => index).sort(
    (i, j) => a[j * n + j] - a[i * n + i] || i - j,
  );
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    vectors.set(v.subarray(from * n, (from + 1) * n), to * n);
  });
  return { values: Float64Array.from(order, (index) => a[index * n + index]), vectors };
}

/** Makes a[p][q] zero. Rows of v are the vectors. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (apq === 0) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k += 1) {
    const [x, y] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k += 1) {
    const [x, y] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [z, w] = [v[p * n + k], v[q * n + k]];
    v[p * n + k] = c * z - s * w;
    v[q * n + k] = s * z + c * w;
  }
}

/** The leading left singular vectors of `rows` x `columns` values, as rows [rank][rows], and all squared singular values. */
export function leftSingular(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
): { readonly vectors: Float64Array; readonly powers: Float64Array } {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let k = 0; k < columns; k += 1) sum += values[i * columns + k] * values[j * columns + k];
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  }
  const { values: powers, vectors } = symmetricEigen(gram, rows);
  return { vectors, powers };
}

/** The fewest leading values that hold this share of the sum; at least one. */
export function rankForEnergy(powers: Float64Array, energy: number): number {
  const total = powers.reduce((sum, value) => sum + Math.max(0, value), 0);
  let held = 0;
  for (let rank = 1; rank <= powers.length; rank += 1) {
    held += Math.max(0, powers[rank - 1]);
    if (held >= energy * total) return rank;
  }
  return powers.length;
}
