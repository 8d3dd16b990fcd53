/** The encoder of docs/formats/weight-stream.md: chooses everything by cost, then writes it. */
import { weightsCrc } from "../checksum.js";
import type { EncodedWeights, EncodeOptions, LayerWeights, WeightLayout } from "../types.js";
import {
  type ChosenLayer,
  type ChosenModel,
  choosePairs,
  chooseSingles,
  joinTables,
  modelBytes,
  type Progress,
} from "./choose-model.js";
import { BIT } from "./class-costs.js";
import { encodeSegmentInKernel } from "./encode-kernel.js";
import type { FitLayer } from "./fit.js";
import { type CodedHeader, fitsHeader, kinds, STORED_OVERHEAD, writeHeader } from "./header.js";
import { fastWeightsCrc } from "./kernel-memory.js";
import { type ClassSymbols, classSymbols, encodeSegment, type SegmentSymbols } from "./lanes.js";
import { LARGEST_IN_PAIR, type LayerVariant, pairVariant, singleVariants } from "./layer-variants.js";
import { demandOrderOf } from "./orders.js";
import { encodeStored } from "./stored.js";
import { MAX_CLASSES, packTables } from "./tables.js";

export interface AnsOptions extends EncodeOptions {
  /** Most lanes a layer may use: 1, 2, 4, 8, 16 or 32. Default 16. */
  readonly lanes?: number;
  /** Fewest lanes a layer uses, where its tiles are that wide, even if it is too small to pay for them. Default 4. */
  readonly fewestLanes?: number;
  /** A layer with more weights is cut into segments of about this many, at tile borders. Default 65,536. */
  readonly segmentWeights?: number;
  /** R, 8..11. Default 9. */
  readonly tableLog?: number;
  /**
   * Two weights per symbol, so that a lane delivers two a cycle: `auto` (default) where that costs at most 1 % of a
   * low-rate model, `always` where possible, or `never`.
   */
  readonly pairs?: "auto" | "never" | "always";
  /** false: without WebAssembly. Default: with it where it is there; the bytes are the same. */
  readonly kernel?: boolean;
}

const DEFAULT_LANES = 16;
const DEFAULT_LOG = 9;
const SEGMENT_WEIGHTS = 65_536;
const MOST_SEGMENT_TILES = 65_535;

export function encodeAns(layers: readonly LayerWeights[], options: AnsOptions = {}): EncodedWeights {
  const log = options.tableLog ?? DEFAULT_LOG;
  const progress = (done: number): void => options.onProgress?.(done);
  if (layers.length === 0) return { tables: new Uint8Array(0), streams: [] };
  const model = chooseModel(layers, log, options.pairs ?? "auto", (done) => progress(0.7 * done));
  const singles = classSymbols(model.tables, false);
  const pairs = classSymbols(model.tables, true);
  let coded = false;
  const streams = layers.map((layer, index) => {
    const chosen = model.layers[index];
    if (chosen.fit.cost === Number.POSITIVE_INFINITY) return encodeStored(layer);
    const coding = chosen.variant.kind === kinds.pairs ? pairs : singles;
    const stream = encodeLayer(layer, chosen, coding, log, options);
    progress(0.7 + (0.3 * (index + 1)) / layers.length);
    if (stream.length < layer.weights.length + STORED_OVERHEAD) {
      coded = true;
      return stream;
    }
    return encodeStored(layer);
  });
  return { tables: coded ? packTables(model.tables) : new Uint8Array(0), streams };
}

/** Pairs may cost this much more than single weights: they double what a lane delivers. */
const PAIRS_MAY_COST = 1.01;
/** Classes of a model with both kinds: pairs need more, since their tables hold the shape of two weights. */
const PAIR_CLASSES = 8;
/** Above this many bits a weight, pairs have too many symbols. */
const MOST_PAIR_BITS = 3;

/** In a model of more weights than this, fewer of them decide on a channel's class. */
const LARGE_MODEL = 4_000_000;
const LARGE_SAMPLE = 64;

