/**
 * The encoder's last step: symbols of a layer in, words of one segment out, in the order in which the decoder's refill
 * rule asks for them (weight-stream.md, section 4).
 */
import type { WeightLayout } from "../types.js";
import { type Buckets, bucketMap } from "./buckets.js";
import { type CodedHeader, kinds } from "./header.js";
import { buildEncodingTable, ESCAPE } from "./state-table.js";
import type { ModelTables } from "./tables.js";

/** How one value of a class is coded: a weight's byte, or in pairs the byte of two nibbles with -8 for "raw". */
export interface ClassSymbols {
  /** Bits a state leaves behind: see EncodingTable. Indexed by byte value. */
  readonly bitsRule: Int32Array;
  readonly offset: Int32Array;
  readonly raw: Uint8Array;
  readonly rawBits: Uint8Array;
  readonly states: Uint16Array;
}

/** For each class, the coding of each of the 256 byte values: by its own symbol or, where cheaper, by the escape. */
export function classSymbols(model: ModelTables, pairs: boolean): ClassSymbols[] {
  const encoding = model.tables.map((counts) => buildEncodingTable(counts, model.log));
  return model.classes.map(({ table, ...buckets }) => {
    const counts = model.tables[table];
    const { bitsRule, offset, states } = encoding[table];
    const own: ClassSymbols = {
      bitsRule: new Int32Array(256),
      offset: new Int32Array(256),
      raw: new Uint8Array(256),
      rawBits: new Uint8Array(256),
      states,
    };
    for (let value = 0; value < 256; value += 1) {
      const { symbol, raw, rawBits } = symbolFor(value, counts, buckets, pairs);
      own.bitsRule[value] = bitsRule[symbol];
      own.offset[value] = offset[symbol];
      own.raw[value] = raw;
      own.rawBits[value] = rawBits;
    }
    return own;
  });
}

export interface SymbolChoice {
  readonly symbol: number;
  readonly raw: number;
  readonly rawBits: number;
}

/** The cheaper of a value's own symbol and the escape; the escape when neither exists (then the value is uncodable). */
export function symbolFor(
  value: number,
  counts: Uint16Array,
  buckets: Buckets,
  pairs: boolean,
): SymbolChoice {
  const escaped = { symbol: ESCAPE, raw: value, rawBits: 8 };
  const map = bucketMap(buckets);
  const symbol = pairs ? value : map.symbolOf[value];
  if (counts[symbol] === 0) return escaped;
  const special = pairs && ((value & 15) === 8 || value >> 4 === 8);
  // In pairs the raw byte of a special symbol is the weight itself: the caller supplies it.
  if (special) return { symbol, raw: 0, rawBits: 8 };
  // Where the escape is more frequent than the symbol by more than 8 bits, it is shorter.
  const rawBits = pairs ? 0 : map.rawBits[symbol];
  if (counts[ESCAPE] > counts[symbol] << (8 - rawBits)) return escaped;
  return { symbol, raw: pairs ? 0 : (value - map.start[symbol]) & 0xff, rawBits };
}

/** Encodes the tiles firstTile .. lastTile - 1 of a layer as one segment; `symbols` are those tiles' own. */
export type SegmentEncoder = (
  symbols: SegmentSymbols,
  header: CodedHeader,
  layout: WeightLayout,
  firstTile: number,
  lastTile: number,
) => Uint8Array;

/** What the words of one segment are made from. */
export interface SegmentSymbols {
  /** Byte values in decoding order, before the header's center is taken away: in demand order, or one per pair. */
  readonly values: Uint8Array;
  /** In pairs: the raw byte where a value has a nibble of -8. */
  readonly specials?: Uint8Array;
}

