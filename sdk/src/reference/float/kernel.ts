/** Loads the WebAssembly kernels of ../../../float-kernel and gives out aligned memory for them. */
import { readFileSync } from "node:fs";
import { GraphError } from "../../errors.js";

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

/** The part of the WebAssembly interface used here; the compiler's own types come with the DOM library only. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WasmInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: unknown };
}
const wasm = (globalThis as unknown as { WebAssembly: WasmInterface }).WebAssembly;

const PAGE = 65_536;
const MAX_PAGES = 49_152; // 3 GiB
let compiled: object | undefined;

function kernelModule(): object {
  if (compiled) return compiled;
  const url = new URL("./kernel.wasm", import.meta.url);
  try {
    compiled = new wasm.Module(readFileSync(url));
  } catch (cause) {
    throw new GraphError("kernel-not-built", "The float kernels are not built.", {
      place: url.pathname,
      hint: "Run `npm run build`, which compiles them.",
      cause,
    });
  }
  return compiled;
}

/** A bump allocator over one WebAssembly memory, with the kernels bound to it. Never frees. */
export class KernelMemory {
  readonly kernels: FloatKernels;
  private readonly memory = new wasm.Memory({ initial: 1, maximum: MAX_PAGES });
  private next = 64;

  constructor() {
    const instance = new wasm.Instance(kernelModule(), { env: { memory: this.memory } });
    this.kernels = instance.exports as FloatKernels;
  }

  /** Byte address of `bytes` zeroed bytes, aligned to 16, followed by room for one more vector. */
  allocate(bytes: number): number {
    const start = this.next;
    this.next = Math.ceil((start + bytes + 16) / 16) * 16;
    const missing = Math.ceil((this.next - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) {
      if (this.memory.buffer.byteLength / PAGE + missing > MAX_PAGES) {
        throw new GraphError("too-large", "The float model does not fit into memory at this batch size.", {
          expected: `at most ${MAX_PAGES * PAGE} bytes`,
          found: `${this.next} bytes`,
          hint: "Use a smaller batch.",
        });
      }
      this.memory.grow(missing);
    }
    return start;
  }

  /** A view; growing the memory later invalidates it, so views are taken after all allocation. */
  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  store(values: Float32Array | Int32Array): number {
    const address = this.allocate(values.byteLength);
    if (values instanceof Float32Array) this.floats(address, values.length).set(values);
    else this.integers(address, values.length).set(values);
    return address;
  }
}
