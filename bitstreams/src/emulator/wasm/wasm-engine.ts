/** The overlay's arithmetic on WASM SIMD. The activation memory lies inside the kernel's memory. */
import { engineTile, type OverlayGeometry } from "@sluice/sdk/overlay";
import type { AddWork, ConvolutionWork, Engine, PoolWork, TapsWork } from "../engine.js";
import { plainAdd } from "../plain/add.js";
import { plainConvolution } from "../plain/convolution.js";
import { plainDepthwise } from "../plain/depthwise.js";
import { plainPool } from "../plain/pool.js";
import { loadTaps } from "../plain/transfers.js";
import type { TensorView } from "../tensor-view.js";
import { wasmAdd } from "./add.js";
import { Arena } from "./arena.js";
import { wasmConvolution, wasmDepthwise } from "./convolution.js";
import { type KernelExports, loadKernel } from "./kernel.js";
import { wasmPool } from "./pool.js";
import { LANES } from "./requantizer.js";
import { loadWords, prepareTaps, storeWords } from "./transfers.js";

type ScratchUse = "accumulators" | "widened" | "pairs" | "packed";

export class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly geometry: OverlayGeometry;
  readonly kernel: KernelExports;
  readonly arena: Arena;
  readonly activationBase: number;
  readonly #activationBytes: number;
  readonly #preparedBase: number;
  readonly #scratch = new Map<ScratchUse, { readonly address: number; readonly byteLength: number }>();
  #activation: Uint8Array;

  private constructor(geometry: OverlayGeometry, kernel: KernelExports) {
    this.geometry = geometry;
    this.kernel = kernel;
    this.arena = new Arena(kernel);
    this.#activationBytes = geometry.activationRows * geometry.pixels * geometry.inputs;
    this.activationBase = this.arena.allocate(this.#activationBytes);
    this.#preparedBase = this.arena.top;
    this.#activation = this.arena.bytes(this.activationBase, this.#activationBytes);
  }

  /** undefined where WASM SIMD is missing, or for a geometry whose words are not 8 bytes. */
  static create(geometry: OverlayGeometry): WasmEngine | undefined {
    if (geometry.inputs !== LANES) return undefined;
    const kernel = loadKernel();
    return kernel && new WasmEngine(geometry, kernel);
  }

  get activation(): Uint8Array {
    // Growing the memory detaches every view of it.
    if (this.#activation.byteLength === 0) {
      this.#activation = this.arena.bytes(this.activationBase, this.#activationBytes);
    }
    return this.#activation;
  }

  get preparedBytes(): number {
    return this.arena.top - this.#preparedBase;
  }

  /** Memory that one command uses at a time; all commands share the largest piece asked for so far. */
  scratch(use: ScratchUse, byteLength: number): number {
    const known = this.#scratch.get(use);
    if (known && known.byteLength >= byteLength) return known.address;
    const address = this.arena.allocate(byteLength);
    this.#scratch.set(use, { address, byteLength });
    return address;
  }

  loadWords(source: Uint8Array, target: TensorView): void {
    loadWords(this, source, target);
  }

  storeWords(source: TensorView, target: Uint8Array): void {
    storeWords(this, source, target);
  }

  taps(work: TapsWork): (source: Uint8Array) => void {
    return this.#orElse(
      () => prepareTaps(this, work),
      () => (source: Uint8Array) => loadTaps(this, work, source),
    );
  }

  convolution(work: ConvolutionWork) {
    return this.#orElse(
      () => wasmConvolution(this, work),
      () => plainConvolution(work, this),
    );
  }

  depthwise(work: ConvolutionWork) {
    return this.#orElse(
      () => wasmDepthwise(this, work),
      () => plainDepthwise(work, this),
    );
  }

  pool(work: PoolWork) {
    return this.#orElse(
      () => wasmPool(this, work),
      () => plainPool(work, this),
    );
  }

  add(work: AddWork) {
    return this.#orElse(
      () => wasmAdd(this, work),
      () => plainAdd(work, this),
    );
  }

  /** The plain engine takes what does not fit into the kernel's memory. */
  #orElse<T>(prepare: () => T, fallBack: () => T): T {
    const { top } = this.arena;
    try {
      return prepare();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Scratch memory above the old top would be lost: forget it, the next command asks again.
      this.arena.release(top);
      for (const [use, { address }] of this.#scratch) if (address >= top) this.#scratch.delete(use);
      return fallBack();
    }
  }

  crc(view: TensorView): number {
    const { inputs, pixels } = this.geometry;
    const crc = this.kernel.tensorCrc(
      this.activationBase + view.start,
      view.height,
      view.width,
      view.words,
      engineTile(this.geometry) / inputs,
      view.rowBytes,
      view.groupBytes,
      view.wordStride,
      pixels,
    );
    return crc >>> 0;
  }

  reset(): void {
    this.arena.release(this.#preparedBase);
    this.#scratch.clear();
  }
}