/** Walks the steps of whole tiles in decoding order: `visit(first value, how many lanes)`. */
export function forEachStep(
  layout: WeightLayout,
  header: Pick<CodedHeader, "kind" | "lanes">,
  firstTile: number,
  lastTile: number,
  visit: (first: number, inStep: number) => void,
): void {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const perStep = header.kind === kinds.pairs ? 2 : 1;
  const rows = Math.ceil((inputs * kernelHeight * kernelWidth) / perStep);
  let at = 0;
  for (let tile = firstTile; tile < lastTile; tile += 1) {
    const width = Math.min(outputTile, outputs - tile * outputTile);
    for (let row = 0; row < rows; row += 1) {
      for (let step = 0; step < width; step += header.lanes) {
        const inStep = Math.min(header.lanes, width - step);
        visit(at, inStep);
        at += inStep;
      }
    }
  }
}

/** What base, B and C add up to for each row: for the first row of each two in pairs. */
export function rowSums({ kind, base, b, c }: CodedHeader, { inputs }: WeightLayout): Int8Array {
  const perSymbol = kind === kinds.pairs ? 2 : 1;
  const sums = new Int8Array(Math.ceil((c.length * inputs) / perSymbol));
  for (let row = 0; row < sums.length; row += 1) {
    const first = row * perSymbol;
    sums[row] = base + b[first % inputs] + c[Math.floor(first / inputs)];
  }
  return sums;
}

/** The class of every value of some tiles in decoding order. */
function classesInOrder(
  header: CodedHeader,
  layout: WeightLayout,
  firstTile: number,
  lastTile: number,
): Uint8Array {
  const { a, first, last } = header;
  const sums = rowSums(header, layout);
  const [from, to] = [firstTile, lastTile].map((tile) => Math.min(tile * layout.outputTile, layout.outputs));
  const classes = new Uint8Array((to - from) * sums.length);
  let at = 0;
  for (let tile = from; tile < to; tile += layout.outputTile) {
    const end = Math.min(tile + layout.outputTile, to);
    for (const sum of sums) {
      for (let output = tile; output < end; output += 1, at += 1) {
        classes[at] = Math.min(Math.max(sum + a[output], first), last);
      }
    }
  }
  return classes;
}

/** The slow obvious encoder of segments; encode-kernel.ts is its fast twin. */
export function plainSegmentEncoder(coding: readonly ClassSymbols[], log: number): SegmentEncoder {
  return (symbols, header, layout, firstTile, lastTile) => {
    const words = encodeSegment(symbols, coding, log, layout, header, firstTile, lastTile);
    const bytes = new Uint8Array(words.length * 2);
    words.forEach((word, index) => {
      bytes[2 * index] = word;
      bytes[2 * index + 1] = word >> 8;
    });
    return bytes;
  };
}

function encodeSegment(
  symbols: SegmentSymbols,
  coding: readonly ClassSymbols[],
  log: number,
  layout: WeightLayout,
  header: CodedHeader,
  firstTile: number,
  lastTile: number,
): Uint16Array {
  const { values, specials } = symbols;
  const classes = classesInOrder(header, layout, firstTile, lastTile);
  const active = Math.min(header.lanes, layout.outputs, layout.outputTile);
  const laneOf = new Uint8Array(values.length);
  forEachStep(layout, header, firstTile, lastTile, (first, inStep) => {
    for (let lane = 0; lane < inStep; lane += 1) laneOf[first + lane] = lane;
  });

  // Backward: states, and the bits each value leaves. tANS encodes in reverse.
  const size = 1 << log;
  const state = new Int32Array(active);
  const chunk = new Uint16Array(values.length);
  const chunkBits = new Uint8Array(values.length);
  for (let at = values.length - 1; at >= 0; at -= 1) {
    const lane = laneOf[at];
    const value = (values[at] - header.center) & 0xff;
    const own = coding[classes[at]];
    const raw =
      specials !== undefined && own.rawBits[value] === 8 && isSpecial(value) ? specials[at] : own.raw[value];
    let bits: number;
    let before = state[lane];
    if (before === 0) {
      // A lane's last symbol: what follows it does not matter, so it takes the symbol's first state and zero bits.
      const { bitsRule, offset } = own;
      bits = (bitsRule[value] + 2 * size - 1) >> 16;
      const count = ((bits << 16) - bitsRule[value]) >> bits;
      before = count << bits;
      state[lane] = own.states[offset[value] + count];
    } else {
      bits = (before + own.bitsRule[value]) >> 16;
      state[lane] = own.states[own.offset[value] + (before >> bits)];
    }
    chunk[at] = (before & ((1 << bits) - 1)) | (raw << bits);
    chunkBits[at] = bits + own.rawBits[value];
  }

  const laneWords = collectLaneWords(chunk, chunkBits, laneOf, state, log);
  return interleave(laneWords, chunkBits, log, layout, header, firstTile, lastTile);
}

