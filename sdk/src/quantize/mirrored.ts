/**
 * Calibration pictures and their mirror images: twice the second moments from the same unlabelled pictures, for models to
 * which left and right are alike (photos; not digits or letters).
 */
import type { Shape } from "../graph/types.js";
import type { Activations } from "./stepwise.js";

/** @returns 2 x `count` images: the given ones, then each of them mirrored */
export function withMirrored(images: Activations, count: number, shape: Shape): Activations {
  const [height, width, channels] = shape;
  const rows = count * height;
  const row = width * channels;
  const result = new Float32Array(2 * rows * row);
  result.set(images.subarray(0, rows * row));
  for (let start = 0; start < rows * row; start += row) {
    for (let x = 0; x < width; x += 1) {
      const from = start + x * channels;
      result.set(images.subarray(from, from + channels), rows * row + start + row - (x + 1) * channels);
    }
  }
  return result;
}
