/** A tensor's place in the activation memory, checked once, so that every address inside it is good. */
import { channelWords, type OverlayGeometry, pixelGroups } from "@sluice/sdk/overlay";
import { OverlayFault, requireCommand } from "./fault.js";

export interface TensorView {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Words of I bytes one pixel takes. */
  readonly words: number;
  /** First byte of the tensor. */
  readonly start: number;
  /** Bytes from a group of P pixels to the next one, and from one image row to the next one. */
  readonly groupBytes: number;
  readonly rowBytes: number;
  /** Bytes from a word of a pixel to the next word of that pixel. */
  readonly wordStride: number;
}

export interface Placement {
  readonly base: number;
  readonly pitch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** @throws {OverlayFault} BAD_COMMAND for an empty or self-overlapping tensor, ACTIVATION_RANGE outside the memory. */
export function placeTensor(placement: Placement, geometry: OverlayGeometry): TensorView {
  const { base, pitch, height, width, channels } = placement;
  requireCommand(height > 0 && width > 0 && channels > 0, "a tensor has no elements");
  const words = channelWords(channels, geometry);
  const groups = pixelGroups(width, geometry);
  requireCommand(pitch >= words, "the pitch is smaller than a pixel");
  const lastRow = base + (height * groups - 1) * pitch + words - 1;
  if (lastRow >= geometry.activationRows) {
    throw new OverlayFault("ACTIVATION_RANGE", `row ${lastRow} of ${geometry.activationRows}`);
  }
  const activationRowBytes = geometry.pixels * geometry.inputs;
  return {
    height,
    width,
    channels,
    words,
    start: base * activationRowBytes,
    groupBytes: pitch * activationRowBytes,
    rowBytes: groups * pitch * activationRowBytes,
    wordStride: activationRowBytes,
  };
}

/** Byte address of word 0 of pixel (y, x). */
export function pixelAddress(view: TensorView, y: number, x: number, geometry: OverlayGeometry): number {
  const group = Math.floor(x / geometry.pixels);
  return view.start + y * view.rowBytes + group * view.groupBytes + (x % geometry.pixels) * geometry.inputs;
}
