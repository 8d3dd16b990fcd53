/** CONV in plain TypeScript: tile of outputs, row, pixel; the pixel's window is gathered once per tile. */
import { type ActivationHost, type ConvolutionWork, type PreparedCompute, sliceRows } from "../engine.js";
import { gatherWindow } from "./gather.js";
import { writePixel } from "./write-outputs.js";

export function plainConvolution(work: ConvolutionWork, host: ActivationHost): PreparedCompute {
  const { input, outputs, weights, window, requantize } = work;
  const { geometry } = host;
  const [{ height, width, channels }] = outputs;
  const depth = window.taps * input.channels;
  const tile = geometry.outputs;
  const tiles = Math.ceil(channels / tile);
  const patch = new Int16Array(depth);
  const accumulators = new Int32Array(tile);
  const { slices, rowsPerSlice } = sliceRows(height, width * depth * (Math.min(tile, channels) + 1));

  const computeRow = (first: number, count: number, y: number): void => {
    const { activation } = host;
    for (let x = 0; x < width; x += 1) {
      gatherWindow(activation, input, window, y, x, patch, geometry);
      for (let lane = 0; lane < count; lane += 1) {
        const row = (first + lane) * depth;
        let sum = requantize.bias[first + lane];
        // Staying within int32 lets the engine multiply integers; the accumulator would wrap there anyway.
        for (let k = 0; k < depth; k += 1) sum = (sum + Math.imul(patch[k], weights[row + k])) | 0;
        accumulators[lane] = sum;
      }
      writePixel(activation, outputs, requantize, y, x, first, count, accumulators, geometry);
    }
  };

  return {
    slices: slices * tiles,
    run(slice) {
      const first = Math.floor(slice / slices) * tile;
      const from = (slice % slices) * rowsPerSlice;
      const count = Math.min(tile, channels - first);
      for (let y = from; y < Math.min(height, from + rowsPerSlice); y += 1) computeRow(first, count, y);
    },
  };
}
