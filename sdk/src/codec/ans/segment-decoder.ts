/** What decoding a layer needs of a fast decoder: decode-kernel.ts in WebAssembly, decode-plain.ts without. */
import type { Prediction } from "./prediction.js";

export interface SegmentDecoder {
  /**
   * Decodes tiles `firstTile` to `lastTile` - 1 from the words of one segment (an even number of bytes).
   * @returns how many words the lanes asked for
   */
  run(bytes: Uint8Array, firstTile: number, lastTile: number): number;
  /** Turns the differences of the whole layer into weights. */
  undoPrediction(prediction: Prediction): void;
  /** CRC-32C of the weights from .. to - 1. */
  crc(from: number, to: number): number;
  /** What is decoded so far, in demand order. */
  readonly weights: Int8Array;
}
