/**
 * The order in which the engine consumes a layer's weights, and therefore the order in which they are stored.
 *
 *   for each tile of O output channels
 *     for ky, for kx                         kernel taps, row-major
 *       for each input channel i             one step of the decoder ...
 *         for each output channel of the tile   ... one lane each
 *
 * Only real weights appear: the last tile may be narrower, and input channels are not padded. A depthwise layer has
 * inputs = 1, so a tile is taps x channels.
 */
import type { WeightLayout } from "../codec/types.js";
import { weightCount } from "../codec/types.js";

/** For each position of the stream, the index in OHWI order: [o][ky][kx][i]. */
export function demandOrder(layout: WeightLayout): Int32Array {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const taps = kernelHeight * kernelWidth;
  const order = new Int32Array(weightCount(layout));
  let position = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (let tap = 0; tap < taps; tap += 1) {
      for (let input = 0; input < inputs; input += 1) {
        for (let output = tile; output < end; output += 1) {
          order[position] = (output * taps + tap) * inputs + input;
          position += 1;
        }
      }
    }
  }
  return order;
}

export function toDemandOrder(ohwi: ArrayLike<number>, layout: WeightLayout): Int8Array {
  const order = demandOrder(layout);
  const weights = new Int8Array(order.length);
  for (let position = 0; position < order.length; position += 1) weights[position] = ohwi[order[position]];
  return weights;
}

export function fromDemandOrder(weights: Int8Array, layout: WeightLayout): Int8Array {
  const ohwi = new Int8Array(weights.length);
  demandOrder(layout).forEach((index, position) => {
    ohwi[index] = weights[position];
  });
  return ohwi;
}
