/** The encoder of docs/formats/weight-stream.md: chooses everything by cost, then writes it. */
import type { DecoderLimits } from "../../overlay/decoder-limits.js";
import {
  type EncodedWeights,
  type EncodeOptions,
  type LayerWeights,
  type WeightLayout,
  weightCount,
} from "../types.js";
import {
  type ChoiceSettings,
  choosePairs,
  chooseSingles,
  chooseUnder,
  joinTables,
  modelBytes,
} from "./choose-model.js";
import { BIT } from "./class-costs.js";
import { fastSegmentEncoder } from "./encode-kernel.js";
import type { ChosenLayer, ChosenModel, Progress } from "./finish-model.js";
import {
  type CodedHeader,
  fitsHeader,
  headerOffsets,
  kinds,
  STORED_OVERHEAD,
  writeHeader,
} from "./header.js";
import { kernelPasses } from "./kernel-passes.js";
import { classSymbols, plainSegmentEncoder, type SegmentEncoder } from "./lanes.js";
import { decodingValues, type LayerVariant } from "./layer-variants.js";
import { codedWithin, formatLimits, mostClassesWithin } from "./limits.js";
import { pairVariant } from "./pairs.js";
import { plainPasses } from "./plain-passes.js";
import { encodeStored } from "./stored.js";
import { packTables, unpackTables } from "./tables.js";
import type { WeightPasses } from "./weight-passes.js";

