/** Operations that only move integers: concatenation and spatial padding. */
import type { PadNode, Shape } from "../graph/types.js";

export function concat(
  inputs: readonly Int32Array[],
  channels: readonly number[],
  output: Int32Array,
  outputChannels: number,
): void {
  let first = 0;
  inputs.forEach((input, side) => {
    const count = channels[side];
    for (let pixel = 0; pixel * count < input.length; pixel += 1) {
      for (let channel = 0; channel < count; channel += 1) {
        output[pixel * outputChannels + first + channel] = input[pixel * count + channel];
      }
    }
    first += count;
  });
}

export function pad(
  node: PadNode,
  input: Int32Array,
  [height, width, channels]: Shape,
  zeroPoint: number,
  output: Int32Array,
): void {
  const { top, left, right } = node.padding;
  const outputWidth = left + width + right;
  output.fill(zeroPoint);
  for (let y = 0; y < height; y += 1) {
    const row = input.subarray(y * width * channels, (y + 1) * width * channels);
    output.set(row, ((y + top) * outputWidth + left) * channels);
  }
}
