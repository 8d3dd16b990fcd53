/** Softmax on the host: real numbers, outside the bit-exact comparison. */
import type { Graph, Tensor } from "../graph/types.js";

/** exp(beta * real) / sum, over the stored integers of the last integer tensor; any length. */
export function softmax(logits: ArrayLike<number>, tensor: Pick<Tensor, "scale">, beta = 1): Float64Array {
  let largest = -Infinity;
  for (let index = 0; index < logits.length; index += 1) largest = Math.max(largest, logits[index]);
  // The zero point cancels out: only differences of logits matter.
  const exponentials = Float64Array.from(logits, (logit) =>
    Math.exp(beta * tensor.scale * (logit - largest)),
  );
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** The probabilities a graph's classifier gives, with the beta of its softmax node (1 without one). */
export function probabilities(graph: Graph, logits: ArrayLike<number>): Float64Array {
  const last = graph.nodes.at(-1);
  return softmax(logits, graph.tensors[graph.output], last?.kind === "softmax" ? last.beta : 1);
}

/** Index of the largest value; the lowest index among equal ones. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) if (values[index] > values[best]) best = index;
  return best;
}
