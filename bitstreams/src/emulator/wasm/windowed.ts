/**
 * What CONV, DEPTHWISE and POOL share in the WASM engine: rows of the input are widened to int16 with their padding,
 * output pixels become lists of byte offsets, and accumulators go through the requantiser eight channels at a time.
 */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { PreparedCompute } from "../engine.js";
import type { RequantizePlan } from "../requantize-plan.js";
import type { TensorView } from "../tensor-view.js";
import type { SlidingWindow } from "../window.js";
import { RequantizerFactory } from "./requantizer.js";
import type { WasmEngine } from "./wasm-engine.js";

/** Output pixels per slice: their accumulators fill a level-1 cache. */
const SLICE_PIXELS = 1024;
/** The kernel takes pixels in fours. */
const PIXEL_MULTIPLE = 4;
/** Vector steps per slice: a few milliseconds. */
const SLICE_STEPS = 16_000_000;
/** A stranger window than this goes to the plain engine instead of taking the memory. */
const LARGEST_WIDENED_BYTES = 32 * 2 ** 20;

export interface WindowedWork {
  readonly input: TensorView;
  readonly outputs: readonly TensorView[];
  readonly window: SlidingWindow;
  readonly requantize: RequantizePlan;
  /** Words of input channels each accumulator sums over; default 1. */
  readonly depth?: number;
}

/** Where things of a windowed command lie in the kernel's memory. */
export interface WindowedPlan {
  readonly widened: number;
  readonly pixelOffsets: number;
  readonly accumulators: number;
  /** Bytes from a pixel to the next one, and from a row to the next one, in the widened input. */
  readonly pixelBytes: number;
  readonly rowBytes: number;
  /** Byte offset of each tap from the window's first one. */
  readonly tapOffsets: readonly number[];
}

/** Accumulators of channel word `word` for `pixels` pixels; `bias` is the address of its 8 biases. */
export type Accumulate = (word: number, pixels: number, bias: number) => void;

/** Rows per slice so that a slice has about SLICE_PIXELS pixels. */
export function rowsPerSlice(height: number, width: number): number {
  return Math.max(1, Math.min(height, Math.floor(SLICE_PIXELS / width)));
}

/** Byte offsets from a slice's first output word to each pixel's, with the last one repeated to a multiple of 4. */
export function wordOffsets(view: TensorView, rows: number, geometry: OverlayGeometry): number[] {
  return pixelList(rows, view.width, (y, x) => {
    const group = Math.floor(x / geometry.pixels);
    return y * view.rowBytes + group * view.groupBytes + (x % geometry.pixels) * geometry.inputs;
  });
}

export function pixelList(rows: number, width: number, offset: (y: number, x: number) => number): number[] {
  const offsets: number[] = [];
  for (let y = 0; y < rows; y += 1) for (let x = 0; x < width; x += 1) offsets.push(offset(y, x));
  while (offsets.length % PIXEL_MULTIPLE !== 0) offsets.push(offsets[offsets.length - 1]);
  return offsets;
}

/**
 * @param bound largest |accumulator| of a channel
 * @throws {RangeError} when the widened input would be too large
 */
export function prepareWindowed(
  engine: WasmEngine,
  work: WindowedWork,
  padValue: number,
  bound: (channel: number) => number,
  build: (plan: WindowedPlan) => Accumulate,
): PreparedCompute {
  const { arena, kernel, geometry } = engine;
  const { input, outputs, window } = work;
  const [{ height, width, channels }] = outputs;
  const rows = rowsPerSlice(height, width);
  const columns = (width - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1;
  const windowRows = (window.kernelHeight - 1) * window.dilationHeight + 1;
  const widenedRows = (rows - 1) * window.strideHeight + windowRows;
  const pixelBytes = input.words * 16;
  const rowBytes = columns * pixelBytes;
  if (widenedRows * rowBytes > LARGEST_WIDENED_BYTES) {
    throw new RangeError(`${widenedRows * rowBytes} bytes of widened input`);
  }

  const offsets = pixelList(
    rows,
    width,
    (y, x) => y * window.strideHeight * rowBytes + x * window.strideWidth * pixelBytes,
  );
  const tapOffsets: number[] = [];
  for (let ky = 0; ky < window.kernelHeight; ky += 1) {
    for (let kx = 0; kx < window.kernelWidth; kx += 1) {
      tapOffsets.push(ky * window.dilationHeight * rowBytes + kx * window.dilationWidth * pixelBytes);
    }
  }
  const pixelOffsets = arena.placeInt32(offsets);
  const outputOffsets = outputs.map((view) => arena.placeInt32(wordOffsets(view, rows, geometry)));
  const requantizers = new RequantizerFactory(kernel, arena, work.requantize).words(
    channels,
    outputs.length,
    bound,
  );
  const accumulators = engine.scratch("accumulators", offsets.length * 32);
  const widened = engine.scratch("widened", widenedRows * rowBytes);
  const accumulate = build({ widened, pixelOffsets, accumulators, pixelBytes, rowBytes, tapOffsets });
  const { activationBase } = engine;
  const { words } = outputs[0];

  // A slice is some rows of some channel words; the widened rows stay for all words.
  const steps = rows * width * window.taps * (work.depth ?? 1);
  const wordsPerSlice = Math.max(1, Math.min(words, Math.floor(SLICE_STEPS / steps)));
  const wordSlices = Math.ceil(words / wordsPerSlice);

  return {
    slices: Math.ceil(height / rows) * wordSlices,
    run(slice) {
      const first = Math.floor(slice / wordSlices) * rows;
      const firstWord = (slice % wordSlices) * wordsPerSlice;
      const count = Math.min(rows, height - first);
      if (firstWord === 0) widenRows(first, count);
      const pixels = count * width;
      for (let word = firstWord; word < Math.min(words, firstWord + wordsPerSlice); word += 1) {
        const { bias, stageA, stageB } = requantizers[word];
        accumulate(word, pixels, bias);
        stageA(accumulators, pixels);
        for (let output = 0; output < outputs.length; output += 1) {
          const view = outputs[output];
          const target = activationBase + view.start + first * view.rowBytes + word * view.wordStride;
          stageB[output](accumulators, pixels, outputOffsets[output], target);
        }
      }
    },
  };

  function widenRows(first: number, count: number): void {
    kernel.widen(
      activationBase + input.start,
      input.height,
      input.width,
      input.words,
      input.rowBytes,
      input.groupBytes,
      input.wordStride,
      geometry.pixels,
      first * window.strideHeight - window.padTop,
      (count - 1) * window.strideHeight + windowRows,
      window.padLeft,
      columns,
      padValue,
      widened,
    );
  }
}
