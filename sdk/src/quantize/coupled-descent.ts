/**
 * Coordinate descent and scale refit with the outputs coupled: the error of a layer in squared logits is
 * tr(Et G E C), with E = codes * scale - weights [O][K], C the covariance of the inputs and G = E[g gt] that of the
 * gradients at the outputs (the Kronecker factors of K-FAC, arXiv 1503.05671, section 3).
 *
 * With G diagonal this is `descend` and `refitScales`.
 */
import { type CodePrice, cheapest, type GramSystem, priceAt } from "./gram-solver.js";
import { cholesky, damped, solveCholesky, timesSymmetric } from "./linear-algebra.js";

/** Keeps the refit's system solvable where two outputs are almost one. */
const REFIT_RIDGE = 1e-6;

/**
 * Changes one code at a time to the best of {current, best, one towards zero, zero}.
 * @param coupling G, [O][O], positive diagonal. @returns how many codes changed; `codes` is changed in place
 */
export function descendCoupled(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size, order }: GramSystem,
  coupling: Float64Array,
  codes: Int16Array,
  price: CodePrice,
  passes: number,
): number {
  const outputs = scale.length;
  const gradient = productGEC(weights, scale, matrix, size, coupling, codes);
  // What the codes changed in this column add to its gradient; the other columns learn of it when the column is done.
  const added = new Float64Array(outputs);
  let changed = 0;
  for (let pass = 0; pass < passes; pass += 1) {
    let changedHere = 0;
    // Inputs of little variance first: what matters more corrects them.
    for (let index = size - 1; index >= 0; index -= 1) {
      const k = order[index];
      const variance = matrix[k * size + k];
      let changedInColumn = 0;
      for (let o = 0; o < outputs; o += 1) {
        const at = o * size + k;
        if (price.mask?.[at] === 0) continue;
        const curvature = coupling[o * outputs + o] * variance * scale[o];
        const optimum = codes[at] - (gradient[at] + added[o] * variance) / curvature;
        const code = cheapest(optimum, curvature * scale[o], priceAt(price, at), codes[at]);
        if (code === codes[at]) continue;
        const delta = (code - codes[at]) * scale[o];
        codes[at] = code;
        changedInColumn += 1;
        for (let u = 0; u < outputs; u += 1) added[u] += coupling[u * outputs + o] * delta;
      }
      if (changedInColumn === 0) continue;
      changedHere += changedInColumn;
      for (let u = 0; u < outputs; u += 1) {
        const factor = added[u];
        if (factor === 0) continue;
        const row = u * size;
        for (let j = 0; j < size; j += 1) gradient[row + j] += factor * matrix[k * size + j];
      }
      added.fill(0);
    }
    changed += changedHere;
    if (changedHere === 0) break;
  }
  return changed;
}

/** The scales that minimise tr(Et G E C) for these codes, all outputs at once. */
export function refitScalesCoupled(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  coupling: Float64Array,
  codes: Int16Array,
): Float64Array {
  const outputs = scale.length;
  const real = Float64Array.from(codes);
  const smoothed = timesSymmetric(real, matrix, size);
  const system = new Float64Array(outputs * outputs);
  const right = new Float64Array(outputs);
  for (let o = 0; o < outputs; o += 1) {
    for (let u = 0; u < outputs; u += 1) {
      const g = coupling[o * outputs + u];
      if (g === 0) continue;
      system[o * outputs + u] = g * dot(smoothed, o, real, u, size);
      right[o] += g * dot(smoothed, o, weights, u, size);
    }
  }
  solveCholesky(cholesky(damped(system, outputs, REFIT_RIDGE), outputs), outputs, right, 1);
  return scale.map((old, o) => (right[o] > 0.3 * old && right[o] < 3 * old ? right[o] : old));
}

/** G E C, [O][K]: half the gradient of the error. */
function productGEC(
  weights: Float64Array,
  scale: Float64Array,
  matrix: Float64Array,
  size: number,
  coupling: Float64Array,
  codes: Int16Array,
): Float64Array {
  const outputs = scale.length;
  const error = weights.map((weight, index) => codes[index] * scale[Math.floor(index / size)] - weight);
  const smoothed = timesSymmetric(error, matrix, size);
  const result = new Float64Array(weights.length);
  for (let o = 0; o < outputs; o += 1) {
    for (let u = 0; u < outputs; u += 1) {
      const g = coupling[o * outputs + u];
      if (g === 0) continue;
      for (let k = 0; k < size; k += 1) result[o * size + k] += g * smoothed[u * size + k];
    }
  }
  return result;
}

function dot(a: Float64Array, rowA: number, b: Float64Array, rowB: number, size: number): number {
  let sum = 0;
  for (let k = 0; k < size; k += 1) sum += a[rowA * size + k] * b[rowB * size + k];
  return sum;
}
