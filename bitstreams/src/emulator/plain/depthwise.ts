/** DEPTHWISE in plain TypeScript: every channel has its own window weights. */
import { type ActivationHost, type ConvolutionWork, type PreparedCompute, sliceRows } from "../engine.js";
import { gatherWindow } from "./gather.js";
import { writePixel } from "./write-outputs.js";

export function plainDepthwise(work: ConvolutionWork, host: ActivationHost): PreparedCompute {
  const { input, outputs, weights, window, requantize } = work;
  const { geometry } = host;
  const [{ height, width, channels }] = outputs;
  const { taps } = window;
  const patch = new Int16Array(taps * channels);
  const accumulators = new Int32Array(channels);
  const { slices, rowsPerSlice } = sliceRows(height, 2 * width * taps * channels);
  return {
    slices,
    run(slice) {
      const { activation } = host;
      const from = slice * rowsPerSlice;
      for (let y = from; y < Math.min(height, from + rowsPerSlice); y += 1) {
        for (let x = 0; x < width; x += 1) {
          gatherWindow(activation, input, window, y, x, patch, geometry);
          for (let channel = 0; channel < channels; channel += 1) {
            let sum = 0;
            for (let tap = 0; tap < taps; tap += 1) {
              sum += patch[tap * channels + channel] * weights[channel * taps + tap];
            }
            accumulators[channel] = requantize.bias[channel] + sum;
          }
          writePixel(activation, outputs, requantize, y, x, 0, channels, accumulators, geometry);
        }
      }
    },
  };
}
