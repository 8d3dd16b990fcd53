/** The WebAssembly kernels of sdk/float-kernel. */
import { WasmKernels } from "../wasm-kernels.js";

/** See float-kernel/assembly/index.ts; every pointer is a byte address in the same memory. */
export interface FloatKernels {
  convolve(
    input: number,
    offsets: number,
    positions: number,
    segments: number,
    segmentCount: number,
    length: number,
    weights: number,
    bias: number,
    outputs: number,
    output: number,
    outputStride: number,
  ): void;
  depthwise(
    input: number,
    offsets: number,
    positions: number,
    segments: number,
    taps: number,
    weights: number,
    bias: number,
    channels: number,
    output: number,
  ): void;
  add(a: number, b: number, output: number, count: number): void;
  clamp(input: number, output: number, count: number, low: number, high: number): void;
}

/** The kernels bound to a memory of their own. */
export class KernelMemory extends WasmKernels<FloatKernels> {
  constructor() {
    super(new URL("./kernel.wasm", import.meta.url));
  }
}
