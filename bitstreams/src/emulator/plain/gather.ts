/** Reads windows of int8 codes out of the activation memory. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { pixelAddress, type TensorView } from "../tensor-view.js";
import type { SlidingWindow } from "../window.js";

/** Fills `patch` with [tap][channel] of the window of output pixel (y, x); padValue outside the input. */
export function gatherWindow(
  activation: Uint8Array,
  input: TensorView,
  window: SlidingWindow,
  y: number,
  x: number,
  patch: Int16Array,
  geometry: OverlayGeometry,
): void {
  const { channels, wordStride } = input;
  const { inputs } = geometry;
  let next = 0;
  for (let ky = 0; ky < window.kernelHeight; ky += 1) {
    const row = y * window.strideHeight - window.padTop + ky * window.dilationHeight;
    for (let kx = 0; kx < window.kernelWidth; kx += 1) {
      const column = x * window.strideWidth - window.padLeft + kx * window.dilationWidth;
      if (row < 0 || row >= input.height || column < 0 || column >= input.width) {
        patch.fill(window.padValue, next, next + channels);
        next += channels;
        continue;
      }
      const pixel = pixelAddress(input, row, column, geometry);
      for (let channel = 0; channel < channels; channel += 1) {
        const lane = channel % inputs;
        const code = activation[pixel + ((channel - lane) / inputs) * wordStride + lane];
        patch[next] = (code << 24) >> 24;
        next += 1;
      }
    }
  }
}

/** The codes of one pixel. */
export function gatherPixel(
  activation: Uint8Array,
  view: TensorView,
  y: number,
  x: number,
  codes: Int8Array,
  geometry: OverlayGeometry,
): void {
  const { inputs } = geometry;
  const pixel = pixelAddress(view, y, x, geometry);
  for (let channel = 0; channel < view.channels; channel += 1) {
    const lane = channel % inputs;
    codes[channel] = activation[pixel + ((channel - lane) / inputs) * view.wordStride + lane];
  }
}
