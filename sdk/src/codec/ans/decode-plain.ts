/**
 * The fast decoder without WebAssembly. Same words, same steps as decode-reference.ts; a lane's reservoir is split into at
 * most 31 bits in use and one whole word behind them.
 */
import { weightsCrc } from "../checksum.js";
import { type WeightLayout, weightCount } from "../types.js";
import { ClassSums } from "./class-sums.js";
import { type CodedHeader, kinds } from "./header.js";
import { BASE, BITS, ESCAPED, TOTAL } from "./packed-entries.js";
import { applyPrediction, type Prediction } from "./prediction.js";
import type { SegmentDecoder } from "./segment-decoder.js";

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

export class PlainSegmentDecoder implements SegmentDecoder {
  readonly weights: Int8Array;
  private readonly active: number;
  /** LANE_FIELDS numbers for each lane: one array, because the inner loop has registers for few. */
  private readonly lanes: Int32Array;
  private readonly sums: ClassSums;
  /** Entry offsets of the lanes of a tile, for each sum a row may have. */
  private readonly tileEntries: Int32Array;
  private words: Uint16Array = new Uint16Array(0);
  private asked = 0;

  constructor(
    private readonly header: CodedHeader,
    private readonly log: number,
    private readonly entries: Int32Array,
    private readonly layout: WeightLayout,
  ) {
    this.weights = new Int8Array(weightCount(layout));
    this.active = Math.min(header.lanes, layout.outputs, layout.outputTile);
    this.lanes = new Int32Array(this.active * LANE_FIELDS);
    this.sums = new ClassSums(header, log, layout);
    this.tileEntries = new Int32Array(this.sums.count * Math.min(layout.outputs, layout.outputTile));
  }

  run(bytes: Uint8Array, firstTile: number, lastTile: number): number {
    this.words = wordsOf(bytes);
    this.asked = 0;
    this.startLanes();
    const { outputs, outputTile } = this.layout;
    const rows = this.sums.rowSums.length;
    for (let tile = firstTile; tile < lastTile; tile += 1) {
      const first = tile * outputTile;
      const width = Math.min(outputTile, outputs - first);
      this.sums.prepareTile(this.tileEntries, first, width);
      if (this.header.kind === kinds.pairs) this.decodePairs(first * rows, width, rows);
      else this.decodeSingles(first * rows, width, rows);
    }
    return this.asked;
  }

  undoPrediction(prediction: Prediction): void {
    applyPrediction(this.weights, this.layout, prediction, this.header.center, 1);
  }

  crc(from: number, to: number): number {
    return weightsCrc(this.weights.subarray(from, to));
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
    const { lanes, entries, tileEntries, weights, words } = this;
    const { rowSums } = this.sums;
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
    const { lanes, entries, tileEntries, weights, words } = this;
    const { rowSums } = this.sums;
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
