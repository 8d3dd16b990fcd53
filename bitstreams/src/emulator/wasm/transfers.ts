/** LOAD and STORE through the WASM kernel: DDR is outside its memory, so bytes pass through a piece inside. */
import type { TapsWork } from "../engine.js";
import type { TensorView } from "../tensor-view.js";
import type { WasmEngine } from "./wasm-engine.js";

/** The kernel reads and writes up to this many bytes behind a run. */
const SLACK = 16;
/** A stranger window than this goes to the plain engine instead of taking the memory. */
const LARGEST_PADDED_BYTES = 32 * 2 ** 20;

export function loadWords(engine: WasmEngine, source: Uint8Array, target: TensorView): void {
  const packed = engine.scratch("packed", source.length);
  engine.arena.bytes(packed, source.length).set(source);
  moveWords(engine, packed, target, 0);
}

export function storeWords(engine: WasmEngine, source: TensorView, target: Uint8Array): void {
  const packed = engine.scratch("packed", target.length);
  moveWords(engine, packed, source, 1);
  target.set(engine.arena.bytes(packed, target.length));
}

function moveWords(
  { kernel, geometry, activationBase }: WasmEngine,
  packed: number,
  view: TensorView,
  store: 0 | 1,
) {
  const { height, width, words, rowBytes, groupBytes, wordStride } = view;
  const tensor = activationBase + view.start;
  const { pixels } = geometry;
  kernel.moveWords(packed, tensor, height, width, words, rowBytes, groupBytes, wordStride, pixels, store);
}

/** The padding is written once; every frame only replaces what comes from the source. @throws {RangeError} */
export function prepareTaps(engine: WasmEngine, work: TapsWork): (source: Uint8Array) => void {
  const { arena, kernel, geometry, activationBase } = engine;
  const { height, width, channels, window, target } = work;
  const rows = (target.height - 1) * window.strideHeight + window.kernelHeight;
  const columns = (target.width - 1) * window.strideWidth + window.kernelWidth;
  const rowBytes = columns * channels;
  if (rows * rowBytes > LARGEST_PADDED_BYTES)
    throw new RangeError(`${rows * rowBytes} bytes of padded source`);
  const padded = arena.allocate(rows * rowBytes + SLACK);
  arena.bytes(padded, rows * rowBytes + SLACK).fill(window.padValue);
  const pixel = arena.allocate(target.words * geometry.inputs + SLACK);
  const copied = Math.max(0, Math.min(width, columns - window.padLeft));
  return (source) => {
    const bytes = arena.bytes(padded, rows * rowBytes);
    for (let y = 0; copied > 0 && y < height && y + window.padTop < rows; y += 1) {
      const from = y * width * channels;
      const to = (y + window.padTop) * rowBytes + window.padLeft * channels;
      bytes.set(source.subarray(from, from + copied * channels), to);
    }
    kernel.loadTaps(
      padded,
      rowBytes,
      window.kernelHeight,
      window.kernelWidth * channels,
      window.strideWidth * channels,
      window.strideHeight * rowBytes,
      target.height,
      target.width,
      target.words,
      pixel,
      activationBase + target.start,
      target.rowBytes,
      target.groupBytes,
      target.wordStride,
      geometry.pixels,
    );
  };
}
