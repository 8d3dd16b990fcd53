/**
 * AdaRound (Nagel et al., arXiv 2004.10568): for every weight the choice between the code below and the one above,
 * relaxed to a rectified sigmoid and learned by Adam. The layer's error on any data is a quadratic form in the weight
 * change, so the iterations need the second moments of the inputs alone and never look at an image.
 *
 *   min over V of sum_o E_o^t C E_o / s^2 + lambda sum(1 - |2 h(V) - 1|^beta),   E = s (floor(w/s) + h(V)) - w
 *   h(V) = clamp(sigmoid(V) (zeta - gamma) + gamma, 0, 1)
 *
 * The error of each output is divided by its own error under nearest rounding, so that one lambda serves every layer.
 * Weights start at their exact values, where the error is 0: the regulariser must be strong enough to move them.
 */

import type { GramSystem } from "./gram-solver.js";
import { MatrixProduct } from "./matrix-product.js";

export interface AdaRoundOptions {
  /** Adam steps; 200 to 1,000. */
  readonly iterations: number;
  /** Largest magnitude of a code. */
  readonly limit: number;
  readonly learningRate: number;
}

export const defaultAdaRound = { iterations: 400, learningRate: 0.05 } as const;

const ZETA = 1.1;
const GAMMA = -0.1;
/** Of the regulariser, per weight; the error of nearest rounding is 1 per weight. */
const LAMBDA = 3;
const FIRST_BETA = 20;
const LAST_BETA = 2;
/** Share of the steps without the regulariser. */
const WARM_UP = 0.2;
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/**
 * @param weights [O][K] the layer should have @param scale one per output, fixed beforehand
 * @returns codes [O][K]
 */
export function adaRound(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  { iterations, limit, learningRate }: AdaRoundOptions,
): Int16Array {
  const outputs = scale.length;
  const count = weights.length;
  const base = new Float64Array(count);
  const fraction = new Float64Array(count);
  const relaxed = new Float64Array(count);
  const first = new Float64Array(count);
  const second = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const value = weights[index] / scale[Math.floor(index / size)];
    base[index] = Math.floor(value);
    fraction[index] = value - base[index];
    relaxed[index] = -Math.log((ZETA - GAMMA) / (fraction[index] - GAMMA) - 1);
  }
  const product = new MatrixProduct(matrix, size, outputs);
  // In units of the step: E C E / s^2.
  const error = new Float32Array(count);
  const weightOf = normalizers();
  for (let step = 0; step < iterations; step += 1) {
    const progress = (step / iterations - WARM_UP) / (1 - WARM_UP);
    const beta = LAST_BETA + 0.5 * (FIRST_BETA - LAST_BETA) * (1 + Math.cos(Math.PI * Math.max(0, progress)));
    const lambda = progress < 0 ? 0 : LAMBDA;
    for (let index = 0; index < count; index += 1) {
      const value = Math.min(Math.max(base[index] + rectified(relaxed[index]), -limit), limit);
      error[index] = value - base[index] - fraction[index];
    }
    const gradient = product.times(error);
    const correction1 = 1 - ADAM.beta1 ** (step + 1);
    const correction2 = 1 - ADAM.beta2 ** (step + 1);
    for (let index = 0; index < count; index += 1) {
      const sigmoid = 1 / (1 + Math.exp(-relaxed[index]));
      const stretched = sigmoid * (ZETA - GAMMA) + GAMMA;
      // The rectified sigmoid is flat at its ends.
      const slope = stretched > 0 && stretched < 1 ? (ZETA - GAMMA) * sigmoid * (1 - sigmoid) : 0;
      const distance = 2 * Math.min(Math.max(stretched, 0), 1) - 1;
      const penalty = -2 * lambda * beta * Math.sign(distance) * Math.abs(distance) ** (beta - 1);
      const total = slope * (2 * weightOf[Math.floor(index / size)] * gradient[index] + penalty);
      first[index] += (1 - ADAM.beta1) * (total - first[index]);
      second[index] += (1 - ADAM.beta2) * (total * total - second[index]);
      const scaled = Math.sqrt(second[index] / correction2) + ADAM.epsilon;
      relaxed[index] -= (learningRate * first[index]) / correction1 / scaled;
    }
  }
  return Int16Array.from(base, (floor, index) =>
    Math.min(Math.max(floor + (relaxed[index] >= 0 ? 1 : 0), -limit), limit),
  );

  /** size / (error of nearest rounding), per output. */
  function normalizers(): Float64Array {
    for (let index = 0; index < count; index += 1)
      error[index] = Math.round(fraction[index]) - fraction[index];
    const nearest = product.times(error);
    return Float64Array.from({ length: outputs }, (_, o) => {
      let sum = 0;
      for (let k = o * size; k < (o + 1) * size; k += 1) sum += error[k] * nearest[k];
      return sum > 0 ? size / sum : 0;
    });
  }
}

function rectified(value: number): number {
  return Math.min(Math.max((ZETA - GAMMA) / (1 + Math.exp(-value)) + GAMMA, 0), 1);
}
