/** The decoding tables of all classes as one array of 32-bit entries, the form both fast decoders read. */
import { bucketMap } from "./buckets.js";
import { buildStateTable, ESCAPE } from "./state-table.js";
import { type ModelTables, rawBitsPair } from "./tables.js";

/** Packed entry: value [7:0], bits [11:8], bits + raw bits [16:12], base [27:17], escape [28]. */
export const BITS = 8;
export const TOTAL = 12;
export const BASE = 17;
export const ESCAPED = 1 << 28;

/** 2^R entries per class, in the order of classes and states. */
export function packEntries(model: ModelTables, pairs: boolean): Int32Array {
  const size = 1 << model.log;
  const packed = new Int32Array(model.classes.length * size);
  model.classes.forEach(({ table, ...buckets }, index) => {
    const { start, rawBits } = bucketMap(buckets);
    const { symbol, bits, base } = buildStateTable(model.tables[table], model.log);
    for (let state = 0; state < size; state += 1) {
      const own = symbol[state];
      const escaped = own === ESCAPE;
      const raw = pairs ? rawBitsPair(own) : escaped ? 8 : rawBits[own];
      const value = escaped ? 0 : pairs ? own : start[own];
      packed[index * size + state] =
        value |
        (bits[state] << BITS) |
        ((bits[state] + raw) << TOTAL) |
        (base[state] << BASE) |
        (escaped ? ESCAPED : 0);
    }
  });
  return packed;
}
