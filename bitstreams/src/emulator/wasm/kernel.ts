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
  addTables(
    first: number,
    offsets0: number,
    second: number,
    offsets1: number,
    pixels: number,
    table0: number,
    table1: number,
    bias: number,
    accumulators: number,
  ): void;
  requantize(
    accumulators: number,
    pixels: number,
    outputOffsets: number,
    output: number,
    block: number,
    descriptor: number,
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
