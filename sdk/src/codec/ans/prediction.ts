/**
 * Lossless tap prediction (weight-stream.md, section 5): a weight is coded as its difference from a linear combination
 * of the weights at the left, upper and upper-left kernel taps of the same output and input channel.
 */
import type { WeightLayout } from "../types.js";
import type { BitReader, BitWriter } from "./bit-stream.js";

/** Kernel taps and channels of the rows of a tile: row = (y * width + x) * channels + channel. */
export interface TapGrid {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export interface Prediction {
  /** Given when the layer's taps were flattened into its input channels. */
  readonly flattened?: { readonly channels: number; readonly kernelWidth: number };
  /** [tap][left, top, corner] in 1/32, -32..31; tap 0 and neighbours outside the kernel are 0. */
  readonly coefficients: Int8Array;
}

export const NEIGHBOURS = 3;
const COEFFICIENT_BITS = 6;
const CHANNEL_BITS = 8;
const KERNEL_WIDTH_BITS = 4;

export function predictionTaps({ flattened }: Prediction, layout: WeightLayout): TapGrid {
  if (!flattened) {
    return { height: layout.kernelHeight, width: layout.kernelWidth, channels: layout.inputs };
  }
  const { channels, kernelWidth } = flattened;
  return { height: layout.inputs / channels / kernelWidth, width: kernelWidth, channels };
}

/** Distance in rows to each neighbour of a tap, 0 where there is none. */
export function neighbourRows(tap: number, { width, channels }: TapGrid): [number, number, number] {
  const left = tap % width > 0;
  const top = tap >= width;
  return [left ? channels : 0, top ? width * channels : 0, left && top ? (width + 1) * channels : 0];
}

export function writePrediction(out: BitWriter, prediction: Prediction, layout: WeightLayout): void {
  const { flattened, coefficients } = prediction;
  out.write(flattened ? 1 : 0, 1);
  if (flattened) {
    out.write(flattened.channels, CHANNEL_BITS);
    out.write(flattened.kernelWidth, KERNEL_WIDTH_BITS);
  }
  const grid = predictionTaps(prediction, layout);
  for (let tap = 1; tap < grid.height * grid.width; tap += 1) {
    const own = coefficients.subarray(tap * NEIGHBOURS, (tap + 1) * NEIGHBOURS);
    const present = own.some((value) => value !== 0);
    out.write(present ? 1 : 0, 1);
    if (!present) continue;
    neighbourRows(tap, grid).forEach((distance, index) => {
      if (distance > 0) out.write(own[index], COEFFICIENT_BITS);
    });
  }
}

export function readPrediction(reader: BitReader, layout: WeightLayout): Prediction {
  let flattened: Prediction["flattened"];
  if (reader.read(1) === 1) {
    const channels = reader.read(CHANNEL_BITS);
    const kernelWidth = reader.read(KERNEL_WIDTH_BITS);
    const taps = layout.inputs / channels;
    if (layout.kernelHeight * layout.kernelWidth !== 1 || !Number.isInteger(taps / kernelWidth)) {
      reader.fail("flattened taps that divide the input channels", `${channels} x ${kernelWidth}`);
    }
    flattened = { channels, kernelWidth };
  }
  const grid = predictionTaps({ flattened, coefficients: new Int8Array(0) }, layout);
  const taps = grid.height * grid.width;
  const coefficients = new Int8Array(taps * NEIGHBOURS);
  for (let tap = 1; tap < taps; tap += 1) {
    if (reader.read(1) === 0) continue;
    neighbourRows(tap, grid).forEach((distance, index) => {
      if (distance > 0) coefficients[tap * NEIGHBOURS + index] = reader.readSigned(COEFFICIENT_BITS);
    });
  }
  return flattened ? { flattened, coefficients } : { coefficients };
}

/** The weights of one tap of one tile, which lie together in demand order, and where their neighbours are. */
export interface PredictedBlock {
  readonly from: number;
  readonly count: number;
  /** Distances in weights to left, top and corner; 0 where there is none, and then the coefficient is 0 too. */
  readonly left: number;
  readonly top: number;
  readonly corner: number;
  readonly c0: number;
  readonly c1: number;
  readonly c2: number;
  /** What rounding and the center add to the sum before it is divided by 32. */
  readonly round: number;
}

/** The predicted blocks of a layer: forward when decoding, so that neighbours are weights already, else backward. */
export function forEachPredictedBlock(
  layout: WeightLayout,
  prediction: Prediction,
  center: number,
  forward: boolean,
  visit: (block: PredictedBlock) => void,
): void {
  const grid = predictionTaps(prediction, layout);
  const taps = grid.height * grid.width;
  const rows = taps * grid.channels;
  for (let channel = 0; channel < layout.outputs; channel += layout.outputTile) {
    const width = Math.min(layout.outputTile, layout.outputs - channel);
    for (let n = 1; n < taps; n += 1) {
      const tap = forward ? n : taps - n;
      const [c0, c1, c2] = prediction.coefficients.subarray(tap * NEIGHBOURS, (tap + 1) * NEIGHBOURS);
      if ((c0 | c1 | c2) === 0) continue;
      const [left, top, corner] = neighbourRows(tap, grid).map((distance) => distance * width);
      const count = grid.channels * width;
      const from = channel * rows + tap * count;
      visit({ from, count, left, top, corner, c0, c1, c2, round: 16 - center * (c0 + c1 + c2) });
    }
  }
}

/**
 * w = int8(d + floor((c0 * (left - center) + c1 * (top - center) + c2 * (corner - center) + 16) / 32))
 *
 * Replaces the differences of a layer, in demand order, by its weights (`sign` 1), or weights by differences (-1).
 */
export function applyPrediction(
  values: Int8Array,
  layout: WeightLayout,
  prediction: Prediction,
  center: number,
  sign: 1 | -1,
): void {
  forEachPredictedBlock(layout, prediction, center, sign > 0, (block) => {
    const { from, count, left, top, corner, c0, c1, c2, round } = block;
    for (let at = from; at < from + count; at += 1) {
      // A missing neighbour has coefficient 0 and distance 0: any finite value will do.
      const guess = c0 * values[at - left] + c1 * values[at - top] + c2 * values[at - corner] + round;
      values[at] += sign * (guess >> 5);
    }
  });
}

/** Replaces weights by their differences, as applyPrediction does with -1, but of weights in [output][row]. */
export function subtractPrediction(
  ordered: Int8Array,
  outputs: number,
  grid: TapGrid,
  { coefficients }: Prediction,
  center: number,
): void {
  const taps = grid.height * grid.width;
  const rows = taps * grid.channels;
  for (let tap = taps - 1; tap > 0; tap -= 1) {
    const [c0, c1, c2] = coefficients.subarray(tap * NEIGHBOURS, (tap + 1) * NEIGHBOURS);
    if ((c0 | c1 | c2) === 0) continue;
    const [left, top, corner] = neighbourRows(tap, grid);
    const round = 16 - center * (c0 + c1 + c2);
    for (let output = 0; output < outputs; output += 1) {
      const from = output * rows + tap * grid.channels;
      for (let at = from; at < from + grid.channels; at += 1) {
        const guess = c0 * ordered[at - left] + c1 * ordered[at - top] + c2 * ordered[at - corner] + round;
        ordered[at] -= guess >> 5;
      }
    }
  }
}
