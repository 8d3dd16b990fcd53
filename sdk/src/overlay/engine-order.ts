/**
 * The order in which the engine writes a layer's output, which is the order its CRC-32C covers:
 *
 *   for each tile of O output channels
 *     for each output row, for each group of P pixels
 *       for each pixel of the group inside the width
 *         for each word of I channels of the tile that holds a real channel
 *           the word's I codes; channels beyond the last count as 0
 *
 * Depthwise uses tiles of `depthwiseChannels`; POOL and ADD walk pixels with all channel words of a pixel in one tile.
 */
import { crc32c } from "./crc32c.js";
import type { OverlayGeometry } from "./geometry.js";

export interface EngineOrderShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Output channels per tile: O, depthwiseChannels, or 0 for all channels at once. */
  readonly tile: number;
}

/** CRC-32C of a tensor of int8 codes given row-major [height][width][channels]. */
export function engineOrderCrc(
  codes: ArrayLike<number>,
  shape: EngineOrderShape,
  geometry: OverlayGeometry,
): number {
  const { height, width, channels } = shape;
  const word = geometry.inputs;
  const tile = shape.tile === 0 ? Math.ceil(channels / word) * word : shape.tile;
  const words = Math.ceil(channels / word);
  const bytes = new Uint8Array(height * width * words * word);
  let next = 0;
  for (let first = 0; first < channels; first += tile) {
    const end = Math.min(first + tile, words * word);
    for (let pixel = 0; pixel < height * width; pixel += 1) {
      for (let channel = first; channel < end; channel += 1) {
        bytes[next] = channel < channels ? codes[pixel * channels + channel] : 0;
        next += 1;
      }
    }
  }
  return crc32c(bytes);
}
