/** CONV and DEPTHWISE through the WASM kernel. */
import type { ConvolutionWork, PreparedCompute } from "../engine.js";
import { LANES } from "./requantizer.js";
import type { WasmEngine } from "./wasm-engine.js";
import { prepareWindowed } from "./windowed.js";

export function wasmConvolution(engine: WasmEngine, work: ConvolutionWork): PreparedCompute {
  const { window, input } = work;
  return prepareWindowed(
    engine,
    { ...work, depth: 8 * input.words },
    window.padValue,
    bounds(work),
    (plan) => {
      const { arena, kernel } = engine;
      const wide = input.words * LANES;
      // Taps of one row lie side by side unless the kernel is dilated.
      const joined = window.dilationWidth === 1 ? window.kernelWidth : 1;
      const segments = plan.tapOffsets.filter((_, tap) => tap % joined === 0);
      const segmentOffsets = arena.placeInt32(segments);
      const length = joined * wide;
      const weights = packDense(engine, work);
      const blockBytes = window.taps * wide * LANES * 2;
      return (word, pixels, bias) =>
        kernel.convolve(
          plan.widened,
          plan.pixelOffsets,
          pixels,
          segmentOffsets,
          segments.length,
          length,
          weights + word * blockBytes,
          bias,
          plan.accumulators,
        );
    },
  );
}

/** Per 8 outputs, per tap, per pair of inputs: 8 x 2 weights; channels beyond the last are 0. */
function packDense({ arena }: WasmEngine, { weights, window, input, outputs }: ConvolutionWork): number {
  const { channels, words } = input;
  const [{ channels: outputChannels, words: blocks }] = outputs;
  const wide = words * LANES;
  const length = blocks * window.taps * wide * LANES;
  const address = arena.allocate(length * 2);
  const packed = arena.int16(address, length);
  let next = 0;
  for (let first = 0; first < blocks * LANES; first += LANES) {
    for (let tap = 0; tap < window.taps; tap += 1) {
      for (let channel = 0; channel < wide; channel += 2) {
        for (let output = first; output < first + LANES; output += 1) {
          const row = (output * window.taps + tap) * channels;
          const real = output < outputChannels;
          packed[next] = real && channel < channels ? weights[row + channel] : 0;
          packed[next + 1] = real && channel + 1 < channels ? weights[row + channel + 1] : 0;
          next += 2;
        }
      }
    }
  }
  return address;
}

export function wasmDepthwise(engine: WasmEngine, work: ConvolutionWork): PreparedCompute {
  const { window, input, weights } = work;
  const { taps } = window;
  return prepareWindowed(engine, work, window.padValue, bounds(work), (plan) => {
    const { arena, kernel } = engine;
    const tapOffsets = arena.placeInt32(plan.tapOffsets);
    const length = input.words * taps * LANES;
    const address = arena.allocate(length * 2);
    const packed = arena.int16(address, length);
    packed.fill(0);
    for (let channel = 0; channel < input.channels; channel += 1) {
      const lane = channel % LANES;
      const word = (channel - lane) / LANES;
      for (let tap = 0; tap < taps; tap += 1) {
        packed[(word * taps + tap) * LANES + lane] = weights[channel * taps + tap];
      }
    }
    return (word, pixels, bias) =>
      kernel.convolveDepthwise(
        plan.widened + word * 16,
        plan.pixelOffsets,
        pixels,
        tapOffsets,
        taps,
        address + word * taps * 16,
        bias,
        plan.accumulators,
      );
  });
}

/** Largest |accumulator| per channel, whatever the input holds. */
function bounds({ weights, outputs, requantize }: ConvolutionWork): (channel: number) => number {
  const [{ channels }] = outputs;
  const depth = weights.length / channels;
  return (channel) => {
    let magnitudes = 0;
    for (let k = channel * depth; k < (channel + 1) * depth; k += 1) magnitudes += Math.abs(weights[k]);
    return Math.abs(requantize.bias[channel]) + 128 * magnitudes;
  };
}
