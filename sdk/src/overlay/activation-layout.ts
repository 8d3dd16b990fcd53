/**
 * Where a tensor lies in the activation memory.
 *
 * Memory is rows of P words of I bytes; word p of a row is bank p. A tensor holds pixel (y, x), channels
 * c .. c + I - 1 in word x mod P of row
 *     base + (y * ceil(width / P) + floor(x / P)) * pitch + floor(c / I)
 * so P neighbouring pixels come out of one row, and a concatenation is two producers with the same pitch and
 * different bases. Codes of channels beyond the last are 0; columns beyond the width are undefined.
 */
import type { OverlayGeometry } from "./geometry.js";

export function channelWords(channels: number, geometry: OverlayGeometry): number {
  return Math.ceil(channels / geometry.inputs);
}

export function pixelGroups(width: number, geometry: OverlayGeometry): number {
  return Math.ceil(width / geometry.pixels);
}

/** Rows a tensor of its own (pitch = its channel words) takes. */
export function activationRows(
  height: number,
  width: number,
  channels: number,
  geometry: OverlayGeometry,
): number {
  return height * pixelGroups(width, geometry) * channelWords(channels, geometry);
}

export function activationRowBytes(geometry: OverlayGeometry): number {
  return geometry.pixels * geometry.inputs;
}

/** Byte address of (y, x, c) in the activation memory. */
export function activationAddress(
  view: { readonly base: number; readonly pitch: number; readonly width: number },
  y: number,
  x: number,
  channel: number,
  geometry: OverlayGeometry,
): number {
  const { pixels, inputs } = geometry;
  const group = y * pixelGroups(view.width, geometry) + Math.floor(x / pixels);
  const row = view.base + group * view.pitch + Math.floor(channel / inputs);
  return (row * pixels + (x % pixels)) * inputs + (channel % inputs);
}

/** Bytes of a tensor in DDR: row-major pixels, channels padded to whole words of I bytes. */
export function memoryTensorBytes(
  height: number,
  width: number,
  channels: number,
  geometry: OverlayGeometry,
): number {
  return height * width * channelWords(channels, geometry) * geometry.inputs;
}
