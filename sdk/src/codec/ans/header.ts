/** The header of a layer's stream (weight-stream.md, section 3): everything about the layer but its words. */
import { CodecError } from "../../errors.js";
import { type WeightLayout, weightCount } from "../types.js";
import { BitReader, BitWriter } from "./bit-stream.js";
import { type Prediction, readPrediction, writePrediction } from "./prediction.js";
import { MAX_SYMBOL_BITS, type ModelTables, rawBitsPair } from "./tables.js";

/** Bytes of a stored layer beyond one per weight. */
export const STORED_OVERHEAD = 6;

export const kinds = { stored: 0, single: 1, pairs: 2 } as const;

export interface CodedHeader {
  readonly kind: typeof kinds.single | typeof kinds.pairs;
  /** N, a power of two, 1..32. */
  readonly lanes: number;
  /** Classes the layer uses, inclusive. */
  readonly first: number;
  readonly last: number;
  /** class = clip(base + a[o] + b[i] + c[tap], first, last) */
  readonly base: number;
  /** One element per output channel, 0..31; all zero when not in the stream. */
  readonly a: Uint8Array;
  /** One element per input channel, 0..31. */
  readonly b: Uint8Array;
  /** One element per kernel tap, 0..7. */
  readonly c: Uint8Array;
  /** Added to every weight (mod 256): what the layer's weights lie around. */
  readonly center: number;
  /** CRC-32C of all weights of the layer. */
  readonly crc: number;
  readonly prediction?: Prediction;
  /** Tiles in a segment; 0: the layer is one segment. */
  readonly tilesPerSegment: number;
}

export interface StoredHeader {
  readonly kind: typeof kinds.stored;
  readonly crc: number;
}

export type LayerHeader = CodedHeader | StoredHeader;

/** The offsets of a fit as a header has them, where class 0 of the fit is class `first`: unsigned, with a base. */
export function headerOffsets(
  { a, b, c }: { readonly a: Int32Array; readonly b: Int32Array; readonly c: Int32Array },
  first: number,
): Pick<CodedHeader, "base" | "a" | "b" | "c"> {
  const least = [a, b, c].map((values) => values.reduce((low, value) => Math.min(low, value)));
  return {
    base: first + least[0] + least[1] + least[2],
    a: Uint8Array.from(a, (value) => value - least[0]),
    b: Uint8Array.from(b, (value) => value - least[1]),
    c: Uint8Array.from(c, (value) => value - least[2]),
  };
}

export function widthOf(values: Uint8Array): number {
  return 32 - Math.clz32(values.reduce((all, value) => all | value, 0));
}

/** Whether the offsets fit their fields. Fits of real layers do; an encoder must not rely on it. */
export function fitsHeader({ base, a, b, c }: Pick<CodedHeader, "base" | "a" | "b" | "c">): boolean {
  return base >= -32 && base <= 31 && widthOf(a) <= 5 && widthOf(b) <= 5 && widthOf(c) <= 3;
}

const GAP_BITS = 5;

/** How the offsets of channels are coded: in `width` bits each; with a gap 0 takes one bit, and the others lie above it. */
export interface OffsetCode {
  readonly width: number;
  /** 0: none. */
  readonly gap: number;
  readonly bits: number;
}

