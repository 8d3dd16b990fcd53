/** The WASM SIMD kernel (bitstreams/emulator-kernel/assembly) and its memory. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type WasmMemory, type WasmModule, webAssembly } from "./webassembly.js";

/** Exports of the kernel; every number is a byte address or a count, as its source says. */
export interface KernelExports {
  readonly memory: WasmMemory;
  heapBase(): number;
  widen(
    source: number,
    height: number,
    width: number,
    words: number,
    rowBytes: number,
    groupBytes: number,
    wordStride: number,
    pixels: number,
    firstRow: number,
    rows: number,
    padLeft: number,
    columns: number,
    padValue: number,
    target: number,
  ): void;
  convolve(
    input: number,
    pixelOffsets: number,
    pixels: number,
    segmentOffsets: number,
    segments: number,
    length: number,
    weights: number,
    bias: number,
    accumulators: number,
  ): void;
  convolveDepthwise(
    input: number,
    pixelOffsets: number,
    pixels: number,
    tapOffsets: number,
    taps: number,
    weights: number,
    bias: number,
    accumulators: number,
  ): void;
  poolMax(
    input: number,
    pixelOffsets: number,
    pixels: number,
    tapOffsets: number,
    taps: number,
    accumulators: number,
  ): void;
  poolSum(
    input: number,
    pixelOffsets: number,
    pixels: number,
    tapOffsets: number,
    taps: number,
    bias: number,
    accumulators: number,
  ): void;
  addPairs(
    first: number,
    offsets0: number,
    second: number,
    offsets1: number,
    pixels: number,
    table: number,
    target: number,
    offsets: number,
    mask: number,
  ): void;
  stageAShift(accumulators: number, pixels: number, shift: number, rounding: number): void;
  stageAProduct(accumulators: number, pixels: number, multipliers: number, shift: number): void;
  stageADouble(
    accumulators: number,
    pixels: number,
    scales: number,
    multipliers: number,
    shifts: number,
    limit: number,
    rounding: number,
  ): void;
  stageBPlain(
    values: number,
    pixels: number,
    offsets: number,
    target: number,
    output: number,
    mask: number,
  ): void;
  stageBShift(
    values: number,
    pixels: number,
    offsets: number,
    target: number,
    output: number,
    mask: number,
    shift: number,
    rounding: number,
  ): void;
  stageBProduct(
    values: number,
    pixels: number,
    offsets: number,
    target: number,
    output: number,
    mask: number,
    factors: number,
  ): void;
  stageBDouble(
    values: number,
    pixels: number,
    offsets: number,
    target: number,
    output: number,
    mask: number,
    scales: number,
    rounding: number,
  ): void;
  stageBTable(
    values: number,
    pixels: number,
    offsets: number,
    target: number,
    output: number,
    mask: number,
    table: number,
  ): void;
  /** As a signed 32-bit number. */
  tensorCrc(
    tensor: number,
    height: number,
    width: number,
    words: number,
    wordsPerTile: number,
    rowBytes: number,
    groupBytes: number,
    wordStride: number,
    pixels: number,
  ): number;
  loadTaps(
    source: number,
    rowBytes: number,
    kernelHeight: number,
    runBytes: number,
    columnStep: number,
    rowStep: number,
    height: number,
    width: number,
    words: number,
    pixel: number,
    target: number,
    targetRowBytes: number,
    groupBytes: number,
    wordStride: number,
    pixels: number,
  ): void;
  moveWords(
    packed: number,
    tensor: number,
    height: number,
    width: number,
    words: number,
    rowBytes: number,
    groupBytes: number,
    wordStride: number,
    pixels: number,
    toPacked: number,
  ): void;
}

/** `npm run build:wasm` puts it beside the compiled emulator. */
const kernelFile = fileURLToPath(new URL("../kernel.wasm", import.meta.url));

let compiled: WasmModule | null | undefined;

function compile(): WasmModule | null {
  try {
    return new webAssembly.Module(readFileSync(kernelFile));
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    // No kernel was built, or this runtime has no WASM SIMD: the plain engine takes over.
    if (missing || error instanceof webAssembly.CompileError) return null;
    throw error;
  }
}

/** A kernel with a memory of its own, or undefined where it cannot run. */
export function loadKernel(): KernelExports | undefined {
  compiled ??= compile();
  if (compiled === null) return undefined;
  const environment = { abort: () => undefined };
  const instance = new webAssembly.Instance(compiled, { env: environment });
  return instance.exports as unknown as KernelExports;
}