function isSpecial(value: number): boolean {
  return (value & 15) === 8 || value >> 4 === 8;
}

/** Each lane's own bits as 16-bit words, first bit lowest; the initial state comes first. */
function collectLaneWords(
  chunk: Uint16Array,
  chunkBits: Uint8Array,
  laneOf: Uint8Array,
  state: Int32Array,
  log: number,
): Uint16Array[] {
  const total = new Float64Array(state.length).fill(log);
  for (let at = 0; at < chunk.length; at += 1) total[laneOf[at]] += chunkBits[at];
  const words = Array.from(total, (bits) => new Uint16Array(Math.ceil(bits / 16)));
  const pool = Int32Array.from(state, (own) => own & ((1 << log) - 1));
  const held = new Uint8Array(state.length).fill(log);
  const filled = new Uint32Array(state.length);
  for (let at = 0; at < chunk.length; at += 1) {
    const lane = laneOf[at];
    const bits = held[lane] + chunkBits[at];
    const own = pool[lane] | (chunk[at] << held[lane]);
    if (bits >= 16) {
      words[lane][filled[lane]] = own;
      filled[lane] += 1;
      pool[lane] = own >>> 16;
      held[lane] = bits - 16;
    } else {
      pool[lane] = own;
      held[lane] = bits;
    }
  }
  words.forEach((own, lane) => {
    if (filled[lane] < own.length) own[filled[lane]] = pool[lane];
  });
  return words;
}

/** Runs the decoder's refill rule; drops the words at the end that no lane needs. */
function interleave(
  laneWords: readonly Uint16Array[],
  chunkBits: Uint8Array,
  log: number,
  layout: WeightLayout,
  header: Pick<CodedHeader, "kind" | "lanes">,
  firstTile: number,
  lastTile: number,
): Uint16Array {
  const active = laneWords.length;
  const real = laneWords.reduce((sum, words) => sum + words.length, 0);
  let out = new Uint16Array(real + 4 * active + 16);
  let asked = 0;
  let needed = 0;
  const given = new Uint32Array(active);
  const give = (lane: number): void => {
    const words = laneWords[lane];
    if (asked === out.length) {
      const grown = new Uint16Array(out.length * 2);
      grown.set(out);
      out = grown;
    }
    const word = given[lane] < words.length ? words[given[lane]] : 0;
    given[lane] += 1;
    out[asked] = word;
    asked += 1;
    if (word !== 0) needed = asked;
  };
  for (let word = 0; word < 2; word += 1) for (let lane = 0; lane < active; lane += 1) give(lane);
  const held = new Uint8Array(active).fill(48 - log);
  for (let lane = 0; lane < active; lane += 1) give(lane);
  forEachStep(layout, header, firstTile, lastTile, (first, inStep) => {
    for (let lane = 0; lane < inStep; lane += 1) {
      const left = held[lane] - chunkBits[first + lane];
      if (left < 32) {
        give(lane);
        held[lane] = left + 16;
      } else held[lane] = left;
    }
  });
  return out.subarray(0, needed);
}
