/** Loads WebAssembly kernels and gives out aligned memory for them. */
import { readFileSync } from "node:fs";
import { GraphError } from "../errors.js";

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
const compiled = new Map<string, object>();

function kernelModule(url: URL): object {
  const known = compiled.get(url.href);
  if (known) return known;
  try {
    const module = new wasm.Module(readFileSync(url));
    compiled.set(url.href, module);
    return module;
  } catch (cause) {
    throw new GraphError("kernel-not-built", "A WebAssembly kernel is not built, or cannot run here.", {
      place: url.pathname,
      hint: "Run `npm run build`, which compiles it.",
      cause,
    });
  }
}

/** A bump allocator over one WebAssembly memory, with the kernels bound to it. Never frees. */
export class WasmKernels<Kernels> {
  readonly kernels: Kernels;
  private readonly memory = new wasm.Memory({ initial: 1, maximum: MAX_PAGES });
  private next = 64;

  /** @throws {GraphError} `kernel-not-built` */
  constructor(module: URL) {
    const instance = new wasm.Instance(kernelModule(module), { env: { memory: this.memory } });
    this.kernels = instance.exports as Kernels;
  }

  /** Byte address of `bytes` zeroed bytes, aligned to 16, followed by room for one more vector. */
  allocate(bytes: number): number {
    const start = this.next;
    this.next = Math.ceil((start + bytes + 16) / 16) * 16;
    const missing = Math.ceil((this.next - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) {
      if (this.memory.buffer.byteLength / PAGE + missing > MAX_PAGES) {
        throw new GraphError("too-large", "The model does not fit into the memory of its kernels.", {
          expected: `at most ${MAX_PAGES * PAGE} bytes`,
          found: `${this.next} bytes`,
          hint: "Use a smaller model, or a smaller batch of a float model.",
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
