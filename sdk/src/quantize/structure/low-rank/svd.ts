/**
 * Truncated SVD of the filter matrix [outputs][window * inputs]: `rank` filters with the layer's window, then a 1x1
 * layer that mixes them (Denton et al., arXiv 1404.0736; Zhang et al., arXiv 1505.06798, without data). The singular
 * values are shared out evenly, so that both layers have weights of one size.
 */

import type { FloatConvolutionNode } from "../../../graph/float.js";
import { leftSingular, rankForEnergy } from "../../symmetric-eigen.js";
import { type Factorization, filterSize, multiply, transpose } from "./factors.js";

export function svdFactors(node: FloatConvolutionNode, energy: number): Factorization {
  const outputs = node.bias.length;
  const size = filterSize(node);
  const { vectors, powers } = leftSingular(node.weights, outputs, size);
  const rank = Math.min(rankForEnergy(powers, energy), size);
  const u = vectors.subarray(0, rank * outputs);
  const window = multiply(u, node.weights, rank, outputs, size);
  const mix = transpose(u, rank, outputs);
  for (let r = 0; r < rank; r += 1) {
    const root = Math.max(powers[r], 1e-30) ** 0.25;
    for (let k = 0; k < size; k += 1) window[r * size + k] /= root;
    for (let o = 0; o < outputs; o += 1) mix[o * rank + r] *= root;
  }
  return {
    factors: [
      { outputs: rank, hasWindow: true, weights: Float32Array.from(window) },
      { outputs, hasWindow: false, weights: Float32Array.from(mix) },
    ],
    ranks: `rank ${rank} of ${Math.min(outputs, size)}`,
  };
}
