/**
 * The order in which the engine writes a layer's output, which is the order its CRC-32C covers:
 *
 *   for each tile of O output channels
 *     for each output row, for each group of P pixels
 *       for each pixel of the group inside the width
 *         for each word of I channels of the tile that holds a real channel
 *           the word's I codes; channels beyond the last count as 0
 *
 * CONV, DEPTHWISE, POOL and ADD all use tiles of O: they share the accumulators, the requantiser and its P x O blocks,
 * and a pool or an add that finished one pixel's channels before the next pixel would need a buffer in front of the CRC.
 */
import { OverlayError } from "../errors.js";
import { crc32c } from "./crc32c.js";
import type { OverlayGeometry } from "./geometry.js";

export interface EngineOrderShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Output channels per tile: `engineTile`, for every command. */
  readonly tile: number;
}

/** Output channels every compute command finishes before it starts the next ones. */
export function engineTile(geometry: OverlayGeometry): number {
  return geometry.outputs;
}

/** CRC-32C of a tensor of int8 codes given row-major [height][width][channels]. */
export function engineOrderCrc(
  codes: ArrayLike<number>,
  shape: EngineOrderShape,
  geometry: OverlayGeometry,
): number {
  const { height, width, channels } = shape;
  const word = geometry.inputs;
  const { tile } = shape;
  if (!Number.isInteger(tile) || tile < word || tile % word !== 0) {
    throw new OverlayError("bad-tile", "The engine never walks a layer in such tiles.", {
      expected: `a multiple of ${word}; ${engineTile(geometry)} for the geometry ${geometry.id}`,
      found: String(tile),
      hint: "Take the tile from engineTile().",
    });
  }
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
