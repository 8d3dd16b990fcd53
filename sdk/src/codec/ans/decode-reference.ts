/**
 * The slow, obvious decoder: weight-stream.md sections 3 to 5 line by line, one bit at a time. It is the definition
 * that the fast decoder and the hardware are checked against; it shares only the parsing of header and tables with them.
 */
import { CodecError } from "../../errors.js";
import { checkWeights } from "../checksum.js";
import type { WeightLayout } from "../types.js";
import { type CodedHeader, kinds, readHeader } from "./header.js";
import { neighbourRows, predictionTaps } from "./prediction.js";
import { buildStateTable, ESCAPE, type StateTable } from "./state-table.js";
import { type ModelTables, rawBitsPair, unpackTables } from "./tables.js";

interface Lane {
  state: number;
  /** Lowest bit first. */
  readonly reservoir: number[];
}

/** The words of one segment; past the end they are zero. */
class Words {
  asked = 0;
  constructor(private readonly bytes: Uint8Array) {}

  next(): number {
    const at = 2 * this.asked;
    this.asked += 1;
    return at < this.bytes.length ? this.bytes[at] + 256 * this.bytes[at + 1] : 0;
  }

  checkAllAskedFor(): void {
    if (2 * this.asked < this.bytes.length) {
      throw new CodecError("trailing-bytes", "A weight stream holds words that no lane asks for.", {
        expected: `${2 * this.asked} bytes in the segment`,
        found: `${this.bytes.length} bytes`,
      });
    }
  }
}

function append(lane: Lane, word: number): void {
  for (let bit = 0; bit < 16; bit += 1) lane.reservoir.push((word >> bit) & 1);
}

function take(lane: Lane, count: number): number {
  let value = 0;
  lane.reservoir.splice(0, count).forEach((bit, index) => {
    value += bit * 2 ** index;
  });
  return value;
}

function int8(value: number): number {
  return ((((value + 128) % 256) + 256) % 256) - 128;
}

export function decodeReference(tables: Uint8Array, stream: Uint8Array, layout: WeightLayout): Int8Array {
  const model = tables.length > 0 ? unpackTables(tables) : undefined;
  const { header, end } = readHeader(stream, layout, model);
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const weights = new Int8Array(outputs * inputs * kernelHeight * kernelWidth);
  const rest = stream.subarray(end);
  if (header.kind === kinds.stored || model === undefined) {
    if (rest.length !== weights.length) {
      const code = rest.length < weights.length ? "truncated" : "trailing-bytes";
      throw new CodecError(code, "A stored layer has the wrong length.", {
        expected: `${weights.length} bytes`,
        found: `${rest.length} bytes`,
      });
    }
    rest.forEach((byte, index) => {
      weights[index] = byte;
    });
  } else {
    if (stream.length % 2 !== 0)
      throw new CodecError("truncated", "A weight stream has an odd number of bytes.");
    const segments = splitSegments(rest, header, layout);
    for (const { bytes, crc, firstTile, lastTile } of segments) {
      const rows = inputs * kernelHeight * kernelWidth;
      const from = firstTile * outputTile * rows;
      const to = Math.min(lastTile * outputTile, outputs) * rows;
      const own = weights.subarray(from, to);
      decodeSegment(new Words(bytes), header, model, layout, firstTile, lastTile, own);
      if (crc !== undefined) checkWeights(own, crc);
    }
  }
  checkWeights(weights, header.crc);
  return weights;
}

interface Segment {
  readonly bytes: Uint8Array;
  readonly crc?: number;
  readonly firstTile: number;
  readonly lastTile: number;
}

function splitSegments(rest: Uint8Array, header: CodedHeader, layout: WeightLayout): Segment[] {
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  if (header.tilesPerSegment === 0) return [{ bytes: rest, firstTile: 0, lastTile: tiles }];
  const segments: Segment[] = [];
  let at = 0;
  for (let firstTile = 0; firstTile < tiles; firstTile += header.tilesPerSegment) {
    const lastTile = Math.min(firstTile + header.tilesPerSegment, tiles);
    const number = (offset: number): number =>
      rest[offset] + 2 ** 8 * rest[offset + 1] + 2 ** 16 * rest[offset + 2] + 2 ** 24 * rest[offset + 3];
    const end = at + 8 + 2 * number(at);
    if (!(end <= rest.length)) throw new CodecError("truncated", "A segment of a weight stream ends early.");
    segments.push({ bytes: rest.subarray(at + 8, end), crc: number(at + 4), firstTile, lastTile });
    at = end;
  }
  if (at !== rest.length)
    throw new CodecError("trailing-bytes", "A weight stream goes on after its last segment.");
  return segments;
}

