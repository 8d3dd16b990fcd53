/** The ways one layer can be presented to the entropy coder: as it is, with predicted taps, or as pairs. */
import type { LayerWeights, WeightLayout } from "../types.js";
import { fitPrediction, predictionCandidates } from "./fit-prediction.js";
import { kinds } from "./header.js";
import type { SegmentSymbols } from "./lanes.js";
import { sampledChannelOrder } from "./orders.js";
import { pairBytes } from "./pairs.js";
import { type Prediction, predictionTaps, subtractPrediction } from "./prediction.js";
import type { FitLayer, WeightPasses } from "./weight-passes.js";

export interface LayerVariant {
  readonly kind: typeof kinds.single | typeof kinds.pairs;
  readonly prediction?: Prediction;
  readonly center: number;
  /** Bits of side information this variant adds to the header. */
  readonly sideBits: number;
}

/** A center this close to zero is not worth its byte. */
const NEGLIGIBLE_CENTER = 1;
/** Weights that decide on the center of a layer. */
const CENTER_SAMPLE = 65_536;
/** Output channels that decide on the coefficients of a prediction; more change little. */
const PREDICTION_OUTPUTS = 128;

export function singleVariants({ weights, layout }: LayerWeights): LayerVariant[] {
  const center = centerOf(weights);
  const centerBits = center === 0 ? 0 : 8;
  const variants: LayerVariant[] = [{ kind: kinds.single, center, sideBits: centerBits }];
  const candidates = predictionCandidates(layout);
  if (candidates.length === 0) return variants;
  const outputs = Math.min(layout.outputs, PREDICTION_OUTPUTS);
  const part = sampledChannelOrder(weights, layout, 1, outputs);
  const centered = Int16Array.from(part, (weight) => weight - center);
  for (const candidate of candidates) {
    const prediction = fitPrediction(centered, { ...layout, outputs }, candidate);
    if (!prediction) continue;
    const sideBits = centerBits + predictionBits(prediction);
    variants.push({ kind: kinds.single, prediction, center, sideBits });
  }
  return variants;
}

/** A variant's byte values in decoding order, before its center is taken away: one per weight in demand order, or per pair. */
export function decodingValues(
  { weights, layout }: LayerWeights,
  { kind, prediction, center }: LayerVariant,
  passes: WeightPasses,
): SegmentSymbols {
  if (kind === kinds.pairs) {
    const { values, large } = pairBytes(weights, layout);
    return { values, specials: large };
  }
  const own = prediction ? passes.differences(weights, layout, prediction, center) : weights;
  return { values: new Uint8Array(own.buffer, own.byteOffset, own.length) };
}

/** A whole layer for the fitting. `sample`: see FitLayer. */
export function wholeFitLayer(
  layer: LayerWeights,
  variant: LayerVariant,
  passes: WeightPasses,
  sample: number,
): FitLayer {
  const { layout } = layer;
  const { center } = variant;
  const rows = { ...rowsOf(layout, variant), sample };
  const { values } = decodingValues(layer, variant, passes);
  const shape = { ...layout, inputs: rows.rowInput.length, kernelHeight: 1, kernelWidth: 1 };
  return { ...rows, values: passes.channelOrder(values, shape, center) };
}

/** The same with at most about `most` weights: output channels are left out evenly. */
export function sampledFitLayer(
  layer: LayerWeights,
  variant: LayerVariant,
  passes: WeightPasses,
  sample: number,
  most: number,
): FitLayer {
  const { weights, layout } = layer;
  const { prediction, center } = variant;
  const stride = Math.ceil(weights.length / most);
  if (stride <= 1) return wholeFitLayer(layer, variant, passes, sample);
  const part = sampledChannelOrder(weights, layout, stride);
  const outputs = Math.ceil(layout.outputs / stride);
  // One output per tile: demand order is channel order.
  const shape = { ...layout, outputs, outputTile: 1 };
  const rows = { ...rowsOf(layout, variant), outputs, sample };
  if (variant.kind === kinds.pairs) return { ...rows, values: pairBytes(part, shape).values };
  if (prediction) subtractPrediction(part, outputs, predictionTaps(prediction, layout), prediction, center);
  const values = new Uint8Array(part.buffer);
  if (center !== 0) for (let index = 0; index < values.length; index += 1) values[index] -= center;
  return { ...rows, values };
}

function predictionBits({ coefficients, flattened }: Prediction): number {
  let bits = flattened ? 13 : 1;
  for (let tap = 1; tap < coefficients.length / 3; tap += 1) {
    bits += coefficients.subarray(tap * 3, tap * 3 + 3).some((value) => value !== 0) ? 19 : 1;
  }
  return bits;
}

/** Input channel and tap of each row; of the first of each two in pairs. */
function rowsOf(layout: WeightLayout, { kind }: LayerVariant): Omit<FitLayer, "values" | "sample"> {
  const { outputs, inputs, kernelHeight, kernelWidth } = layout;
  const taps = kernelHeight * kernelWidth;
  const perSymbol = kind === kinds.pairs ? 2 : 1;
  const rows = Math.ceil((taps * inputs) / perSymbol);
  const rowInput = new Uint16Array(rows);
  const rowTap = new Uint16Array(rows);
  for (let row = 0; row < rows; row += 1) {
    rowInput[row] = (row * perSymbol) % inputs;
    rowTap[row] = Math.floor((row * perSymbol) / inputs);
  }
  return { outputs, inputs, taps, rowInput, rowTap };
}

/** The median of a sample: where a per-tensor zero point puts the weights of an asymmetric model. */
function centerOf(weights: Int8Array): number {
  const histogram = new Uint32Array(256);
  const stride = Math.floor(weights.length / CENTER_SAMPLE) | 1;
  for (let index = 0; index < weights.length; index += stride) histogram[weights[index] + 128] += 1;
  const read = Math.ceil(weights.length / stride);
  let below = 0;
  for (let bin = 0; bin < 256; bin += 1) {
    below += histogram[bin];
    if (2 * below >= read) return Math.abs(bin - 128) <= NEGLIGIBLE_CENTER ? 0 : bin - 128;
  }
  return 0;
}
