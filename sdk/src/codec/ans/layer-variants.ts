/** The ways one layer can be presented to the entropy coder: as it is, with predicted taps, or as pairs. */
import type { LayerWeights, WeightLayout } from "../types.js";
import type { FitLayer } from "./fit.js";
import { fitPrediction, predictionCandidates } from "./fit-prediction.js";
import { kinds } from "./header.js";
import { channelOrder } from "./orders.js";
import { applyPrediction, type Prediction } from "./prediction.js";

export interface LayerVariant {
  readonly kind: typeof kinds.single | typeof kinds.pairs;
  readonly prediction?: Prediction;
  readonly center: number;
  /** Bits of side information this variant adds to the header. */
  readonly sideBits: number;
  readonly fit: FitLayer;
}

/** A center this close to zero is not worth its byte. */
const NEGLIGIBLE_CENTER = 1;

/** Values by which an offset of a channel or tap is judged. */
const SAMPLE = 384;

export function singleVariants({ weights, layout }: LayerWeights, sample = SAMPLE): LayerVariant[] {
  const center = centerOf(weights);
  const ohwi = channelOrder(weights, layout);
  const rows = { ...rowsOf(layout), sample };
  const centerBits = center === 0 ? 0 : 8;
  const variants: LayerVariant[] = [
    {
      kind: kinds.single,
      center,
      sideBits: centerBits,
      fit: { ...rows, values: lessCenter(ohwi, center) },
    },
  ];
  const candidates = predictionCandidates(layout);
  if (candidates.length === 0) return variants;
  const centered = new Int16Array(ohwi.length);
  for (let index = 0; index < ohwi.length; index += 1) centered[index] = ohwi[index] - center;
  for (const candidate of candidates) {
    const prediction = fitPrediction(centered, layout, candidate);
    if (!prediction) continue;
    const differences = weights.slice();
    applyPrediction(differences, layout, prediction, center, -1);
    for (let index = 0; index < differences.length; index += 1) differences[index] -= center;
    const values = new Uint8Array(channelOrder(differences, layout).buffer);
    variants.push({
      kind: kinds.single,
      prediction,
      center,
      sideBits: centerBits + predictionBits(prediction),
      fit: { ...rows, values },
    });
  }
  return variants;
}

/** Bytes of the weights less their center, modulo 256. */
function lessCenter(weights: Int8Array, center: number): Uint8Array {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.length);
  return center === 0 ? bytes : bytes.map((byte) => byte - center);
}

function predictionBits({ coefficients, flattened }: Prediction): number {
  let bits = flattened ? 13 : 1;
  for (let tap = 1; tap < coefficients.length / 3; tap += 1) {
    bits += coefficients.subarray(tap * 3, tap * 3 + 3).some((value) => value !== 0) ? 19 : 1;
  }
  return bits;
}

function rowsOf(layout: WeightLayout): Omit<FitLayer, "values" | "sample"> {
  const { outputs, inputs, kernelHeight, kernelWidth } = layout;
  const taps = kernelHeight * kernelWidth;
  const rowInput = Uint16Array.from({ length: taps * inputs }, (_, row) => row % inputs);
  const rowTap = Uint16Array.from({ length: taps * inputs }, (_, row) => Math.floor(row / inputs));
  return { outputs, inputs, taps, rowInput, rowTap };
}

/** The median: where a per-tensor zero point puts the weights of an asymmetric model. */
function centerOf(weights: Int8Array): number {
  const histogram = new Uint32Array(256);
  for (let index = 0; index < weights.length; index += 1) histogram[weights[index] + 128] += 1;
  let below = 0;
  for (let bin = 0; bin < 256; bin += 1) {
    below += histogram[bin];
    if (2 * below >= weights.length) return Math.abs(bin - 128) <= NEGLIGIBLE_CENTER ? 0 : bin - 128;
  }
  return 0;
}

/** Largest magnitude a nibble of a pair holds itself. */
export const LARGEST_IN_PAIR = 7;

/** undefined when two large weights meet in a pair, or pairs are pointless. */
export function pairVariant({ weights, layout }: LayerWeights, sample = SAMPLE): LayerVariant | undefined {
  let large = 0;
  for (const weight of weights) if (Math.abs(weight) > LARGEST_IN_PAIR) large += 1;
  if (large * 16 > weights.length) return undefined;
  const ohwi = channelOrder(weights, layout);
  const { outputs, inputs, taps, rowInput, rowTap } = rowsOf(layout);
  const rows = rowInput.length;
  const pairs = Math.ceil(rows / 2);
  const values = new Uint8Array(outputs * pairs);
  for (let output = 0; output < outputs; output += 1) {
    for (let pair = 0; pair < pairs; pair += 1) {
      const first = ohwi[output * rows + 2 * pair];
      const second = 2 * pair + 1 < rows ? ohwi[output * rows + 2 * pair + 1] : 0;
      const value = pairByte(first, second);
      if (value === 0x88) return undefined;
      values[output * pairs + pair] = value;
    }
  }
  const even = (_: number, row: number): boolean => row % 2 === 0;
  return {
    kind: kinds.pairs,
    center: 0,
    sideBits: 0,
    fit: {
      ...{ outputs, inputs, taps, values, sample },
      ...{ rowInput: rowInput.filter(even), rowTap: rowTap.filter(even) },
    },
  };
}

/** The byte of a pair: first weight in the low nibble; -8 stands for a weight outside -7..7. */
export function pairByte(first: number, second: number): number {
  const nibble = (weight: number): number => (Math.abs(weight) > LARGEST_IN_PAIR ? 8 : weight & 15);
  return nibble(first) | (nibble(second) << 4);
}
