/**
 * Tucker-2 (Kim et al., arXiv 1511.06530): a 1x1 layer to `r1` maps, the layer's window from `r1` to `r2`, and a 1x1
 * layer to the outputs. Factors are the leading left singular vectors of the two channel unfoldings, improved by
 * alternating between them (higher-order orthogonal iteration); the core is the projection.
 */
import type { FloatConvolutionNode } from "../../../graph/float.js";
import { leftSingular, rankForEnergy } from "../../symmetric-eigen.js";
import { type Factorization, filterSize, multiply, taps, transpose } from "./factors.js";

const SWEEPS = 2;

export function tuckerFactors(node: FloatConvolutionNode, energy: number): Factorization {
  const outputs = node.bias.length;
  const size = filterSize(node);
  const window = taps(node);
  const inputs = size / window;
  const { weights } = node;
  // Each unfolding may lose half of what may be lost.
  const share = 1 - (1 - energy) / 2;
  const byOutput = leftSingular(weights, outputs, size);
  const byInput = leftSingular(unfoldInputs(weights, outputs * window, inputs), inputs, outputs * window);
  const r2 = rankForEnergy(byOutput.powers, share);
  const r1 = rankForEnergy(byInput.powers, share);
  let u = byOutput.vectors.slice(0, r2 * outputs);
  let v = byInput.vectors.slice(0, r1 * inputs);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const narrowInputs = multiply(weights, transpose(v, r1, inputs), outputs * window, inputs, r1);
    u = leftSingular(narrowInputs, outputs, window * r1).vectors.slice(0, r2 * outputs);
    const narrowOutputs = multiply(u, weights, r2, outputs, size);
    v = leftSingular(unfoldInputs(narrowOutputs, r2 * window, inputs), inputs, r2 * window).vectors.slice(
      0,
      r1 * inputs,
    );
  }
  const core = multiply(
    multiply(u, weights, r2, outputs, size),
    transpose(v, r1, inputs),
    r2 * window,
    inputs,
    r1,
  );
  return {
    factors: [
      { outputs: r1, hasWindow: false, weights: Float32Array.from(v) },
      { outputs: r2, hasWindow: true, weights: Float32Array.from(core) },
      { outputs, hasWindow: false, weights: Float32Array.from(transpose(u, r2, outputs)) },
    ],
    ranks: `ranks ${r1} of ${inputs} and ${r2} of ${outputs}`,
  };
}

/** [..][inputs] to [inputs][..]. */
function unfoldInputs(weights: ArrayLike<number>, rest: number, inputs: number): Float64Array {
  return transpose(weights, rest, inputs);
}
