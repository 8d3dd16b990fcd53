/** Two weights per symbol: weight-stream.md, sections 1 and 2, kind 2. */
import type { WeightLayout } from "../types.js";
import { kinds } from "./header.js";
import type { LayerVariant } from "./layer-variants.js";

/** Largest magnitude a nibble of a pair holds itself. */
const LARGEST_IN_PAIR = 7;
/** More large weights than one in this many make pairs pointless. */
const LARGE_SHARE = 16;
/** Two large weights: the pair has only one raw byte. */
const BOTH_LARGE = 0x88;

export interface PairBytes {
  /** In decoding order: the first weight in the low nibble; -8 stands for a weight outside -7..7. */
  readonly values: Uint8Array;
  /** The one weight of each pair that is too large for its nibble, or 0. */
  readonly large: Uint8Array;
}

/** undefined when two large weights meet in a pair, or pairs are pointless. */
export function pairVariant(weights: Int8Array, layout: WeightLayout): LayerVariant | undefined {
  let large = 0;
  for (let index = 0; index < weights.length; index += 1) {
    if (Math.abs(weights[index]) > LARGEST_IN_PAIR) large += 1;
  }
  if (large * LARGE_SHARE > weights.length) return undefined;
  if (large > 1 && pairBytes(weights, layout).values.includes(BOTH_LARGE)) return undefined;
  return { kind: kinds.pairs, center: 0, sideBits: 0 };
}

export function pairBytes(weights: Int8Array, { outputs, outputTile }: WeightLayout): PairBytes {
  const rows = weights.length / outputs;
  const values = new Uint8Array(outputs * Math.ceil(rows / 2));
  const large = new Uint8Array(values.length);
  let at = 0;
  for (let first = 0; first < outputs; first += outputTile) {
    const width = Math.min(outputTile, outputs - first);
    for (let row = 0; row < rows; row += 2) {
      const start = first * rows + row * width;
      for (let index = start; index < start + width; index += 1, at += 1) {
        const one = weights[index];
        const other = row + 1 < rows ? weights[index + width] : 0;
        values[at] = nibble(one) | (nibble(other) << 4);
        if (Math.abs(one) > LARGEST_IN_PAIR) large[at] = one;
        else if (Math.abs(other) > LARGEST_IN_PAIR) large[at] = other;
      }
    }
  }
  return { values, large };
}

function nibble(weight: number): number {
  return Math.abs(weight) > LARGEST_IN_PAIR ? 8 : weight & 15;
}
