/**
 * The fast decoder, for the emulator and the host. Same words, same steps as decode-reference.ts; one table of packed
 * entries per class, and a lane's reservoir split into at most 31 bits in use and one whole word behind them.
 */
import { CodecError } from "../../errors.js";
import { checkWeights } from "../checksum.js";
import { type WeightDecoder, type WeightLayout, weightCount } from "../types.js";
import { type CodedHeader, kinds, readHeader } from "./header.js";
import { applyPrediction } from "./prediction.js";
import { buildStateTable, ESCAPE } from "./state-table.js";
import { type ModelTables, rawBitsPair, rawBitsSingle, unpackTables } from "./tables.js";

/** Packed entry: value [7:0], bits [11:8], bits + raw bits [16:12], base [27:17], escape [28]. */
const BITS = 8;
const TOTAL = 12;
const BASE = 17;
const ESCAPED = 1 << 28;

/** base + a + b + c lies in -32..100; one look-up clips it and finds the class's entries. */
const SUM_OFFSET = 32;
const SUMS = 160;

export function openAnsDecoder(tables: Uint8Array): WeightDecoder {
  const model = tables.length > 0 ? unpackTables(tables) : undefined;
  const entries: { single?: Uint32Array; pairs?: Uint32Array } = {};
  return {
    decode(stream, layout) {
      const { header, end } = readHeader(stream, layout, model);
      if (header.kind === kinds.stored || model === undefined) {
        const weights = copyStored(stream.subarray(end), weightCount(layout));
        checkWeights(weights, header.crc);
        return weights;
      }
      const weights = new Int8Array(weightCount(layout));
      if (header.kind === kinds.pairs) entries.pairs ??= packEntries(model, true);
      else entries.single ??= packEntries(model, false);
      const packed = header.kind === kinds.pairs ? entries.pairs! : entries.single!;
      decodeSegments(stream, end, header, model.log, packed, layout, weights);
      checkWeights(weights, header.crc);
      return weights;
    },
  };
}

function copyStored(bytes: Uint8Array, count: number): Int8Array {
  if (bytes.length === count) return Int8Array.from(bytes, (byte) => (byte << 24) >> 24);
  throw new CodecError(
    bytes.length < count ? "truncated" : "trailing-bytes",
    "A stored layer has the wrong length.",
    { expected: `${count} bytes`, found: `${bytes.length} bytes` },
  );
}