function chooseModel(
  layers: readonly LayerWeights[],
  log: number,
  policy: "auto" | "never" | "always",
  onProgress: Progress,
): ChosenModel {
  const weights = layers.reduce((sum, layer) => sum + layer.weights.length, 0);
  const sample = weights > LARGE_MODEL ? LARGE_SAMPLE : undefined;
  const singleCandidates = layers.map((layer) => singleVariants(layer, sample));
  const single = chooseSingles(singleCandidates, log, MAX_CLASSES, (done) => onProgress(done / 2));
  const bytes = modelBytes(single);
  if (policy === "never" || (policy === "auto" && bytes * 8 > MOST_PAIR_BITS * weights)) return single;
  const pairCandidates = layers.map((layer) => pairVariant(layer, sample));
  const paired = pairCandidates.filter((variant) => variant !== undefined);
  const pairedWeights = layers.reduce((sum, layer, index) => {
    return sum + (pairCandidates[index] ? layer.weights.length : 0);
  }, 0);
  if (paired.length === 0 || 2 * pairedWeights < weights) return single;
  const pairs = choosePairs(paired, log, PAIR_CLASSES, (done) => onProgress(0.5 + done / 4));
  const others = singleCandidates.filter((_, index) => pairCandidates[index] === undefined);
  const rest =
    others.length === 0
      ? undefined
      : chooseSingles(others, log, MAX_CLASSES - PAIR_CLASSES, (done) => onProgress(0.75 + done / 4));
  const both = joinModels(pairs, rest, pairCandidates);
  const most = policy === "always" ? Number.MAX_VALUE : bytes * PAIRS_MAY_COST;
  return modelBytes(both) <= most ? both : single;
}

/** The pairs of one model and the single weights of another under common tables, layers in their old order. */
function joinModels(
  pairs: ChosenModel,
  singles: ChosenModel | undefined,
  isPaired: readonly (LayerVariant | undefined)[],
): ChosenModel {
  const tables = singles ? joinTables(singles.tables, pairs.tables) : pairs.tables;
  const first = tables.classes.length - pairs.tables.classes.length;
  const last = tables.classes.length - 1;
  const fromPairs = pairs.layers.map((layer) => ({ ...layer, first, last })).values();
  const fromSingles = (singles?.layers ?? []).values();
  const layers = isPaired.map((variant) => (variant ? fromPairs : fromSingles).next().value!);
  return { tables, layers };
}

/** Bits a lane wastes on average: its initial state, less what the last symbol saves, and half a word at the end. */
const LANE_BITS = 16;
/** Share of a layer's bits that its lanes may waste before it uses fewer. */
const LANE_SHARE = 1 / 100;
const FEWEST_LANES = 4;

/** As many lanes as the layer's coded size pays for: small layers decode slower, but they are soon over. */
function lanesFor(bits: number, { outputs, outputTile }: WeightLayout, most: number, fewest: number): number {
  let lanes = most;
  while (lanes > fewest && lanes * LANE_BITS > bits * LANE_SHARE) lanes /= 2;
  while (lanes / 2 >= Math.min(outputs, outputTile)) lanes /= 2;
  return lanes;
}

