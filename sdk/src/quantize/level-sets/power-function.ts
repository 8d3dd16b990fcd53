/**
 * PowerQuant: codes uniform in sign(w) |w|^a (Yvinec et al., arXiv 2301.09858), with one exponent for the network, the
 * one of least weight error. Needs no data. Activations stay linear here: the engine multiplies integers.
 *
 * The levels (i / n)^(1/a) are no multiples of one number, so on this engine they are rounded to int8: exact at a = 1
 * and a = 1/2 with few levels, elsewhere off by at most half of 1/127 of the channel's range.
 */
import type { FloatGraph } from "../../graph/float.js";
import { codesOnLevels, levelScales } from "../fit-levels.js";
import { symmetricLevels } from "./symmetric-levels.js";

const LARGEST = 127;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const LEAST_EXPONENT = 0.3;
const MOST_EXPONENT = 1.2;
const TOLERANCE = 0.01;

/** @param bits 2..8 @param exponent a; 1 is the uniform grid, below it levels are denser near zero */
export function powerFunctionLevels(bits: number, exponent: number): Int16Array {
  const count = 2 ** (bits - 1) - 1;
  return symmetricLevels(
    Array.from({ length: count }, (_, index) =>
      Math.round(LARGEST * ((index + 1) / count) ** (1 / exponent)),
    ),
  );
}

/** The exponent in 0.3..1.2 of least summed squared error, by golden-section search (the paper: Nelder-Mead). */
export function fitExponent(graph: FloatGraph, bits: number): number {
  let low = LEAST_EXPONENT;
  let high = MOST_EXPONENT;
  const error = (exponent: number): number => weightError(graph, powerFunctionLevels(bits, exponent));
  let inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let errors = inner.map(error);
  while (high - low > TOLERANCE) {
    if (errors[0] < errors[1]) {
      high = inner[1];
      inner = [high - GOLDEN * (high - low), inner[0]];
      errors = [error(inner[0]), errors[0]];
    } else {
      low = inner[0];
      inner = [inner[1], low + GOLDEN * (high - low)];
      errors = [errors[1], error(inner[1])];
    }
  }
  return (low + high) / 2;
}

/** Squared error relative to each layer's own power, over the layers. */
function weightError(graph: FloatGraph, levels: Int16Array): number {
  let total = 0;
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || node.structural) continue;
    const outputs = node.bias.length;
    const size = node.weights.length / outputs;
    const weights = Float64Array.from(node.weights);
    // The paper's scale: the largest magnitude of each channel.
    const scale = levelScales(weights, outputs, levels, {
      scales: "free",
      perChannel: true,
      range: "min-max",
    });
    const codes = codesOnLevels(weights, scale, levels, "value");
    let error = 0;
    let power = 0;
    codes.forEach((code, index) => {
      error += (code * scale[Math.floor(index / size)] - weights[index]) ** 2;
      power += weights[index] ** 2;
    });
    if (power > 0) total += error / power;
  }
  return total;
}
