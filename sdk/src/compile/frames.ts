/** Between tensors of codes (HWC, row-major) and the frames that LOAD reads and STORE writes. */
import { CompileError } from "../errors.js";
import { channelWords, memoryTensorBytes } from "../overlay/activation-layout.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { FrameFormat } from "./types.js";

export const FRAME_ALIGNMENT = 64;

/** Bytes of a frame in DDR, a multiple of 64. */
export function frameBytes({ shape, packing }: FrameFormat, geometry: OverlayGeometry): number {
  const [height, width, channels] = shape;
  const bytes =
    packing === "packed" ? height * width * channels : memoryTensorBytes(height, width, channels, geometry);
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** @param codes stored integers minus `format.codeOffset`. @throws {CompileError} `frame-size` */
export function inputFrame(codes: Int8Array, format: FrameFormat, geometry: OverlayGeometry): Uint8Array {
  const [height, width, channels] = format.shape;
  requireLength("an input tensor", codes.length, height * width * channels);
  const frame = new Uint8Array(frameBytes(format, geometry));
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length);
  const pitch = pixelPitch(format, geometry);
  for (let pixel = 0; pixel < height * width; pixel += 1) {
    frame.set(bytes.subarray(pixel * channels, (pixel + 1) * channels), pixel * pitch);
  }
  return frame;
}

/** Codes of one output frame; stored integer = code + format.codeOffset. @throws {CompileError} `frame-size` */
export function outputCodes(frame: Uint8Array, format: FrameFormat, geometry: OverlayGeometry): Int8Array {
  const [height, width, channels] = format.shape;
  requireLength("an output frame", frame.length, frameBytes(format, geometry));
  const codes = new Int8Array(height * width * channels);
  const bytes = new Int8Array(frame.buffer, frame.byteOffset, frame.length);
  const pitch = pixelPitch(format, geometry);
  for (let pixel = 0; pixel < height * width; pixel += 1) {
    codes.set(bytes.subarray(pixel * pitch, pixel * pitch + channels), pixel * channels);
  }
  return codes;
}

function pixelPitch({ shape, packing }: FrameFormat, geometry: OverlayGeometry): number {
  return packing === "packed" ? shape[2] : channelWords(shape[2], geometry) * geometry.inputs;
}

function requireLength(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new CompileError("frame-size", `The size of ${what} does not match the model.`, {
    expected: `${expected} bytes`,
    found: `${found} bytes`,
    hint: "Prepare the data for this model's own input shape.",
  });
}