function packEntries(model: ModelTables, pairs: boolean): Uint32Array {
  const size = 1 << model.log;
  const packed = new Uint32Array(model.classes.length * size);
  model.classes.forEach(({ table, shift }, index) => {
    const { symbol, bits, base } = buildStateTable(model.tables[table], model.log);
    for (let state = 0; state < size; state += 1) {
      const own = symbol[state];
      const escaped = own === ESCAPE;
      const raw = pairs ? rawBitsPair(own) : rawBitsSingle(own, shift);
      const value = escaped ? 0 : pairs ? own : ((own << shift) - ((1 << shift) >> 1)) & 0xff;
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

function decodeSegments(
  stream: Uint8Array,
  start: number,
  header: CodedHeader,
  log: number,
  entries: Uint32Array,
  layout: WeightLayout,
  weights: Int8Array,
): void {
  if (stream.length % 2 !== 0) {
    throw new CodecError("truncated", "A weight stream has an odd number of bytes.", {
      expected: "whole 16-bit words",
      found: `${stream.length} bytes`,
    });
  }
  const words = new Uint16Array((stream.length - start) >> 1);
  for (let index = 0, at = start; index < words.length; index += 1, at += 2) {
    words[index] = stream[at] | (stream[at + 1] << 8);
  }
  const decoder = new SegmentDecoder(header, log, entries, layout, weights);
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  if (header.tilesPerSegment === 0) {
    decoder.run(words, 0, tiles);
    if (header.prediction) applyPrediction(weights, layout, header.prediction, header.center, 1);
    return;
  }
  const crcs: number[] = [];
  let at = 0;
  for (let tile = 0; tile < tiles; tile += header.tilesPerSegment) {
    const count = at + 4 <= words.length ? words[at] + words[at + 1] * 65536 : Number.POSITIVE_INFINITY;
    if (at + 4 + count > words.length) {
      throw new CodecError("truncated", "A segment of a weight stream ends early.", {
        place: `segment ${crcs.length}`,
        expected: `${count} words`,
        found: `${Math.max(0, words.length - at - 4)} words`,
      });
    }
    crcs.push((words[at + 2] | (words[at + 3] << 16)) >>> 0);
    decoder.run(words.subarray(at + 4, at + 4 + count), tile, Math.min(tile + header.tilesPerSegment, tiles));
    at += 4 + count;
  }
  if (at !== words.length) {
    throw new CodecError("trailing-bytes", "A weight stream goes on after its last segment.", {
      expected: `${at} words`,
      found: `${words.length} words`,
    });
  }
  if (header.prediction) applyPrediction(weights, layout, header.prediction, header.center, 1);
  const perSegment = (weightCount(layout) / layout.outputs) * layout.outputTile * header.tilesPerSegment;
  crcs.forEach((crc, index) => {
    checkWeights(weights.subarray(index * perSegment, (index + 1) * perSegment), crc);
  });
}

class SegmentDecoder {
  private readonly state: Int32Array;
  private readonly reservoir: Int32Array;
  private readonly held: Int32Array;
  private readonly queued: Int32Array;
  private readonly rowSums: Int32Array;
  private readonly classEntries = new Int32Array(SUMS);
  private words: Uint16Array = new Uint16Array(0);
  private asked = 0;

  constructor(
    private readonly header: CodedHeader,
    private readonly log: number,
    private readonly entries: Uint32Array,
    private readonly layout: WeightLayout,
    private readonly weights: Int8Array,
  ) {
    const active = Math.min(header.lanes, layout.outputs, layout.outputTile);
    this.state = new Int32Array(active);
    this.reservoir = new Int32Array(active);
    this.held = new Int32Array(active);
    this.queued = new Int32Array(active);
    const { inputs } = layout;
    this.rowSums = Int32Array.from({ length: header.c.length * inputs }, (_, row) => {
      return SUM_OFFSET + header.base + header.c[Math.floor(row / inputs)] + header.b[row % inputs];
    });
    for (let sum = 0; sum < SUMS; sum += 1) {
      const index = Math.min(Math.max(sum - SUM_OFFSET, header.first), header.last);
      this.classEntries[sum] = index << log;
    }
  }

  /** Decodes tiles `firstTile` to `lastTile` - 1 from the words of one segment. */
  run(words: Uint16Array, firstTile: number, lastTile: number): void {
    this.words = words;
    this.asked = 0;
    this.startLanes();
    const { outputs, outputTile } = this.layout;
    const rows = this.rowSums.length;
    for (let tile = firstTile; tile < lastTile; tile += 1) {
      const first = tile * outputTile;
      const width = Math.min(outputTile, outputs - first);
      const a = this.header.a.subarray(first, first + width);
      if (this.header.kind === kinds.pairs) this.decodePairs(first * rows, a, width, rows);
      else this.decodeSingles(first * rows, a, width, rows);
    }
    if (this.asked < words.length) {
      throw new CodecError("trailing-bytes", "A weight stream holds words that no lane asks for.", {
        expected: `${this.asked} words in the segment`,
        found: `${words.length} words`,
      });
    }
  }

  private next(): number {
    const word = this.asked < this.words.length ? this.words[this.asked] : 0;
    this.asked += 1;
    return word;
  }

  private startLanes(): void {
    const { state, reservoir, held, queued, log } = this;
    const active = state.length;
    for (let lane = 0; lane < active; lane += 1) reservoir[lane] = this.next();
    for (let lane = 0; lane < active; lane += 1) queued[lane] = this.next();
    for (let lane = 0; lane < active; lane += 1) {
      state[lane] = reservoir[lane] & ((1 << log) - 1);
      reservoir[lane] = (reservoir[lane] >>> log) | (queued[lane] << (16 - log));
      held[lane] = 32 - log;
      queued[lane] = this.next();
    }
  }

  /** The inner loop: everything it needs is in locals. */
  private decodeSingles(start: number, a: Uint8Array, width: number, rows: number): void {
    const { state, reservoir, held, queued, rowSums, classEntries, entries, weights, words } = this;
    const { lanes, center } = this.header;
    const end = words.length;
    let asked = this.asked;
    let at = start;
    for (let row = 0; row < rows; row += 1) {
      const rowSum = rowSums[row];
      for (let step = 0; step < width; step += lanes) {
        const inStep = Math.min(lanes, width - step);
        for (let lane = 0; lane < inStep; lane += 1) {
          const entry = entries[classEntries[rowSum + a[step + lane]] + state[lane]];
          const bits = (entry >>> BITS) & 15;
          const total = (entry >>> TOTAL) & 31;
          const pool = reservoir[lane];
          state[lane] = ((entry >>> BASE) & 2047) + (pool & ((1 << bits) - 1));
          weights[at] = center + entry + ((pool >>> bits) & ((1 << (total - bits)) - 1));
          at += 1;
          const left = held[lane] - total;
          if (left < 16) {
            reservoir[lane] = (pool >>> total) | (queued[lane] << left);
            held[lane] = left + 16;
            queued[lane] = asked < end ? words[asked] : 0;
            asked += 1;
          } else {
            reservoir[lane] = pool >>> total;
            held[lane] = left;
          }
        }
      }
    }
    this.asked = asked;
  }

  private decodePairs(start: number, a: Uint8Array, width: number, rows: number): void {
    const { state, reservoir, held, queued, rowSums, classEntries, entries, weights, words } = this;
    const { lanes, center } = this.header;
    const end = words.length;
    let asked = this.asked;
    let at = start;
    for (let row = 0; row < rows; row += 2) {
      const rowSum = rowSums[row];
      const second = row + 1 < rows ? width : 0;
      for (let step = 0; step < width; step += lanes) {
        const inStep = Math.min(lanes, width - step);
        for (let lane = 0; lane < inStep; lane += 1) {
          const entry = entries[classEntries[rowSum + a[step + lane]] + state[lane]];
          const bits = (entry >>> BITS) & 15;
          const total = (entry >>> TOTAL) & 31;
          const pool = reservoir[lane];
          state[lane] = ((entry >>> BASE) & 2047) + (pool & ((1 << bits) - 1));
          let low = (entry << 28) >> 28;
          let high = (entry << 24) >> 28;
          if (total !== bits) {
            const raw = (pool >>> bits) & 255;
            if ((entry & ESCAPED) !== 0) {
              low = (raw << 28) >> 28;
              high = (raw << 24) >> 28;
            } else if (low === -8) low = raw;
            else high = raw;
          }
          // Second first: where there is none, both fall on the same place.
          weights[at + second] = high + center;
          weights[at] = low + center;
          at += 1;
          const left = held[lane] - total;
          if (left < 16) {
            reservoir[lane] = (pool >>> total) | (queued[lane] << left);
            held[lane] = left + 16;
            queued[lane] = asked < end ? words[asked] : 0;
            asked += 1;
          } else {
            reservoir[lane] = pool >>> total;
            held[lane] = left;
          }
        }
      }
      at += second;
    }
    this.asked = asked;
  }
}
