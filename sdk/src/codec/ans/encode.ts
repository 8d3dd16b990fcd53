/** The encoder of docs/formats/weight-stream.md: chooses everything by cost, then writes it. */
import { crc32c } from "../../overlay/crc32c.js";
import {
  type EncodedWeights,
  type EncodeOptions,
  type LayerWeights,
  type WeightLayout,
  weightCount,
} from "../types.js";
import { type ChosenLayer, chooseModel } from "./choose-model.js";
import { BIT } from "./class-costs.js";
import { type CodedHeader, kinds, STORED_OVERHEAD, writeHeader } from "./header.js";
import { type ClassSymbols, classSymbols, encodeSegment } from "./lanes.js";
import { singleVariants } from "./layer-variants.js";
import { demandOrderOf } from "./orders.js";
import { packTables } from "./tables.js";

export interface AnsOptions extends EncodeOptions {
  /** Most lanes a layer may use: 1, 2, 4, 8, 16 or 32. Default 16. */
  readonly lanes?: number;
  /** R, 8..11. Default 9. */
  readonly tableLog?: number;
}

const DEFAULT_LANES = 16;
const DEFAULT_LOG = 9;
/** A layer with more weights than this is cut into segments of about this many, at tile borders. */
const SEGMENT_WEIGHTS = 65_536;

export function encodeAns(layers: readonly LayerWeights[], options: AnsOptions = {}): EncodedWeights {
  const log = options.tableLog ?? DEFAULT_LOG;
  const progress = (done: number): void => options.onProgress?.(done);
  const variants = layers.map((layer) => singleVariants(layer));
  const model = chooseModel(variants, log, (done) => progress(0.6 * done));
  const coding = classSymbols(model.tables, false);
  let coded = false;
  const streams = layers.map((layer, index) => {
    const stream = encodeLayer(layer, model.layers[index], coding, log, options.lanes ?? DEFAULT_LANES);
    progress(0.6 + (0.4 * (index + 1)) / layers.length);
    if (stream.length < layer.weights.length + STORED_OVERHEAD) {
      coded = true;
      return stream;
    }
    return encodeStored(layer);
  });
  return { tables: coded ? packTables(model.tables) : new Uint8Array(0), streams };
}

function bytesOf(weights: Int8Array): Uint8Array {
  return new Uint8Array(weights.buffer, weights.byteOffset, weights.length);
}

export function encodeStored({ weights, layout }: LayerWeights): Uint8Array {
  const header = writeHeader({ kind: kinds.stored, crc: crc32c(bytesOf(weights)) }, layout);
  const stream = new Uint8Array(header.length + weights.length);
  stream.set(header);
  stream.set(bytesOf(weights), header.length);
  return stream;
}

/** Bits a lane wastes on average: its initial state, less what the last symbol saves, and half a word at the end. */
const LANE_BITS = 16;
/** Share of a layer's bits that its lanes may waste before it uses fewer. */
const LANE_SHARE = 1 / 100;
const FEWEST_LANES = 4;

/** As many lanes as the layer's coded size pays for: small layers decode slower, but they are soon over. */
function lanesFor(bits: number, { outputs, outputTile }: WeightLayout, most: number): number {
  let lanes = most;
  while (lanes > FEWEST_LANES && lanes * LANE_BITS > bits * LANE_SHARE) lanes /= 2;
  while (lanes / 2 >= Math.min(outputs, outputTile)) lanes /= 2;
  return lanes;
}

function encodeLayer(
  layer: LayerWeights,
  chosen: ChosenLayer,
  coding: readonly ClassSymbols[],
  log: number,
  mostLanes: number,
): Uint8Array {
  const { layout, weights } = layer;
  const { variant, fit } = chosen;
  const count = weightCount(layout);
  const classes = coding.length;
  const minimum = (values: Int32Array): number => values.reduce((least, value) => Math.min(least, value));
  const [leastA, leastB, leastC] = [minimum(fit.a), minimum(fit.b), minimum(fit.c)];
  const tileWeights = (count / layout.outputs) * layout.outputTile;
  const tilesPerSegment =
    count > SEGMENT_WEIGHTS ? Math.max(1, Math.round(SEGMENT_WEIGHTS / tileWeights)) : 0;
  const header: CodedHeader = {
    kind: variant.kind,
    lanes: lanesFor(fit.cost / BIT, layout, mostLanes),
    first: 0,
    last: classes - 1,
    base: leastA + leastB + leastC,
    a: Uint8Array.from(fit.a, (value) => value - leastA),
    b: Uint8Array.from(fit.b, (value) => value - leastB),
    c: Uint8Array.from(fit.c, (value) => value - leastC),
    center: variant.center,
    crc: crc32c(bytesOf(weights)),
    prediction: variant.prediction,
    tilesPerSegment,
  };
  const parts = [writeHeader(header, layout)];
  const values = demandOrderOf(variant.fit.values, layout);
  const own = classesInOrder(header, layout);
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  const step = tilesPerSegment === 0 ? tiles : tilesPerSegment;
  for (let tile = 0; tile < tiles; tile += step) {
    const from = tile * tileWeights;
    const to = Math.min(count, (tile + step) * tileWeights);
    const words = encodeSegment(
      { values: values.subarray(from, to), classes: own.subarray(from, to) },
      coding,
      log,
      layout,
      header,
      tile,
      Math.min(tile + step, tiles),
    );
    if (tilesPerSegment > 0)
      parts.push(segmentHeader(words.length, crc32c(bytesOf(weights.subarray(from, to)))));
    parts.push(wordBytes(words));
  }
  return concatenate(parts);
}

function segmentHeader(words: number, crc: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, words, true);
  view.setUint32(4, crc, true);
  return bytes;
}

function wordBytes(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 2);
  words.forEach((word, index) => {
    bytes[2 * index] = word;
    bytes[2 * index + 1] = word >> 8;
  });
  return bytes;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The class of every value in demand order. */
function classesInOrder(header: CodedHeader, layout: WeightLayout): Uint8Array {
  const { outputs, inputs, outputTile } = layout;
  const taps = header.c.length;
  const classes = new Uint8Array(outputs * inputs * taps);
  let at = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (let tap = 0; tap < taps; tap += 1) {
      for (let input = 0; input < inputs; input += 1) {
        const shared = header.base + header.b[input] + header.c[tap];
        for (let output = tile; output < end; output += 1) {
          classes[at] = Math.min(Math.max(shared + header.a[output], header.first), header.last);
          at += 1;
        }
      }
    }
  }
  return classes;
}
