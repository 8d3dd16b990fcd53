/** The overlay's arithmetic in plain TypeScript: slow, readable, and what the WASM engine is compared with. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { AddWork, ConvolutionWork, Engine, PoolWork, TapsWork } from "../engine.js";
import type { TensorView } from "../tensor-view.js";
import { plainAdd } from "./add.js";
import { plainConvolution } from "./convolution.js";
import { plainDepthwise } from "./depthwise.js";
import { plainPool } from "./pool.js";
import { tensorCrc } from "./tensor-crc.js";
import { loadTaps, loadWords, storeWords } from "./transfers.js";

export class PlainEngine implements Engine {
  readonly name = "plain";
  readonly geometry: OverlayGeometry;
  readonly activation: Uint8Array;

  constructor(geometry: OverlayGeometry) {
    this.geometry = geometry;
    this.activation = new Uint8Array(geometry.activationRows * geometry.pixels * geometry.inputs);
  }

  /** Weights in 16 bits; the rest of a prepared command is small. */
  preparedBytes = 0;

  loadWords(source: Uint8Array, target: TensorView): void {
    loadWords(this, source, target);
  }

  storeWords(source: TensorView, target: Uint8Array): void {
    storeWords(this, source, target);
  }

  taps(work: TapsWork): (source: Uint8Array) => void {
    return (source) => loadTaps(this, work, source);
  }

  convolution(work: ConvolutionWork) {
    this.preparedBytes += work.weights.byteLength;
    return plainConvolution(work, this);
  }

  depthwise(work: ConvolutionWork) {
    return plainDepthwise(work, this);
  }

  pool(work: PoolWork) {
    return plainPool(work, this);
  }

  add(work: AddWork) {
    return plainAdd(work, this);
  }

  crc(view: TensorView): number {
    return tensorCrc(this.activation, view, this.geometry);
  }

  reset(): void {
    // Prepared commands hold everything themselves: dropping them frees it.
    this.preparedBytes = 0;
  }
}
