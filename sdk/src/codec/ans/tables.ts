/**
 * The tables section of a model: which counts each table has, and which table and shift each class uses
 * (weight-stream.md, section 2).
 */
import { CodecError } from "../../errors.js";
import { crc32c } from "../../overlay/crc32c.js";
import { BitReader, BitWriter, expGolombBits, zigzag } from "./bit-stream.js";
import { type Buckets, bucketMap, LARGEST_RAW } from "./buckets.js";
import { ESCAPE, SYMBOLS } from "./state-table.js";

export const TABLES_VERSION = 2;
export const MAX_TABLES = 16;
export const MAX_CLASSES = 16;
/** Most bits one symbol may take from its lane; what makes one refill per step enough. */
export const MAX_SYMBOL_BITS = 16;

export interface TableClass extends Buckets {
  /** Index into `tables`. */
  readonly table: number;
}

export interface ModelTables {
  /** R, 8..11. */
  readonly log: number;
  /** Counts of each table; see state-table.ts for symbol indices. */
  readonly tables: readonly Uint16Array[];
  readonly classes: readonly TableClass[];
}

/** Raw bits a symbol takes in a layer of pairs: 8 when a nibble is -8 or the symbol is the escape. */
export function rawBitsPair(symbol: number): number {
  return symbol === ESCAPE || (symbol & 0xf) === 8 || symbol >> 4 === 8 ? 8 : 0;
}

export function packTables({ log, tables, classes }: ModelTables): Uint8Array {
  const out = new BitWriter();
  out.write(TABLES_VERSION, 8);
  out.write(log - 8, 2);
  out.write(tables.length - 1, 4);
  out.write(classes.length - 1, 4);
  for (const { table, shift, from, tail } of classes) {
    out.write(table, 4);
    out.write(shift, 3);
    out.write(32 - Math.clz32(from), 3);
    if (from > 0) out.write(tail - 1, 2);
  }
  for (const counts of tables) writeCounts(out, counts);
  out.align(8);
  out.write(crc32c(out.toBytes()), 32);
  return out.toBytes();
}

/** @throws {CodecError} `corrupt-tables` */
export function unpackTables(bytes: Uint8Array): ModelTables {
  const payload = bytes.subarray(0, Math.max(0, bytes.length - 4));
  const reader = new BitReader(payload, "section of weight tables", "corrupt-tables", "corrupt-tables");
  const stored =
    bytes.length < 4 ? -1 : new BitReader(bytes.subarray(-4), "section of weight tables").read(32);
  if (stored !== crc32c(payload)) {
    throw new CodecError("corrupt-tables", "The checksum of the weight tables does not match.", {
      expected: `0x${crc32c(payload).toString(16)}`,
      found: `0x${stored.toString(16)}`,
      hint: "The package or its transfer is damaged: send it again.",
    });
  }
  const version = reader.read(8);
  if (version !== TABLES_VERSION) {
    throw new CodecError("corrupt-tables", "The weight tables are of a version this Sluice does not read.", {
      expected: `version ${TABLES_VERSION}`,
      found: `version ${version}`,
      hint: "Compile the model again: sluice pack MODEL --out FILE.",
    });
  }
  const log = 8 + reader.read(2);
  const tableCount = reader.read(4) + 1;
  const classCount = reader.read(4) + 1;
  const classes = Array.from({ length: classCount }, () => {
    const table = reader.read(4);
    const shift = reader.read(3);
    const fromLog = reader.read(3);
    const from = fromLog === 0 ? 0 : 1 << (fromLog - 1);
    const tail = from === 0 ? 0 : reader.read(2) + 1;
    if (shift + tail > LARGEST_RAW) reader.fail(`at most ${LARGEST_RAW} raw bits`, `${shift} + ${tail}`);
    if (table >= tableCount) reader.fail(`a table below ${tableCount}`, String(table));
    return { table, shift, from, tail };
  });
  const tables = Array.from({ length: tableCount }, () => readCounts(reader, log));
  reader.align(8);
  if (reader.bytePosition !== payload.length) reader.fail("the end of the tables", "further bytes");
  const model = { log, tables, classes };
  for (const tableClass of classes) checkSymbolBits(model, tableClass, reader);
  return model;
}

/** A count of 1 takes R bits; with its raw bits that must stay within one refill. */
function checkSymbolBits(model: ModelTables, { table, ...buckets }: TableClass, reader: BitReader): void {
  const counts = model.tables[table];
  const { rawBits } = bucketMap(buckets);
  for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
    if (counts[symbol] === 0) continue;
    const bits = model.log - (31 - Math.clz32(counts[symbol]));
    const raw = symbol === ESCAPE ? 8 : rawBits[symbol];
    if (bits + raw > MAX_SYMBOL_BITS) {
      reader.fail(`at most ${MAX_SYMBOL_BITS} bits a symbol`, `${bits + raw} bits for symbol ${symbol}`);
    }
  }
}

