/**
 * The arithmetic of the overlay behind the commands. Two implementations give the same bits: `plain` (TypeScript, easy
 * to read) and `wasm` (SIMD). Commands arrive checked: every address lies inside the activation memory.
 */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { RequantizePlan } from "./requantize-plan.js";
import type { TensorView } from "./tensor-view.js";
import type { SlidingWindow } from "./window.js";

/** A command ready to run any number of times, in slices of bounded work. */
export interface PreparedCompute {
  readonly slices: number;
  run(slice: number): void;
}

interface ComputeBase {
  readonly input: TensorView;
  /** One or two. */
  readonly outputs: readonly TensorView[];
  readonly requantize: RequantizePlan;
}

export interface ConvolutionWork extends ComputeBase {
  readonly window: SlidingWindow;
  /** [output][kernel tap][input channel], weight zero point removed: -255..255. One input channel for depthwise. */
  readonly weights: Int16Array;
}

export interface PoolWork extends ComputeBase {
  readonly window: SlidingWindow;
  readonly average: boolean;
}

export interface AddWork extends ComputeBase {
  readonly second: TensorView;
  /** Indexed by code + 128. */
  readonly addends: readonly [Int32Array, Int32Array];
}

/** LOAD with taps: every window of a packed image [height][width][channels] becomes one pixel of `target`. */
export interface TapsWork {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Dilation 1. */
  readonly window: SlidingWindow;
  readonly target: TensorView;
}

export interface ActivationHost {
  readonly geometry: OverlayGeometry;
  /** The activation memory. Fetch it anew for every use: a growing WASM memory moves. */
  readonly activation: Uint8Array;
}

export interface Engine extends ActivationHost {
  readonly name: "plain" | "wasm";
  loadWords(source: Uint8Array, target: TensorView): void;
  storeWords(source: TensorView, target: Uint8Array): void;
  taps(work: TapsWork): (source: Uint8Array) => void;
  convolution(work: ConvolutionWork): PreparedCompute;
  depthwise(work: ConvolutionWork): PreparedCompute;
  pool(work: PoolWork): PreparedCompute;
  add(work: AddWork): PreparedCompute;
  /** CRC-32C in engine order, unsigned. */
  crc(view: TensorView): number;
  /** Bytes taken by what was prepared since the last reset. */
  readonly preparedBytes: number;
  /** Forgets everything prepared so far and gives its memory back. */
  reset(): void;
}

/** Multiply-accumulates (or as costly steps) one slice may take: a few milliseconds. */
export const SLICE_WORK = 8_000_000;

/** Cuts `rows` output rows into slices of bounded work. */
export function sliceRows(
  rows: number,
  workPerRow: number,
): { readonly slices: number; readonly rowsPerSlice: number } {
  const rowsPerSlice = Math.max(1, Math.min(rows, Math.floor(SLICE_WORK / Math.max(1, workPerRow))));
  return { slices: Math.ceil(rows / rowsPerSlice), rowsPerSlice };
}
