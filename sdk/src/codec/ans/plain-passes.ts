/** The encoder's passes over weights in TypeScript, as plainly as they can be said. */
import { weightsCrc } from "../checksum.js";
import { PADDING, UNCODABLE } from "./class-costs.js";
import { sampledChannelOrder } from "./orders.js";
import { applyPrediction } from "./prediction.js";
import { CHANGES, RADIUS, sharedOffsets, type WeightPasses } from "./weight-passes.js";

export const plainPasses: WeightPasses = {
  channelOrder(demand, layout, center) {
    const signed = new Int8Array(demand.buffer, demand.byteOffset, demand.length);
    const ordered = new Uint8Array(sampledChannelOrder(signed, layout, 1).buffer);
    for (let index = 0; index < ordered.length; index += 1) ordered[index] -= center;
    return ordered;
  },

  differences(demand, layout, prediction, center) {
    const differences = demand.slice();
    applyPrediction(differences, layout, prediction, center, -1);
    return differences;
  },

  sumsByChange(layer, { span, byValue }, offsets, axis, strides) {
    const { outputs, inputs, taps, values, rowInput, rowTap } = layer;
    const rows = rowInput.length;
    const shared = sharedOffsets(layer, offsets);
    const sums = new Int32Array({ a: outputs, b: inputs, c: taps }[axis] * CHANGES);
    for (let output = 0; output < outputs; output += strides.output) {
      for (let row = 0; row < rows; row += strides.row) {
        const from = PADDING - RADIUS + offsets.a[output] + shared[row];
        const position = Math.min(Math.max(from, 0), span - CHANGES);
        const price = values[output * rows + row] * span + position;
        const element = { a: output, b: rowInput[row], c: rowTap[row] }[axis];
        for (let change = 0; change <= 2 * RADIUS; change += 1) {
          sums[element * CHANGES + change] += byValue[price + change];
        }
      }
    }
    return sums;
  },

  sumsByOffset({ outputs, values }, { span, byValue }, shared, lowest, width, rowStride) {
    const rows = shared.length;
    const sums = new Int32Array(outputs * width);
    for (let output = 0; output < outputs; output += 1) {
      for (let row = 0; row < rows; row += rowStride) {
        const price = values[output * rows + row] * span + PADDING + lowest + shared[row];
        for (let index = 0; index < width; index += 1) {
          sums[output * width + index] += byValue[price + index];
        }
      }
    }
    return sums;
  },

  outputCosts({ outputs, values }, { span, byValue }, a, shared, outputStride) {
    const rows = shared.length;
    return Float64Array.from({ length: Math.ceil(outputs / outputStride) }, (_, index) => {
      const output = index * outputStride;
      let sum = 0;
      for (let row = 0; row < rows; row += 1) {
        const price = byValue[values[output * rows + row] * span + PADDING + a[output] + shared[row]];
        sum += price >= UNCODABLE ? Number.POSITIVE_INFINITY : price;
      }
      return sum;
    });
  },

  crc: weightsCrc,
};
