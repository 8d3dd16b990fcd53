/**
 * The size of one overlay build, as data: compiler, cycle model, emulator and RTL parameters all come from here.
 * See docs/overlay.md for the picture.
 */
import { OverlayError } from "../errors.js";

export interface OverlayGeometry {
  /** Names the build and its folder in bitstreams/overlays. */
  readonly id: string;
  /** P: output pixels (consecutive x of one row) computed together; also the number of activation banks. */
  readonly pixels: number;
  /** I: input channels multiplied per cycle; also the bytes of an activation word. */
  readonly inputs: number;
  /** O: output channels computed together. */
  readonly outputs: number;
  /** Weights the entropy decoder delivers per cycle at most. */
  readonly decoderLanes: number;
  /** R: accumulators requantised per cycle. */
  readonly requantizeLanes: number;
  /**
   * Output channels a depthwise layer computes together, always O: its weights lie on the diagonals of O / I lines of
   * the same array, because a tap of O channels needs O / I activation rows and a row is what one cycle can read.
   */
  readonly depthwiseChannels: number;
  /** Activation memory, in rows of P words of I bytes. */
  readonly activationRows: number;
  /** Weight tile buffer, in lines of I x O bytes, for each of its two halves. */
  readonly weightLines: number;
  /** Bytes per cycle of the weight port and of the activation/command port. */
  readonly weightPortBytes: number;
  readonly dataPortBytes: number;
  /** Cycles from a read request to its first data beat that the cycle model assumes for DDR. */
  readonly memoryLatency: number;
  /** Fabric clock in MHz. An estimate until a Vivado run closes timing. */
  readonly clockMHz: number;
  /** Layers (compute commands) whose cycles and CRCs can be read back after a frame. */
  readonly maxLayers: number;
}

/** 8 x 8 x 16: 1,024 multiply-accumulates a cycle in 512 DSP48E2; the default. */
export const kv260Geometry: OverlayGeometry = {
  id: "p8i8o16",
  pixels: 8,
  inputs: 8,
  outputs: 16,
  decoderLanes: 16,
  requantizeLanes: 32,
  depthwiseChannels: 16,
  activationRows: 24_576, // 8 banks of 6 URAM, each 4,096 words of 64 of its 72 bits
  weightLines: 2_048, // two halves in 15 URAM beside each other, 4,096 lines of 1,024 bits
  weightPortBytes: 16,
  dataPortBytes: 16,
  memoryLatency: 60,
  clockMHz: 250,
  maxLayers: 256,
};

/** 4 x 8 x 8 with little memory: small enough that tests exercise tiling, spilling and refusals. */
export const smallGeometry: OverlayGeometry = {
  ...kv260Geometry,
  id: "p4i8o8",
  pixels: 4,
  outputs: 8,
  decoderLanes: 8,
  requantizeLanes: 16,
  depthwiseChannels: 8,
  activationRows: 2_048,
  weightLines: 1_152,
};

export const geometries: readonly OverlayGeometry[] = [kv260Geometry, smallGeometry];

export function geometryById(id: string): OverlayGeometry {
  const geometry = geometries.find((candidate) => candidate.id === id);
  if (geometry) return geometry;
  throw new OverlayError("unknown-geometry", `There is no overlay geometry called "${id}".`, {
    expected: geometries.map((candidate) => candidate.id).join(", "),
    found: id,
    hint: "Choose one of the geometries above; a package has to be packed for it again.",
  });
}
