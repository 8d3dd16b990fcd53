/** Which layers a decoder of limited memories takes coded; the others are stored. */
import type { DecoderLimits } from "../../overlay/decoder-limits.js";
import type { WeightLayout } from "../types.js";
import { type Prediction, predictionTaps } from "./prediction.js";
import { MAX_CLASSES } from "./tables.js";

/** What the format itself allows. */
export const formatLimits: DecoderLimits = {
  lanes: 32,
  fewestLanes: 1,
  tableLog: 11,
  tableStates: Number.POSITIVE_INFINITY,
  channels: Number.POSITIVE_INFINITY,
  taps: Number.POSITIVE_INFINITY,
  predictedRows: Number.POSITIVE_INFINITY,
};

/** Classes, and so tables at most, that fit when each table has 2^log states. */
export function mostClassesWithin({ tableStates }: DecoderLimits, log: number): number {
  return Math.max(1, Math.min(MAX_CLASSES, Math.floor(tableStates / (1 << log))));
}

export function codedWithin(
  { outputs, inputs, kernelHeight, kernelWidth }: WeightLayout,
  { channels, taps }: DecoderLimits,
): boolean {
  return Math.max(outputs, inputs) <= channels && kernelHeight * kernelWidth <= taps;
}

export function predictedWithin(
  prediction: Prediction,
  layout: WeightLayout,
  { taps, predictedRows }: DecoderLimits,
): boolean {
  const grid = predictionTaps(prediction, layout);
  return grid.height * grid.width <= taps && (grid.width + 1) * grid.channels <= predictedRows;
}