const EXTENT_BITS = 8;

/** The two signs in coding order; a symmetric table codes only the first. */
const SIGNS = [1, -1] as const;
/** +128 is not a byte. */
const PAST_LAST = [128, 129] as const;

function indexOf(magnitude: number, sign: number): number {
  return (sign * magnitude) & 0xff;
}

/** How `counts` would be coded; `k` is the cheapest order. */
function countsPlan(counts: Uint16Array): { symmetric: boolean; extent: number; k: number; bits: number } {
  let extent = 128;
  while (extent > 0 && counts[extent] === 0 && counts[256 - extent] === 0) extent -= 1;
  let symmetric = extent < 128;
  for (let b = 1; b <= extent; b += 1) symmetric &&= counts[b] === counts[256 - b];
  let best = { k: 0, bits: Number.POSITIVE_INFINITY };
  for (let k = 0; k < 8; k += 1) {
    let bits = 1 + 3 + EXTENT_BITS + expGolombBits(counts[ESCAPE], 0);
    visitCounts(counts, extent, symmetric, (difference, skipped) => {
      bits += expGolombBits(zigzag(difference), k);
      if (skipped >= 0) bits += expGolombBits(skipped, 0);
    });
    if (bits < best.bits) best = { k, bits };
  }
  return { symmetric, extent, ...best };
}

/** Bits the counts take in the tables section. */
export function countsBits(counts: Uint16Array): number {
  return countsPlan(counts).bits;
}

/** Calls back in coding order; `skipped` is -1 unless the count is 0, then how many further zeros are left out. */
function visitCounts(
  counts: Uint16Array,
  extent: number,
  symmetric: boolean,
  visit: (difference: number, skipped: number) => void,
): void {
  const signs = symmetric ? 1 : 2;
  const previous = [0, 0];
  const skip = [0, 0];
  for (let b = 1; b <= extent; b += 1) {
    for (let sign = 0; sign < signs; sign += 1) {
      if (skip[sign] > 0 || b === PAST_LAST[sign]) {
        skip[sign] -= 1;
        continue;
      }
      const count = counts[indexOf(b, SIGNS[sign])];
      let zeros = -1;
      if (count === 0) {
        zeros = 0;
        while (
          b + zeros + 1 <= Math.min(extent, PAST_LAST[sign] - 1) &&
          counts[indexOf(b + zeros + 1, SIGNS[sign])] === 0
        )
          zeros += 1;
        skip[sign] = zeros;
      }
      visit(count - previous[sign], zeros);
      previous[sign] = count;
    }
  }
}

function writeCounts(out: BitWriter, counts: Uint16Array): void {
  const { symmetric, extent, k } = countsPlan(counts);
  out.write(symmetric ? 1 : 0, 1);
  out.write(k, 3);
  out.write(extent, EXTENT_BITS);
  out.writeExpGolomb(counts[ESCAPE], 0);
  visitCounts(counts, extent, symmetric, (difference, skipped) => {
    out.writeSignedExpGolomb(difference, k);
    if (skipped >= 0) out.writeExpGolomb(skipped, 0);
  });
}

function readCounts(reader: BitReader, log: number): Uint16Array {
  const size = 1 << log;
  const counts = new Uint16Array(SYMBOLS);
  const symmetric = reader.read(1) === 1;
  const k = reader.read(3);
  const extent = reader.read(EXTENT_BITS);
  const largest = symmetric ? 127 : 128;
  if (extent > largest) reader.fail(`an extent of at most ${largest}`, String(extent));
  const escapes = reader.readExpGolomb(0);
  let left = size - escapes;
  if (left < 0) reader.fail(`counts that sum to ${size}`, `an escape count of ${escapes}`);
  counts[ESCAPE] = escapes;
  const previous = [0, 0];
  const skip = [0, 0];
  for (let b = 1; b <= extent; b += 1) {
    for (let sign = 0; sign < (symmetric ? 1 : 2); sign += 1) {
      if (skip[sign] > 0 || b === PAST_LAST[sign]) {
        skip[sign] -= 1;
        continue;
      }
      const count = previous[sign] + reader.readSignedExpGolomb(k);
      previous[sign] = count;
      left -= symmetric ? 2 * count : count;
      if (count < 0 || left < 0) reader.fail(`counts that sum to ${size}`, `a count of ${count}`);
      counts[indexOf(b, SIGNS[sign])] = count;
      if (symmetric) counts[indexOf(b, -1)] = count;
      if (count === 0) {
        skip[sign] = reader.readExpGolomb(0);
        if (skip[sign] > Math.min(extent, PAST_LAST[sign] - 1) - b)
          reader.fail("zeros within the extent", `${skip[sign]} zeros`);
      }
    }
  }
  counts[0] = left;
  return counts;
}
