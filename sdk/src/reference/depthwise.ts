/** Depthwise convolution, one filter per channel: channels run innermost, three taps at a time. */
import type { ConvolutionNode, Tensor } from "../graph/types.js";
import { windowOutputShape } from "../graph/window.js";
import type { ConvolutionKernel } from "./convolution.js";
import { paddedElements, paddedInput } from "./padded-input.js";

const TAPS_AT_ONCE = 3;

export function prepareDepthwise(node: ConvolutionNode, input: Tensor): ConvolutionKernel {
  const { kernel, stride, dilation, bias, accumulatorShift } = node;
  const channels = input.shape[2];
  const [outputHeight, outputWidth] = windowOutputShape(input.shape, node, channels);
  const padded = paddedInput(new Int32Array(paddedElements(node, input)), node, input);
  const taps = kernel[0] * kernel[1];
  // Whole triples of taps: the extra ones have weight 0 and read a valid place.
  const tapCount = Math.ceil(taps / TAPS_AT_ONCE) * TAPS_AT_ONCE;
  const offsets = new Int32Array(tapCount);
  const weights = new Int32Array(tapCount * channels);
  for (let tap = 0; tap < taps; tap += 1) {
    const ky = Math.floor(tap / kernel[1]);
    const kx = tap % kernel[1];
    offsets[tap] = ky * dilation[0] * padded.rowPitch + kx * dilation[1] * channels;
    for (let channel = 0; channel < channels; channel += 1) {
      weights[tap * channels + channel] = node.weights[channel * taps + tap] - node.weightZeroPoint;
    }
  }
  return (from, to) => {
    padded.fill(from);
    const { values, rowPitch } = padded;
    for (let y = 0; y < outputHeight; y += 1) {
      for (let x = 0; x < outputWidth; x += 1) {
        const target = (y * outputWidth + x) * channels;
        const corner = y * stride[0] * rowPitch + x * stride[1] * channels;
        to.fill(0, target, target + channels);
        for (let tap = 0; tap < tapCount; tap += TAPS_AT_ONCE) {
          accumulate(values, corner, offsets, tap, weights, to, target, channels);
        }
        for (let channel = 0; channel < channels; channel += 1) {
          to[target + channel] = (to[target + channel] << accumulatorShift) + bias[channel];
        }
      }
    }
  };
}

function accumulate(
  values: Int32Array,
  corner: number,
  offsets: Int32Array,
  tap: number,
  weights: Int32Array,
  sums: Int32Array,
  target: number,
  channels: number,
): void {
  const a = corner + offsets[tap];
  const b = corner + offsets[tap + 1];
  const c = corner + offsets[tap + 2];
  const wa = tap * channels;
  const wb = wa + channels;
  const wc = wb + channels;
  for (let channel = 0; channel < channels; channel += 1) {
    sums[target + channel] +=
      Math.imul(values[a + channel], weights[wa + channel]) +
      Math.imul(values[b + channel], weights[wb + channel]) +
      Math.imul(values[c + channel], weights[wc + channel]);
  }
}