export interface AnsOptions extends EncodeOptions {
  /** Most lanes a layer may use: 1, 2, 4, 8, 16 or 32. Default 16; within the limits. */
  readonly lanes?: number;
  /** Fewest lanes a layer uses, where its tiles are that wide, even if it is too small to pay for them. Default 4. */
  readonly fewestLanes?: number;
  /** A layer with more weights is cut into segments of about this many, at tile borders. Default 262,144. */
  readonly segmentWeights?: number;
  /** R, 8..11. Default 8; no more than the limits allow. */
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
const DEFAULT_LOG = 8;
const SEGMENT_WEIGHTS = 262_144;
const MOST_SEGMENT_TILES = 65_535;

export function encodeAns(layers: readonly LayerWeights[], options: AnsOptions = {}): EncodedWeights {
  const progress = (done: number): void => options.onProgress?.(done);
  if (layers.length === 0) return { tables: new Uint8Array(0), streams: [] };
  const fast = options.kernel ?? true;
  const passes = (fast ? kernelPasses() : undefined) ?? plainPasses;
  const limits = options.limits ?? formatLimits;
  const given = options.tables?.length ? unpackTables(options.tables) : undefined;
  // Tables for another decoder may be too large for this one.
  const earlier = given && given.log <= limits.tableLog ? given : undefined;
  const log = earlier?.log ?? Math.min(options.tableLog ?? DEFAULT_LOG, limits.tableLog);
  const codable = layers.filter(({ layout }) => codedWithin(layout, limits));
  if (codable.length === 0) return { tables: new Uint8Array(0), streams: layers.map(encodeStored) };
  const settings = { log, passes, limits };
  const chosenSoFar: Progress = (done) => progress(0.7 * done);
  const model = earlier
    ? chooseUnder(
        earlier,
        codable,
        { ...settings, sample: SAMPLE, mostClasses: earlier.classes.length },
        chosenSoFar,
      )
    : chooseModel(codable, settings, options.pairs ?? "auto", chosenSoFar);
  const choices = new Map(codable.map((layer, index) => [layer, model.layers[index]]));
  const segmentEncoder = fast ? fastSegmentEncoder : plainSegmentEncoder;
  const encoders = [false, true].map((pairs) => segmentEncoder(classSymbols(model.tables, pairs), log));
  let coded = false;
  const streams = layers.map((layer, index) => {
    const chosen = choices.get(layer);
    if (chosen === undefined || chosen.fit.cost === Number.POSITIVE_INFINITY) return encodeStored(layer);
    const encoder = encoders[chosen.variant.kind === kinds.pairs ? 1 : 0];
    const stream = encodeLayer(layer, chosen, encoder, passes, options);
    progress(0.7 + (0.3 * (index + 1)) / layers.length);
    if (stream.length < layer.weights.length + STORED_OVERHEAD) {
      coded = true;
      return stream;
    }
    return encodeStored(layer);
  });
  const tables = earlier ? options.tables! : packTables(model.tables);
  return { tables: coded ? tables : new Uint8Array(0), streams };
}

/** Pairs may cost this much more than single weights: they double what a lane delivers. */
const PAIRS_MAY_COST = 1.01;
/** Classes of a model with both kinds: pairs need more, since their tables hold the shape of two weights. */
const PAIR_CLASSES = 8;
/** Above this many bits a weight, pairs have too many symbols. */
const MOST_PAIR_BITS = 3;

/** Values by which an offset of a channel or tap is judged. */
const SAMPLE = 384;

function chooseModel(
  layers: readonly LayerWeights[],
  given: Pick<ChoiceSettings, "log" | "passes" | "limits">,
  policy: "auto" | "never" | "always",
  onProgress: Progress,
): ChosenModel {
  const weights = layers.reduce((sum, layer) => sum + layer.weights.length, 0);
  const settings = { ...given, sample: SAMPLE };
  const mostClasses = mostClassesWithin(given.limits, given.log);
  const pairClasses = Math.min(PAIR_CLASSES, Math.ceil(mostClasses / 2));
  const all = { ...settings, mostClasses };
  const single = chooseSingles(layers, all, (done) => onProgress(done / 2));
  const bytes = modelBytes(single);
  if (policy === "never" || (policy === "auto" && bytes * 8 > MOST_PAIR_BITS * weights)) return single;
  const variants = layers.map((layer) => pairVariant(layer.weights, layer.layout));
  const paired = layers.filter((_, index) => variants[index] !== undefined);
  const pairedWeights = paired.reduce((sum, layer) => sum + layer.weights.length, 0);
  if (paired.length === 0 || 2 * pairedWeights < weights) return single;
  const pairs = choosePairs(
    paired,
    variants.filter((variant) => variant !== undefined),
    { ...settings, mostClasses: pairClasses },
    (done) => onProgress(0.5 + done / 4),
  );
  const others = layers.filter((_, index) => variants[index] === undefined);
  const remaining = { ...settings, mostClasses: mostClasses - pairClasses };
  if (others.length > 0 && remaining.mostClasses === 0) return single;
  const rest =
    others.length === 0 ? undefined : chooseSingles(others, remaining, (done) => onProgress(0.75 + done / 4));
  const both = joinModels(pairs, rest, variants);
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
/** Share of a layer's coded bits that its lanes may waste before it uses fewer. */
const LANE_SHARE = 1 / 100;
/** Bits per weight they may waste all the same: a large layer of next to no bits must still be decoded at line rate. */
const LANE_BITS_PER_WEIGHT = 1 / 64;
const FEWEST_LANES = 4;

/** As many lanes as the layer's size pays for: small layers decode slower, but they are soon over. */
function lanesFor(
  bits: number,
  layout: WeightLayout,
  most: number,
  fewest: number,
  limits: DecoderLimits,
): number {
  const { outputs, outputTile } = layout;
  const affordable = Math.max(bits * LANE_SHARE, weightCount(layout) * LANE_BITS_PER_WEIGHT);
  let lanes = most;
  while (lanes > fewest && lanes * LANE_BITS > affordable) lanes /= 2;
  while (lanes > limits.fewestLanes && lanes / 2 >= Math.min(outputs, outputTile)) lanes /= 2;
  return lanes;
}

function encodeLayer(
  layer: LayerWeights,
  chosen: ChosenLayer,
  encodeSegment: SegmentEncoder,
  passes: WeightPasses,
  options: AnsOptions,
): Uint8Array {
  const { fewestLanes = FEWEST_LANES, segmentWeights = SEGMENT_WEIGHTS, limits = formatLimits } = options;
  const lanes = Math.max(limits.fewestLanes, Math.min(options.lanes ?? DEFAULT_LANES, limits.lanes));
  const fewest = Math.max(limits.fewestLanes, Math.min(fewestLanes, lanes));
  const { layout, weights } = layer;
  const { variant, fit, first, last } = chosen;
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  const tileWeights = (weights.length / layout.outputs) * layout.outputTile;
  const tilesPerSegment =
    weights.length > segmentWeights && tiles > 1
      ? Math.min(Math.max(1, Math.round(segmentWeights / tileWeights)), MOST_SEGMENT_TILES)
      : 0;
  const header: CodedHeader = {
    kind: variant.kind,
    lanes: lanesFor(fit.cost / BIT, layout, lanes, fewest, limits),
    first,
    last,
    ...headerOffsets(fit, first),
    center: variant.center,
    crc: passes.crc(weights),
    prediction: variant.prediction,
    tilesPerSegment,
  };
  if (!fitsHeader(header)) return encodeStored(layer);
  const parts = [writeHeader(header, layout)];
  const { values, specials } = decodingValues(layer, variant, passes);
  const step = tilesPerSegment === 0 ? tiles : tilesPerSegment;
  const tileValues = (values.length / layout.outputs) * layout.outputTile;
  for (let tile = 0; tile < tiles; tile += step) {
    const end = Math.min(tile + step, tiles);
    const [from, to] = [tile * tileValues, end * tileValues];
    const symbols = { values: values.subarray(from, to), specials: specials?.subarray(from, to) };
    const words = encodeSegment(symbols, header, layout, tile, end);
    if (tilesPerSegment > 0) {
      const covered = weights.subarray(tile * tileWeights, end * tileWeights);
      parts.push(segmentHeader(words.length / 2, passes.crc(covered)));
    }
    parts.push(words);
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

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
