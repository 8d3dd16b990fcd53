/**
 * Which weights to drop by their magnitude alone: Han, Pool, Tran, Dally, "Learning both weights and connections"
 * (arXiv 1506.02626, threshold q * sigma of the layer), one threshold for the whole network, one share for every layer,
 * and N of every M neighbours (arXiv 2102.04010).
 */
import { GraphError } from "../../errors.js";
import type { FloatConvolutionNode, FloatGraph } from "../../graph/float.js";

export type PruningRule =
  /** Weights below `factor` standard deviations of their layer go. */
  | { readonly kind: "sigma"; readonly factor: number }
  /** The least `share` of all weights of the network goes, each divided by its layer's standard deviation. */
  | { readonly kind: "global"; readonly share: number }
  /** The least `share` of each layer goes. */
  | { readonly kind: "layer"; readonly share: number }
  /** The largest `keep` of every `of` neighbouring weights stay; neighbours are input channels, then window columns. */
  | { readonly kind: "n:m"; readonly keep: number; readonly of: number };

/** By node name, one byte per weight in the node's own order (OHWI): 1 stays, 0 goes. */
export type WeightMasks = ReadonlyMap<string, Uint8Array>;

/** Convolutions whose weights are quantised and may be pruned. */
export function weightedNodes(graph: FloatGraph): FloatConvolutionNode[] {
  return graph.nodes.filter(
    (node): node is FloatConvolutionNode => node.kind === "convolution" && !node.structural,
  );
}

/**
 * @throws {GraphError} `bad-pruning` for a share outside 0..1, a factor that is not positive or a pattern that keeps
 * more than there is
 */
export function magnitudeMasks(graph: FloatGraph, rule: PruningRule): Map<string, Uint8Array> {
  checkRule(rule);
  const nodes = weightedNodes(graph);
  if (rule.kind === "n:m") return masksOf(nodes, (node) => patternMask(node, rule.keep, rule.of));
  if (rule.kind === "sigma") {
    return masksOf(nodes, ({ weights }) => aboveThreshold(weights, rule.factor * deviation(weights)));
  }
  if (rule.kind === "layer") {
    return masksOf(nodes, ({ weights }) =>
      aboveThreshold(weights, quantile([weights.map(Math.abs)], rule.share)),
    );
  }
  const threshold = quantile(
    nodes.map(({ weights }) => {
      const sigma = deviation(weights);
      return weights.map((weight) => Math.abs(weight) / sigma);
    }),
    rule.share,
  );
  return masksOf(nodes, ({ weights }) => aboveThreshold(weights, threshold * deviation(weights)));
}

/** Share of the weights that the masks drop. */
export function prunedShare(masks: WeightMasks): number {
  let zeros = 0;
  let total = 0;
  for (const mask of masks.values()) {
    total += mask.length;
    for (const keeps of mask) if (keeps === 0) zeros += 1;
  }
  return zeros / Math.max(1, total);
}

function masksOf(
  nodes: readonly FloatConvolutionNode[],
  maskOf: (node: FloatConvolutionNode) => Uint8Array,
): Map<string, Uint8Array> {
  return new Map(nodes.map((node) => [node.name, maskOf(node)]));
}

function aboveThreshold(weights: Float32Array, threshold: number): Uint8Array {
  return Uint8Array.from(weights, (weight) => (Math.abs(weight) > threshold ? 1 : 0));
}

/** Largest magnitude of the least `share` of all values; below every value where the share is 0. */
function quantile(parts: readonly Float32Array[], share: number): number {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const count = Math.round(share * all.length);
  return count === 0 ? -1 : all.sort()[count - 1];
}

/** Root of the mean square; weights of a trained layer have a mean near 0. Never 0. */
function deviation(weights: Float32Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight ** 2;
  return Math.max(Math.sqrt(sum / weights.length), 1e-30);
}

function patternMask({ weights, bias }: FloatConvolutionNode, keep: number, of: number): Uint8Array {
  const mask = new Uint8Array(weights.length);
  const size = weights.length / bias.length;
  for (let row = 0; row < weights.length; row += size) {
    for (let start = row; start < row + size; start += of) {
      const group = Array.from({ length: Math.min(of, row + size - start) }, (_, index) => start + index);
      group.sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a]) || a - b);
      for (const index of group.slice(0, keep)) mask[index] = 1;
    }
  }
  return mask;
}

function checkRule(rule: PruningRule): void {
  const isGood =
    rule.kind === "sigma"
      ? rule.factor > 0
      : rule.kind === "n:m"
        ? Number.isInteger(rule.keep) && Number.isInteger(rule.of) && rule.keep > 0 && rule.keep <= rule.of
        : rule.share >= 0 && rule.share < 1;
  if (isGood) return;
  throw new GraphError("bad-pruning", "A pruning rule asks for the impossible.", {
    expected: "a share from 0 to below 1, a factor above 0, or N of M with 1 <= N <= M",
    found: JSON.stringify(rule),
    hint: "For example 0.5 for half of the weights, or 2:4.",
  });
}
