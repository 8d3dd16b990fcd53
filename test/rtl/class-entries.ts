/** The state tables of a model as table_loader builds them for the lanes, one for each class. */
import { bucketMap } from "@sluice/sdk/codec/ans/buckets.js";
import { buildStateTable, ESCAPE } from "@sluice/sdk/codec/ans/state-table.js";
import type { ModelTables, TableClass } from "@sluice/sdk/codec/ans/tables.js";

const WIDE = 1 << 8;
const ESCAPED = 2 << 8;

/** {raw kind 2, first weight 8, code 12}: the base above a one and `bits` zeros. */
export function classEntries({ tables, classes, log }: ModelTables): number[] {
  return classes.flatMap(({ table, ...buckets }) => {
    const { start, rawBits } = bucketMap(buckets);
    const { symbol, bits, base } = buildStateTable(tables[table], log);
    return Array.from(symbol, (own, state) => {
      const kind = rawBits[own] > buckets.shift ? WIDE : 0;
      const meaning = own === ESCAPE ? ESCAPED : kind | start[own];
      return ((meaning << 12) | (base[state] << 1) | (1 << bits[state])) >>> 0;
    });
  });
}

/** Raw bits of the symbols of a class. */
export function rawBitsOf({ shift, tail }: TableClass): { narrow: number; wide: number } {
  return { narrow: shift, wide: shift + tail };
}
