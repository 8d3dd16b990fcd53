/**
 * The encoder's passes over weights: what it does to every weight of a layer, or to every one of a sample, before the words
 * are written. Two implementations with equal results: plain-passes.ts, and kernel-passes.ts in WebAssembly.
 */
import type { WeightLayout } from "../types.js";
import type { ClassCosts } from "./class-costs.js";
import type { Prediction } from "./prediction.js";

/** A layer as the fitting sees it: byte values, one per weight or per pair, [output][row]. */
export interface FitLayer {
  readonly outputs: number;
  readonly inputs: number;
  readonly taps: number;
  readonly values: Uint8Array;
  /** Input channel and tap of each row. */
  readonly rowInput: Uint16Array;
  readonly rowTap: Uint16Array;
  /** Values an element of an axis is judged by at most. */
  readonly sample: number;
}

/** Class of a value = a[output] + b[input] + c[tap], clipped to the classes there are. */
export interface Offsets {
  /** Absolute: the base is in `a`. */
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly c: Int32Array;
}

export type Axis = "a" | "b" | "c";

/** Which values a pass reads: every n-th output and every n-th row. */
export interface Strides {
  readonly output: number;
  readonly row: number;
}

/** Offsets are looked at that differ by -RADIUS..RADIUS from those a layer has. */
export const RADIUS = 3;
/** Sums of costs come in rows of this many: 2 * RADIUS + 1 changes, and one element of padding. */
export const CHANGES = 8;
/** Sums are 32 bits: an element of an axis may meet at most this many values, each at most UNCODABLE. */
export const MOST_SUMMED = 2047;

/** Arrays that come back are valid until the next pass. */
export interface WeightPasses {
  /** Bytes in demand order, less `center`, as [output][row]; the array is new. */
  channelOrder(demand: Uint8Array, layout: WeightLayout, center: number): Uint8Array;

  /** The differences that tap prediction leaves, in demand order; the array is new. */
  differences(demand: Int8Array, layout: WeightLayout, prediction: Prediction, center: number): Int8Array;

  /** What the values of each element of an axis cost in all under each change of its offset: [element][CHANGES]. */
  sumsByChange(
    layer: FitLayer,
    costs: ClassCosts,
    offsets: Offsets,
    axis: Axis,
    strides: Strides,
  ): Int32Array;

  /** What the values of each output cost under each offset lowest .. lowest + width - 1: [output][width]. */
  sumsByOffset(
    layer: FitLayer,
    costs: ClassCosts,
    shared: Int32Array,
    lowest: number,
    width: number,
    rowStride: number,
  ): Int32Array;

  /** What every outputStride-th output costs; infinite when a value cannot be coded. */
  outputCosts(
    layer: FitLayer,
    costs: ClassCosts,
    a: Int32Array,
    shared: Int32Array,
    outputStride: number,
  ): Float64Array;

  /** CRC-32C of weights. */
  crc(weights: Int8Array): number;
}

/** What each row adds to the offsets of its outputs. */
export function sharedOffsets(
  { rowInput, rowTap }: FitLayer,
  { b, c }: Pick<Offsets, "b" | "c">,
): Int32Array {
  const shared = new Int32Array(rowInput.length);
  for (let row = 0; row < shared.length; row += 1) shared[row] = b[rowInput[row]] + c[rowTap[row]];
  return shared;
}
