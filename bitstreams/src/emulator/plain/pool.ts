/** POOL in plain TypeScript: the largest code (padValue outside the input), or bias plus the sum of the codes inside. */
import { type ActivationHost, type PoolWork, type PreparedCompute, sliceRows } from "../engine.js";
import { gatherWindow } from "./gather.js";
import { writePixel } from "./write-outputs.js";

export function plainPool(work: PoolWork, host: ActivationHost): PreparedCompute {
  const { input, outputs, average, requantize } = work;
  const { geometry } = host;
  const [{ height, width, channels }] = outputs;
  // A sum takes nothing from outside the input, which is what a padding of 0 adds.
  const window = average ? { ...work.window, padValue: 0 } : work.window;
  const { taps } = window;
  const patch = new Int16Array(taps * channels);
  const accumulators = new Int32Array(channels);
  const start = average ? requantize.bias[0] : -128;
  const { slices, rowsPerSlice } = sliceRows(height, 2 * width * taps * channels);

  const reduceWindow = (): void => {
    accumulators.fill(start);
    for (let tap = 0; tap < taps; tap += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        const code = patch[tap * channels + channel];
        if (average) accumulators[channel] += code;
        else if (code > accumulators[channel]) accumulators[channel] = code;
      }
    }
  };

  return {
    slices,
    run(slice) {
      const { activation } = host;
      const from = slice * rowsPerSlice;
      for (let y = from; y < Math.min(height, from + rowsPerSlice); y += 1) {
        for (let x = 0; x < width; x += 1) {
          gatherWindow(activation, input, window, y, x, patch, geometry);
          reduceWindow();
          writePixel(activation, outputs, requantize, y, x, 0, channels, accumulators, geometry);
        }
      }
    },
  };
}
