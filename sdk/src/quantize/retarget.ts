/**
 * Weights that give the float model's pre-activations on the quantised network's inputs (least squares with a ridge
 * towards the original weights), and the bias that makes the mean exact.
 *
 * w* = w + (C + r I)^-1 (cov(x, T) - C w);  b = mean(T) - w_q mean(x).
 */
import { cholesky, damped, solveCholesky, timesSymmetric } from "./linear-algebra.js";
import type { Moments } from "./moments.js";

/** @param weights [O][K] of the group. @param ridge share of the mean diagonal, 0.01..0.1 */
export function retarget(
  weights: Float64Array,
  { covariance, cross, inputs, outputs }: Moments,
  ridge: number,
): Float64Array {
  const smoothed = timesSymmetric(weights, covariance, inputs);
  const residual = cross.map((value, index) => value - smoothed[index]);
  solveCholesky(cholesky(damped(covariance, inputs, ridge), inputs), inputs, residual, outputs);
  return weights.map((weight, index) => weight + residual[index]);
}

/** mean(T) - w mean(x), per output: the empirical bias correction. */
export function exactBias(
  weights: Float64Array,
  { mean, targetMean, inputs, outputs }: Moments,
): Float64Array {
  return Float64Array.from({ length: outputs }, (_, o) => {
    let sum = targetMean[o];
    for (let k = 0; k < inputs; k += 1) sum -= weights[o * inputs + k] * mean[k];
    return sum;
  });
}
