/**
 * What the compiler produces: a DDR image in sections, the facts the board needs to run it, and the facts the host
 * needs to check and report it.
 */
import type { Shape } from "../graph/types.js";

export type SectionKind = "program" | "tables" | "parameters" | "weights";

/** A piece of the DDR image. Sections do not overlap; gaps between them are zero. */
export interface ImageSection {
  readonly kind: SectionKind;
  /** Unique; weight sections carry their layer's name. */
  readonly name: string;
  /** Byte offset in the image; 64-byte aligned. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Everything a driver needs to run a program: goes to the board with the sections. */
export interface RunPlan {
  readonly geometry: string;
  /** OVERLAY_VERSION the program was made for. */
  readonly overlayVersion: number;
  readonly imageBytes: number;
  readonly commandOffset: number;
  readonly commandCount: number;
  readonly tablesOffset: number;
  readonly tablesBytes: number;
  /** Bytes of one input frame (multiple of 64) and of one output frame, as laid out by LOAD and STORE. */
  readonly inputFrameBytes: number;
  readonly outputFrameBytes: number;
  readonly scratchBytes: number;
  readonly layerCount: number;
  /** Cycles one frame takes by the cycle model; deadlines are derived from it. */
  readonly cyclesPerFrame: number;
}

export interface FrameFormat {
  readonly shape: Shape;
  /** `packed`: HWC bytes, no padding (LOAD with taps). `words`: channels padded to whole words of I bytes. */
  readonly packing: "packed" | "words";
  /** Stored integer = code + codeOffset. */
  readonly codeOffset: number;
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface LayerOutput {
  /** Graph tensor this output equals, element for element. */
  readonly tensor: string;
  readonly codeOffset: number;
}

export type LayerKind = "convolution" | "depthwise" | "fully-connected" | "max-pool" | "average-pool" | "add";

/** One compute command. A layer that had to be cut into bands of rows appears once per band. */
export interface LayerInfo {
  readonly index: number;
  readonly name: string;
  readonly kind: LayerKind;
  /** Index of the compute command in the program. */
  readonly command: number;
  readonly outputs: readonly LayerOutput[];
  /** Shape of the outputs as the graph has them. */
  readonly shape: Shape;
  /** Rows of the output this command computes: [first, end). The whole height unless banded. */
  readonly rows: readonly [first: number, end: number];
  /** Output channels per engine tile, for the CRC's order: `engineTile(geometry)` for every kind of layer. */
  readonly tile: number;
  readonly macs: number;
  readonly weightBytes: number;
  readonly compressedBytes: number;
  /** Name of the codec actually used (a layer may fall back to raw). */
  readonly codec: string;
  readonly cycles: LayerCycles;
}

/** Cycles by the model of compile/cycles.ts. */
export interface LayerCycles {
  readonly total: number;
  readonly compute: number;
  readonly stallWeights: number;
  readonly stallData: number;
  readonly weightBeats: number;
}

export interface MemoryUse {
  readonly name: "BRAM36" | "URAM" | "DDR" | "activation rows" | "weight lines";
  readonly used: number;
  readonly available: number;
  readonly unit: string;
}

export interface CompiledModel {
  readonly name: string;
  readonly codec: string;
  readonly plan: RunPlan;
  readonly sections: readonly ImageSection[];
  readonly input: FrameFormat;
  readonly output: FrameFormat;
  readonly layers: readonly LayerInfo[];
  readonly memory: readonly MemoryUse[];
  readonly notes: readonly string[];
}
