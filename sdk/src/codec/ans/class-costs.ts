/** What each class charges for each value, in 1/1024 bit: the common currency of fitting and training. */
import type { Buckets } from "./buckets.js";
import { log2 } from "./deterministic-math.js";
import { symbolFor } from "./lanes.js";
import { ESCAPE, SYMBOLS } from "./state-table.js";
import { MAX_SYMBOL_BITS, type ModelTables } from "./tables.js";

/** 1 bit. */
export const BIT = 1024;
/** Charged for a value that a class cannot code; no sum of real costs comes near a layer's stored size in these. */
export const UNCODABLE = 1024 * BIT;

/** Class offsets may lie this far outside the classes before clipping. */
export const PADDING = 48;

export class ClassCosts {
  /** Positions per value: the classes with PADDING copies of the outer ones on both sides. */
  readonly span: number;
  /** byValue[value * span + PADDING + class] */
  readonly byValue: Int32Array;

  /** `costs[class][byte value]` */
  constructor(readonly costs: readonly Int32Array[]) {
    this.span = costs.length + 2 * PADDING;
    this.byValue = new Int32Array(256 * this.span);
    for (let value = 0; value < 256; value += 1) {
      for (let position = 0; position < this.span; position += 1) {
        const index = Math.min(Math.max(position - PADDING, 0), costs.length - 1);
        this.byValue[value * this.span + position] = costs[index][value];
      }
    }
  }

  get classes(): number {
    return this.costs.length;
  }
}

/** log2 of 0..2048, with 0 for 0. */
export const log2OfInteger = Float64Array.from({ length: 2049 }, (_, n) => (n === 0 ? 0 : log2(n)));

/** Cost of each byte value under one integer table and shift. */
export function tableCosts(counts: Uint16Array, log: number, buckets: Buckets, pairs: boolean): Int32Array {
  const bySymbol = new Int32Array(SYMBOLS);
  for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
    bySymbol[symbol] = Math.round((log - log2OfInteger[counts[symbol]]) * BIT);
  }
  return Int32Array.from({ length: 256 }, (_, value) => {
    const { symbol, rawBits } = symbolFor(value, counts, buckets, pairs);
    if (counts[symbol] === 0 || (pairs && symbol === ESCAPE && hasMinusEight(value))) return UNCODABLE;
    return bySymbol[symbol] + rawBits * BIT;
  });
}

/** In pairs, a nibble of -8 stands for "8 raw bits": such a value cannot be escaped. */
function hasMinusEight(value: number): boolean {
  return (value & 15) === 8 || value >> 4 === 8;
}

export function modelCosts(model: ModelTables, classes: readonly number[], pairs: boolean): ClassCosts {
  return new ClassCosts(
    classes.map((index) => {
      const { table, ...buckets } = model.classes[index];
      return tableCosts(model.tables[table], model.log, buckets, pairs);
    }),
  );
}

/** Smallest count whose symbols stay within MAX_SYMBOL_BITS when 8 raw bits follow. */
export function leastCountWithByte(log: number): number {
  return 1 << Math.max(0, log + 8 - MAX_SYMBOL_BITS);
}
