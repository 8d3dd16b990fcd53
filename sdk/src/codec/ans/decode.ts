/**
 * The fast decoder, for the emulator and the host. Same words, same steps as decode-reference.ts; one table of packed
 * entries per class, and a lane's reservoir split into at most 31 bits in use and one whole word behind them.
 */
import { CodecError } from "../../errors.js";
import { crc32cCombine } from "../../overlay/crc32c.js";
import { checkCrc, checkWeights, weightsCrc } from "../checksum.js";
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
  const entries: { single?: Int32Array; pairs?: Int32Array } = {};
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
      checkCrc(decodeSegments(stream, end, header, model.log, packed, layout, weights), header.crc);
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

function packEntries(model: ModelTables, pairs: boolean): Int32Array {
  const size = 1 << model.log;
  const packed = new Int32Array(model.classes.length * size);
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

/** Returns the CRC of the decoded weights; those of segments are checked here. */
function decodeSegments(
  stream: Uint8Array,
  start: number,
  header: CodedHeader,
  log: number,
  entries: Int32Array,
  layout: WeightLayout,
  weights: Int8Array,
): number {
  if (stream.length % 2 !== 0) {
    throw new CodecError("truncated", "A weight stream has an odd number of bytes.", {
      expected: "whole 16-bit words",
      found: `${stream.length} bytes`,
    });
  }
  const words = wordsOf(stream.subarray(start));
  const decoder = new SegmentDecoder(header, log, entries, layout, weights);
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  if (header.tilesPerSegment === 0) {
    decoder.run(words, 0, tiles);
    if (header.prediction) applyPrediction(weights, layout, header.prediction, header.center, 1);
    return weightsCrc(weights);
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
  return crcs.reduce((all, crc, index) => {
    const own = weights.subarray(index * perSegment, (index + 1) * perSegment);
    const found = weightsCrc(own);
    checkCrc(found, crc);
    return crc32cCombine(all, found, own.length);
  }, 0);
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function wordsOf(bytes: Uint8Array): Uint16Array {
  if (littleEndian) return new Uint16Array(new Uint8Array(bytes).buffer);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, at) => bytes[2 * at] | (bytes[2 * at + 1] << 8));
}

/** Of a lane: reservoir at 0 (at most 31 bits), then these; QUEUED is the whole word behind the reservoir. */
const STATE = 1;
const HELD = 2;
const QUEUED = 3;
const LANE_FIELDS = 4;

class SegmentDecoder {
  private readonly active: number;
  /** LANE_FIELDS numbers for each lane: one array, because the inner loop has registers for few. */
  private readonly lanes: Int32Array;
  private readonly rowSums: Int32Array;
  private readonly leastSum: number;
  /** Entry offsets of the lanes of a tile, for each sum a row may have. */
  private readonly tileEntries: Int32Array;
  private readonly classEntries = new Int32Array(SUMS);
  private words: Uint16Array = new Uint16Array(0);
  private asked = 0;

  constructor(
    private readonly header: CodedHeader,
    private readonly log: number,
    private readonly entries: Int32Array,
    private readonly layout: WeightLayout,
    private readonly weights: Int8Array,
  ) {
    this.active = Math.min(header.lanes, layout.outputs, layout.outputTile);
    this.lanes = new Int32Array(this.active * LANE_FIELDS);
    const { inputs } = layout;
    this.rowSums = Int32Array.from({ length: header.c.length * inputs }, (_, row) => {
      return SUM_OFFSET + header.base + header.c[Math.floor(row / inputs)] + header.b[row % inputs];
    });
    this.leastSum = this.rowSums.reduce((least, sum) => Math.min(least, sum));
    const sums = this.rowSums.reduce((most, sum) => Math.max(most, sum)) - this.leastSum + 1;
    this.tileEntries = new Int32Array(sums * Math.min(layout.outputs, layout.outputTile));
    for (let row = 0; row < this.rowSums.length; row += 1) this.rowSums[row] -= this.leastSum;
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
      this.prepareTile(first, width);
      if (this.header.kind === kinds.pairs) this.decodePairs(first * rows, width, rows);
      else this.decodeSingles(first * rows, width, rows);
    }
    if (this.asked < words.length) {
      throw new CodecError("trailing-bytes", "A weight stream holds words that no lane asks for.", {
        expected: `${this.asked} words in the segment`,
        found: `${words.length} words`,
      });
    }
  }

  private prepareTile(first: number, width: number): void {
    const { tileEntries, classEntries, leastSum } = this;
    const { a } = this.header;
    for (let sum = leastSum, at = 0; at + width <= tileEntries.length; sum += 1) {
      for (let channel = 0; channel < width; channel += 1, at += 1) {
        tileEntries[at] = classEntries[sum + a[first + channel]];
      }
    }
  }

  private next(): number {
    const word = this.asked < this.words.length ? this.words[this.asked] : 0;
    this.asked += 1;
    return word;
  }

  private startLanes(): void {
    const { lanes, log } = this;
    const end = lanes.length;
    for (let lane = 0; lane < end; lane += LANE_FIELDS) lanes[lane] = this.next();
    for (let lane = 0; lane < end; lane += LANE_FIELDS) lanes[lane + QUEUED] = this.next();
    for (let lane = 0; lane < end; lane += LANE_FIELDS) {
      const state = lanes[lane] & ((1 << log) - 1);
      lanes[lane] = (lanes[lane] >> log) | (lanes[lane + QUEUED] << (16 - log));
      lanes[lane + STATE] = state;
      lanes[lane + HELD] = 32 - log;
      lanes[lane + QUEUED] = this.next();
    }
  }

  /** The inner loop: everything it needs is in locals. */
  private decodeSingles(start: number, width: number, rows: number): void {
    const { lanes, rowSums, entries, tileEntries, weights, words } = this;
    const { center } = this.header;
    const perStep = this.header.lanes;
    const end = words.length;
    let asked = this.asked;
    let at = start;
    for (let row = 0; row < rows; row += 1) {
      const own = rowSums[row] * width;
      for (let step = 0; step < width; step += perStep) {
        const endLane = Math.min(perStep, width - step) * LANE_FIELDS;
        for (let lane = 0, place = own + step; lane < endLane; lane += LANE_FIELDS, place += 1) {
          const entry = entries[tileEntries[place] + lanes[lane + STATE]];
          const bits = (entry >> BITS) & 15;
          const total = (entry >> TOTAL) & 31;
          const pool = lanes[lane];
          lanes[lane + STATE] = ((entry >> BASE) & 2047) + (pool & ((1 << bits) - 1));
          weights[at] = center + entry + ((pool >> bits) & ((1 << (total - bits)) - 1));
          at += 1;
          // Refill without a branch, which nobody could predict: `low` is all ones when the lane asks for a word.
          const left = lanes[lane + HELD] - total;
          const low = (left - 16) >> 31;
          const queued = lanes[lane + QUEUED];
          const word = asked < end ? words[asked] : 0;
          lanes[lane] = (pool >> total) | ((queued << (left & 15)) & low);
          lanes[lane + HELD] = left + (16 & low);
          lanes[lane + QUEUED] = queued ^ ((queued ^ word) & low);
          asked = (asked - low) | 0;
        }
      }
    }
    this.asked = asked;
  }

  private decodePairs(start: number, width: number, rows: number): void {
    const { lanes, rowSums, entries, tileEntries, weights, words } = this;
    const { center } = this.header;
    const perStep = this.header.lanes;
    const end = words.length;
    let asked = this.asked;
    let at = start;
    for (let row = 0; row < rows; row += 2) {
      const own = rowSums[row] * width;
      const toSecond = row + 1 < rows ? width : 0;
      for (let step = 0; step < width; step += perStep) {
        const endLane = Math.min(perStep, width - step) * LANE_FIELDS;
        for (let lane = 0, place = own + step; lane < endLane; lane += LANE_FIELDS, place += 1) {
          const entry = entries[tileEntries[place] + lanes[lane + STATE]];
          const bits = (entry >> BITS) & 15;
          const total = (entry >> TOTAL) & 31;
          const pool = lanes[lane];
          lanes[lane + STATE] = ((entry >> BASE) & 2047) + (pool & ((1 << bits) - 1));
          let first = (entry << 28) >> 28;
          let second = (entry << 24) >> 28;
          if (total !== bits) {
            const raw = (pool >> bits) & 255;
            if ((entry & ESCAPED) !== 0) {
              first = (raw << 28) >> 28;
              second = (raw << 24) >> 28;
            } else if (first === -8) first = raw;
            else second = raw;
          }
          // Second first: where there is none, both fall on the same place.
          weights[at + toSecond] = second + center;
          weights[at] = first + center;
          at += 1;
          // Refill without a branch, which nobody could predict: `low` is all ones when the lane asks for a word.
          const left = lanes[lane + HELD] - total;
          const low = (left - 16) >> 31;
          const queued = lanes[lane + QUEUED];
          const word = asked < end ? words[asked] : 0;
          lanes[lane] = (pool >> total) | ((queued << (left & 15)) & low);
          lanes[lane + HELD] = left + (16 & low);
          lanes[lane + QUEUED] = queued ^ ((queued ^ word) & low);
          asked = (asked - low) | 0;
        }
      }
      at += toSecond;
    }
    this.asked = asked;
  }
}