/** The shorter of the two codes for offsets of which the least is 0. */
export function offsetCode(offsets: ArrayLike<number>): OffsetCode {
  let zeros = 0;
  let all = 0;
  let least = 32;
  let most = 0;
  for (let index = 0; index < offsets.length; index += 1) {
    const value = offsets[index];
    all |= value;
    if (value === 0) zeros += 1;
    else {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  const width = 32 - Math.clz32(all);
  const plain = { width, gap: 0, bits: width * offsets.length };
  if (zeros === offsets.length) return plain;
  const above = 32 - Math.clz32(most - least);
  const bits = GAP_BITS + offsets.length + above * (offsets.length - zeros);
  return bits < plain.bits ? { width: above, gap: least, bits } : plain;
}

function writeOffsets(out: BitWriter, offsets: Uint8Array, { width, gap }: OffsetCode): void {
  if (gap > 0) out.write(gap, GAP_BITS);
  for (const value of offsets) {
    if (gap > 0) out.write(value === 0 ? 0 : 1, 1);
    if (gap === 0 || value > 0) out.write(value - gap, width);
  }
}

function readOffsets(reader: BitReader, count: number, width: number, gapped: boolean): Uint8Array {
  const values = new Uint8Array(count);
  if (!gapped && width === 0) return values;
  const gap = gapped ? reader.read(GAP_BITS) : 0;
  for (let index = 0; index < count; index += 1) {
    if (!gapped || reader.read(1) === 1) values[index] = (gap + reader.read(width)) & 31;
  }
  return values;
}

export function writeHeader(header: LayerHeader, layout: WeightLayout): Uint8Array {
  const out = new BitWriter();
  out.write(header.kind, 2);
  if (header.kind === kinds.stored) {
    out.align(16);
    out.write(header.crc, 32);
    return out.toBytes();
  }
  const { a, b, c, prediction } = header;
  const [codeA, codeB] = [offsetCode(a), offsetCode(b)];
  out.write(31 - Math.clz32(header.lanes), 3);
  out.write(prediction ? 1 : 0, 1);
  out.write(header.tilesPerSegment > 0 ? 1 : 0, 1);
  const widthC = widthOf(c) > 0;
  out.write(widthC ? 1 : 0, 1);
  out.write(header.center !== 0 ? 1 : 0, 1);
  out.write(codeA.gap > 0 ? 1 : 0, 1);
  out.write(codeB.gap > 0 ? 1 : 0, 1);
  out.write(header.first, 4);
  out.write(header.last, 4);
  out.write(header.base, 6);
  out.write(codeA.width, 3);
  out.write(codeB.width, 3);
  out.write(header.crc, 32);
  if (header.center !== 0) out.write(header.center, 8);
  if (header.tilesPerSegment > 0) out.write(header.tilesPerSegment, 16);
  if (prediction) writePrediction(out, prediction, layout);
  if (widthC) for (const value of c) out.write(value, 3);
  writeOffsets(out, a, codeA);
  writeOffsets(out, b, codeB);
  out.align(16);
  return out.toBytes();
}

/** @returns the header and the byte at which the words (or stored weights) begin. */
export function readHeader(
  stream: Uint8Array,
  layout: WeightLayout,
  tables: ModelTables | undefined,
): { header: LayerHeader; end: number } {
  const reader = new BitReader(stream, "weight stream");
  const kind = reader.read(2);
  if (kind === kinds.stored) {
    reader.align(16);
    const header = { kind, crc: reader.read(32) } as const;
    return { header, end: reader.bytePosition };
  }
  if (kind !== kinds.single && kind !== kinds.pairs) reader.fail("kind 0, 1 or 2", String(kind));
  if (tables === undefined) {
    throw new CodecError(
      "corrupt-tables",
      "A coded layer needs the model's weight tables, but there are none.",
      {
        expected: "the tables section the layer was encoded with",
        found: "0 bytes",
      },
    );
  }
  const lanesLog = reader.read(3);
  if (lanesLog > 5) reader.fail("at most 32 lanes", `2^${lanesLog} lanes`);
  const predicted = reader.read(1) === 1;
  const segmented = reader.read(1) === 1;
  const tapOffsets = reader.read(1) === 1;
  const centered = reader.read(1) === 1;
  const gappedA = reader.read(1) === 1;
  const gappedB = reader.read(1) === 1;
  const first = reader.read(4);
  const last = reader.read(4);
  if (first > last || last >= tables.classes.length) {
    reader.fail(`classes within 0..${tables.classes.length - 1}`, `${first}..${last}`);
  }
  const base = reader.readSigned(6);
  const widthA = reader.read(3);
  const widthB = reader.read(3);
  if (widthA > 5 || widthB > 5) reader.fail("offsets of at most 5 bits", `${widthA} and ${widthB} bits`);
  if (kind === kinds.pairs) checkPairClasses(tables, first, last, reader);
  const crc = reader.read(32);
  const center = centered ? reader.readSigned(8) : 0;
  const tilesPerSegment = segmented ? reader.read(16) : 0;
  if (segmented && tilesPerSegment === 0) reader.fail("at least 1 tile in a segment", "0");
  if (predicted && kind === kinds.pairs) reader.fail("no prediction with pairs", "prediction");
  const prediction = predicted ? readPrediction(reader, layout) : undefined;
  const c = readOffsets(reader, layout.kernelHeight * layout.kernelWidth, tapOffsets ? 3 : 0, false);
  const a = readOffsets(reader, layout.outputs, widthA, gappedA);
  const b = readOffsets(reader, layout.inputs, widthB, gappedB);
  reader.align(16);
  const coded = kind as CodedHeader["kind"];
  const header = {
    kind: coded,
    lanes: 1 << lanesLog,
    first,
    last,
    base,
    a,
    b,
    c,
    center,
    crc,
    prediction,
    tilesPerSegment,
  };
  return { header, end: reader.bytePosition };
}

function checkPairClasses(tables: ModelTables, first: number, last: number, reader: BitReader): void {
  for (let index = first; index <= last; index += 1) {
    const { table, shift, from } = tables.classes[index];
    const counts = tables.tables[table];
    if (shift !== 0 || from !== 0)
      reader.fail("classes of pairs without buckets", `a shift of ${shift}, wide from ${from}`);
    if (counts[0x88] !== 0) reader.fail("no symbol 0x88 in a class of pairs", `a count of ${counts[0x88]}`);
    counts.forEach((count, symbol) => {
      const bits = tables.log - (31 - Math.clz32(count)) + rawBitsPair(symbol);
      if (count > 0 && bits > MAX_SYMBOL_BITS) reader.fail("at most 16 bits a symbol", `${bits} bits`);
    });
  }
}

/** Every weight's place in the lane schedule follows from these. */
export interface LaneGeometry {
  readonly lanes: number;
  /** Lanes that exist: no more than a row has weights. */
  readonly activeLanes: number;
  readonly tiles: number;
  /** Rows of a tile: taps x input channels. */
  readonly rows: number;
  readonly weights: number;
}

export function laneGeometry(layout: WeightLayout, lanes: number): LaneGeometry {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  return {
    lanes,
    activeLanes: Math.min(lanes, outputs, outputTile),
    tiles: Math.ceil(outputs / outputTile),
    rows: kernelHeight * kernelWidth * inputs,
    weights: weightCount(layout),
  };
}
