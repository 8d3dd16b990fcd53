/** What preparing and running a command may touch. */

import type { WeightLayout } from "@sluice/sdk/codec/types.js";
import type { Command } from "@sluice/sdk/overlay";
import type { Engine } from "../engine.js";
import type { ImageReader } from "../image-reader.js";
import type { EmulatorMemory } from "../memory.js";
import type { TensorView } from "../tensor-view.js";

/** DDR addresses of one frame's regions. */
export interface FrameBases {
  readonly input: number;
  readonly output: number;
  readonly scratch: number;
}

export interface PrepareContext {
  readonly engine: Engine;
  readonly image: ImageReader;
  readonly memory: EmulatorMemory;
  /** Decodes a weight stream. @throws {OverlayFault} UNSUPPORTED_CODEC, WEIGHT_STREAM, TABLES */
  decodeWeights(codec: number, stream: Uint8Array, layout: WeightLayout): Int8Array;
}

export interface PreparedCommand {
  readonly command: Command;
  /** Tensors whose CRC the layer's registers show; empty for LOAD and STORE. */
  readonly outputs: readonly TensorView[];
  readonly slices: number;
  run(slice: number, frame: FrameBases): void;
}
