/**
 * What the overlay's weight decoder holds in its memories. Encoders keep to it (codec/ans/limits.ts), the RTL takes its
 * parameters from it (bitstreams/rtl/sluice_pkg.sv, DECODER_*), and docs/formats/weight-stream.md, section 8, names it.
 */
import type { OverlayGeometry } from "./geometry.js";

export interface DecoderLimits {
  /** Lanes of a layer at most. */
  readonly lanes: number;
  /** Lanes of a layer at least; those its tiles are too narrow for do not exist and cost nothing. */
  readonly fewestLanes: number;
  /** R of the tables at most. */
  readonly tableLog: number;
  /** States of the tables of all classes of a model together. */
  readonly tableStates: number;
  /** Output channels of a coded layer, and input channels. */
  readonly channels: number;
  /** Kernel taps of a coded layer; also the taps that a flattened layer is predicted by. */
  readonly taps: number;
  /** Rows that tap prediction looks back over: (kernel width + 1) * input channels. */
  readonly predictedRows: number;
}

/** Equal in all builds; the lanes are the geometry's. */
export const decoderMemories = {
  fewestLanes: 4,
  tableLog: 8,
  tableStates: 4_096,
  channels: 4_096,
  taps: 256,
  predictedRows: 1_024,
} as const satisfies Omit<DecoderLimits, "lanes">;

export function decoderLimits({ decoderLanes }: OverlayGeometry): DecoderLimits {
  return { ...decoderMemories, lanes: decoderLanes };
}
