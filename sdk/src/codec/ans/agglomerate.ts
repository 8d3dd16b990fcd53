/**
 * Classes by merging: groups of alike output channels of each layer, joined two by two where the joint probabilities lose
 * least, until as many are left as there may be classes (the agglomerative information bottleneck: N. Slonim, N. Tishby,
 * "Agglomerative Information Bottleneck", NIPS 12, 1999, with the loss of eq. 5 in bits).
 */
import { type ClassStart, inOrder, type Prior, smoothed } from "./class-starts.js";
import { log2 } from "./deterministic-math.js";
import type { FitLayer } from "./weight-passes.js";

/** Groups to begin with, about, and of one layer at most. */
const MOST_GROUPS = 96;
const MOST_OF_LAYER = 4;
/** Weights a group has at least, unless its layer has fewer. */
const FEWEST_WEIGHTS = 256;

interface Group {
  readonly histogram: Float64Array;
  /** Bits of the group under its own probabilities. */
  readonly bits: number;
}

export function agglomerated(
  layers: readonly { readonly layer: FitLayer; readonly scale: number }[],
  most: number,
  prior: Prior,
): ClassStart[] {
  const perLayer = Math.max(1, Math.min(MOST_OF_LAYER, Math.floor(MOST_GROUPS / layers.length)));
  const groups = layers.flatMap(({ layer, scale }) => groupsOf(layer, Math.sqrt(scale), perLayer));
  const losses = groups.map((group, index) =>
    groups.map((other, at) => (at < index ? loss(group, other) : 0)),
  );
  let left = groups.map((_, index) => index);
  while (left.length > most) {
    let best = { loss: Number.POSITIVE_INFINITY, into: 0, from: 0 };
    for (const from of left) {
      for (const into of left) {
        if (into >= from) break;
        if (losses[from][into] < best.loss) best = { loss: losses[from][into], into, from };
      }
    }
    const { into, from } = best;
    groups[into] = joined(groups[into], groups[from]);
    left = left.filter((index) => index !== from);
    for (const other of left) {
      if (other < into) losses[into][other] = loss(groups[into], groups[other]);
      else if (other > into) losses[other][into] = loss(groups[other], groups[into]);
    }
  }
  return inOrder(
    left.map((index) => {
      const { histogram } = groups[index];
      return { probabilities: smoothed(histogram, prior(histogram)), prior };
    }),
  );
}

/** Output channels of a layer in the order of what their weights cost under the layer's probabilities, in equal parts. */
function groupsOf({ outputs, values }: FitLayer, weight: number, most: number): Group[] {
  const rows = values.length / outputs;
  const parts = Math.max(1, Math.min(most, outputs, Math.floor(values.length / FEWEST_WEIGHTS)));
  const all = new Float64Array(256);
  for (const value of values) all[value] += 1;
  const costs = all.map((count) => log2(values.length) - log2(Math.max(count, 0.5)));
  const costOf = (output: number): number => {
    let sum = 0;
    for (let at = output * rows; at < (output + 1) * rows; at += 1) sum += costs[values[at]];
    return sum;
  };
  const sorted = Array.from({ length: outputs }, (_, output) => ({ output, cost: costOf(output) }));
  if (parts > 1) sorted.sort((left, right) => left.cost - right.cost || left.output - right.output);
  return Array.from({ length: parts }, (_, part) => {
    const histogram = new Float64Array(256);
    const [from, to] = [part, part + 1].map((border) => Math.round((border * outputs) / parts));
    for (const { output } of sorted.slice(from, to)) {
      for (let at = output * rows; at < (output + 1) * rows; at += 1) histogram[values[at]] += weight;
    }
    return { histogram, bits: bitsOf(histogram) };
  });
}

function joined(one: Group, other: Group): Group {
  const histogram = one.histogram.map((count, value) => count + other.histogram[value]);
  return { histogram, bits: bitsOf(histogram) };
}

/** Bits that two groups cost more under joint probabilities than each under its own. */
function loss(one: Group, other: Group): number {
  return joined(one, other).bits - one.bits - other.bits;
}

function bitsOf(histogram: Float64Array): number {
  let total = 0;
  let bits = 0;
  for (const count of histogram) {
    if (count === 0) continue;
    total += count;
    bits -= count * log2(count);
  }
  return total === 0 ? 0 : bits + total * log2(total);
}
