/** ADD in plain TypeScript: each input code selects an int32 from its table; the two are summed. */
import { type ActivationHost, type AddWork, type PreparedCompute, sliceRows } from "../engine.js";
import { gatherPixel } from "./gather.js";
import { writePixel } from "./write-outputs.js";

const CODE_OFFSET = 128;

export function plainAdd(work: AddWork, host: ActivationHost): PreparedCompute {
  const { input, second, outputs, addends, requantize } = work;
  const { geometry } = host;
  const [{ height, width, channels }] = outputs;
  const codes0 = new Int8Array(channels);
  const codes1 = new Int8Array(channels);
  const accumulators = new Int32Array(channels);
  const [bias] = requantize.bias;
  const { slices, rowsPerSlice } = sliceRows(height, 4 * width * channels);
  return {
    slices,
    run(slice) {
      const { activation } = host;
      const from = slice * rowsPerSlice;
      for (let y = from; y < Math.min(height, from + rowsPerSlice); y += 1) {
        for (let x = 0; x < width; x += 1) {
          gatherPixel(activation, input, y, x, codes0, geometry);
          gatherPixel(activation, second, y, x, codes1, geometry);
          for (let channel = 0; channel < channels; channel += 1) {
            accumulators[channel] =
              bias + addends[0][codes0[channel] + CODE_OFFSET] + addends[1][codes1[channel] + CODE_OFFSET];
          }
          writePixel(activation, outputs, requantize, y, x, 0, channels, accumulators, geometry);
        }
      }
    },
  };
}