function encodeLayer(
  layer: LayerWeights,
  chosen: ChosenLayer,
  coding: readonly ClassSymbols[],
  log: number,
  options: AnsOptions,
): Uint8Array {
  const { lanes = DEFAULT_LANES, fewestLanes = FEWEST_LANES, segmentWeights = SEGMENT_WEIGHTS } = options;
  const { kernel = true } = options;
  const { layout, weights } = layer;
  const { variant, fit, first, last } = chosen;
  const minimum = (values: Int32Array): number => values.reduce((least, value) => Math.min(least, value));
  const [leastA, leastB, leastC] = [minimum(fit.a), minimum(fit.b), minimum(fit.c)];
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  const tileWeights = (weights.length / layout.outputs) * layout.outputTile;
  const tilesPerSegment =
    weights.length > segmentWeights && tiles > 1
      ? Math.min(Math.max(1, Math.round(segmentWeights / tileWeights)), MOST_SEGMENT_TILES)
      : 0;
  const header: CodedHeader = {
    kind: variant.kind,
    lanes: lanesFor(fit.cost / BIT, layout, lanes, fewestLanes),
    first,
    last,
    base: first + leastA + leastB + leastC,
    a: Uint8Array.from(fit.a, (value) => value - leastA),
    b: Uint8Array.from(fit.b, (value) => value - leastB),
    c: Uint8Array.from(fit.c, (value) => value - leastC),
    center: variant.center,
    crc: (kernel ? fastWeightsCrc : weightsCrc)(weights),
    prediction: variant.prediction,
    tilesPerSegment,
  };
  if (!fitsHeader(header)) return encodeStored(layer);
  const parts = [writeHeader(header, layout)];
  const symbols: SegmentSymbols = {
    values: demandOrderOf(variant.fit.values, layout),
    classes: classesInOrder(header, layout, variant.fit),
    specials: variant.kind === kinds.pairs ? largeWeights(layer) : undefined,
  };
  const step = tilesPerSegment === 0 ? tiles : tilesPerSegment;
  const tileValues = variant.fit.rowInput.length * layout.outputTile;
  for (let tile = 0; tile < tiles; tile += step) {
    const own = slice(symbols, tile * tileValues, (tile + step) * tileValues);
    const end = Math.min(tile + step, tiles);
    const words =
      (kernel ? encodeSegmentInKernel(own, coding, log, layout, header, tile, end) : undefined) ??
      wordBytes(encodeSegment(own, coding, log, layout, header, tile, end));
    if (tilesPerSegment > 0) {
      const covered = weights.subarray(tile * tileWeights, (tile + step) * tileWeights);
      parts.push(segmentHeader(words.length / 2, (kernel ? fastWeightsCrc : weightsCrc)(covered)));
    }
    parts.push(words);
  }
  return concatenate(parts);
}

function slice({ values, classes, specials }: SegmentSymbols, from: number, to: number): SegmentSymbols {
  return {
    values: values.subarray(from, to),
    classes: classes.subarray(from, to),
    specials: specials?.subarray(from, to),
  };
}

/** For each pair in decoding order, the one weight that is too large for its nibble (or 0). */
function largeWeights({ layout, weights }: LayerWeights): Uint8Array {
  const { outputs, outputTile } = layout;
  const rows = weights.length / outputs;
  const large = new Uint8Array(outputs * Math.ceil(rows / 2));
  let at = 0;
  for (let first = 0; first < outputs; first += outputTile) {
    const width = Math.min(outputTile, outputs - first);
    for (let row = 0; row < rows; row += 2) {
      for (let channel = 0; channel < width; channel += 1, at += 1) {
        const index = first * rows + row * width + channel;
        const second = row + 1 < rows ? weights[index + width] : 0;
        if (Math.abs(weights[index]) > LARGEST_IN_PAIR) large[at] = weights[index];
        else if (Math.abs(second) > LARGEST_IN_PAIR) large[at] = second;
      }
    }
  }
  return large;
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

/** The class of every value in decoding order. */
function classesInOrder(
  header: CodedHeader,
  { outputs, outputTile }: WeightLayout,
  fit: FitLayer,
): Uint8Array {
  const { rowInput, rowTap } = fit;
  const classes = new Uint8Array(outputs * rowInput.length);
  let at = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (let row = 0; row < rowInput.length; row += 1) {
      const shared = header.base + header.b[rowInput[row]] + header.c[rowTap[row]];
      for (let output = tile; output < end; output += 1, at += 1) {
        const sum = shared + header.a[output];
        classes[at] = Math.min(Math.max(sum, header.first), header.last);
      }
    }
  }
  return classes;
}
