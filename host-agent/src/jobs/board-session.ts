/** What the jobs need from a connected board, whatever the link: the four things a verification does. */
import type { ImageSection, LayerInfo, RunPlan } from "@sluice/sdk/compile";
import type { Reading } from "@sluice/sdk/protocol";
import type { SignedPackage } from "../client/board-client.js";

export interface BoardDescription {
  /** `kv260`, the family of the board. */
  readonly kind: string;
  /** `emulated`, `rtl` or `kv260`: what computes. */
  readonly device: string;
  /** How it was reached, in words: `tcp 127.0.0.1:4260`. */
  readonly link: string;
  readonly clockMHz: number;
}

export interface InstallResult {
  readonly bytesSent: number;
  readonly bytesTotal: number;
}

export interface FrameResults {
  /** One output frame per input frame, in the order given. */
  readonly outputs: readonly Uint8Array[];
  /** Cycles of all frames together. */
  readonly cycles: number;
}

export interface LayerReadout {
  readonly cycles: number;
  /** CRC-32C of each output. */
  readonly crcs: readonly number[];
}

export interface BoardSession {
  readonly description: BoardDescription;
  /** What is uploaded stays on the board for the next session. */
  readonly keepsUploads: boolean;
  /** Which of these sections (SHA-256) the board has. */
  holds(sections: readonly Uint8Array[]): Promise<readonly boolean[]>;
  install(
    plan: RunPlan,
    sections: readonly ImageSection[],
    /** For the board's error messages. */
    layerNames: readonly string[],
    onProgress: (sent: number, total: number) => void,
    /** For a board that demands a signature. */
    signed?: SignedPackage,
  ): Promise<InstallResult>;
  run(frames: readonly Uint8Array[]): Promise<FrameResults>;
  /** Counters and CRCs of the last frame that ran. */
  readLayers(layers: readonly LayerInfo[]): Promise<LayerReadout[]>;
  /** int8 codes of one output of one layer for the given input frame, row-major without padding. */
  dumpLayer(layer: LayerInfo, output: number, frame: Uint8Array): Promise<Int8Array>;
  /** Telemetry by name; what the board cannot measure says why. */
  readings(): Promise<Readonly<Record<string, Reading>>>;
  close(): Promise<void>;
}