function decodeSegment(
  words: Words,
  header: CodedHeader,
  model: ModelTables,
  layout: WeightLayout,
  firstTile: number,
  lastTile: number,
  weights: Int8Array,
): void {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const stateTables = model.tables.map((counts) => buildStateTable(counts, model.log));
  const lanes = Array.from({ length: Math.min(header.lanes, outputs, outputTile) }, (): Lane => {
    return { state: 0, reservoir: [] };
  });
  const refill = (lane: Lane): void => {
    if (lane.reservoir.length < 32) append(lane, words.next());
  };
  for (let word = 0; word < 2; word += 1) for (const lane of lanes) append(lane, words.next());
  for (const lane of lanes) lane.state = take(lane, model.log);
  for (const lane of lanes) refill(lane);

  const rows = kernelHeight * kernelWidth * inputs;
  const perStep = header.kind === kinds.pairs ? 2 : 1;
  let start = 0;
  for (let tile = firstTile; tile < lastTile; tile += 1) {
    const firstOutput = tile * outputTile;
    const width = Math.min(outputTile, outputs - firstOutput);
    for (let row = 0; row < rows; row += perStep) {
      const tap = Math.floor(row / inputs);
      const input = row % inputs;
      for (let channel = 0; channel < width; channel += header.lanes) {
        const inStep = lanes.slice(0, Math.min(header.lanes, width - channel));
        inStep.forEach((lane, l) => {
          const output = firstOutput + channel + l;
          const sum = header.base + header.a[output] + header.b[input] + header.c[tap];
          const index = Math.min(Math.max(sum, header.first), header.last);
          const values = decodeSymbol(lane, model, stateTables, index, header.kind);
          values.slice(0, rows - row).forEach((value, later) => {
            weights[start + (row + later) * width + channel + l] = int8(value + header.center);
          });
        });
        for (const lane of inStep) refill(lane);
      }
    }
    if (header.prediction)
      undoPrediction(weights.subarray(start, start + rows * width), width, header, layout);
    start += rows * width;
  }
  words.checkAllAskedFor();
}

function decodeSymbol(
  lane: Lane,
  model: ModelTables,
  stateTables: readonly StateTable[],
  index: number,
  kind: number,
): number[] {
  const { table, shift, from, tail } = model.classes[index];
  const { symbol, bits, base } = stateTables[table];
  const state = lane.state;
  lane.state = base[state] + take(lane, bits[state]);
  const own = symbol[state];
  if (kind === kinds.single) {
    if (own === ESCAPE) return [int8(take(lane, 8))];
    const b = int8(own);
    const [narrow, half] = [2 ** shift, Math.floor(2 ** shift / 2)];
    if (from === 0 || Math.abs(b) < from) return [int8(b * narrow - half + take(lane, shift))];
    const raw = take(lane, shift + tail);
    const beyond = (Math.abs(b) - from) * 2 ** (shift + tail);
    if (b > 0) return [int8(from * narrow - half + beyond + raw)];
    return [int8(-(from - 1) * narrow - half - beyond - 2 ** (shift + tail) + raw)];
  }
  const raw = take(lane, rawBitsPair(own));
  const nibble = (value: number): number => (value < 8 ? value : value - 16);
  if (own === ESCAPE) return [nibble(raw % 16), nibble(Math.floor(raw / 16))];
  const pair = [nibble(own % 16), nibble(Math.floor(own / 16))];
  return pair.map((value) => (value === -8 ? int8(raw) : value));
}

function undoPrediction(tile: Int8Array, width: number, header: CodedHeader, layout: WeightLayout): void {
  if (!header.prediction) return;
  const { coefficients } = header.prediction;
  const grid = predictionTaps(header.prediction, layout);
  for (let tap = 1; tap < grid.height * grid.width; tap += 1) {
    const distances = neighbourRows(tap, grid);
    for (let index = 0; index < grid.channels * width; index += 1) {
      const at = tap * grid.channels * width + index;
      let sum = 16;
      distances.forEach((distance, neighbour) => {
        if (distance === 0) return;
        sum += coefficients[tap * 3 + neighbour] * (tile[at - distance * width] - header.center);
      });
      tile[at] = int8(tile[at] + Math.floor(sum / 32));
    }
  }
}
