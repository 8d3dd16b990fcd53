/** Prepares a convolution for the kernels: packed weights, a zero-bordered input and the addresses of its windows. */
import type { FloatConvolutionNode } from "../../graph/float.js";
import type { Shape } from "../../graph/types.js";
import { hasPadding } from "../../graph/window.js";
import type { KernelMemory } from "./kernel.js";

/** Outputs a kernel panel holds. */
const PANEL = 8;
/** Positions given to a kernel call: enough to use the weights well, few enough for their inputs to stay in cache. */
const POSITIONS_PER_CALL = 1024;

/** Runs the node on `count` images, from the input's address to the output's. */
export type PreparedStep = (count: number) => void;

export function prepareConvolution(
  memory: KernelMemory,
  node: FloatConvolutionNode,
  input: { readonly shape: Shape; readonly address: number },
  output: { readonly shape: Shape; readonly address: number },
  batch: number,
): PreparedStep {
  const { kernel, stride, dilation, padding, groups } = node;
  const [height, width, channels] = input.shape;
  const [outputHeight, outputWidth, outputs] = output.shape;
  const bordered = hasPadding(padding);
  const paddedHeight = height + padding.top + padding.bottom;
  const paddedWidth = width + padding.left + padding.right;
  const imageBytes = 4 * paddedHeight * paddedWidth * channels;
  const source = bordered ? memory.allocate(imageBytes * batch) : input.address;

  const rowBytes = 4 * paddedWidth * channels;
  const perImage = outputHeight * outputWidth;
  // Corners of the windows of several whole images, so that small maps (fully connected: one position) still fill calls.
  const imagesPerCall = Math.min(batch, Math.max(1, Math.floor(POSITIONS_PER_CALL / perImage)));
  const offsets = new Int32Array(imagesPerCall * perImage);
  let next = 0;
  for (let image = 0; image < imagesPerCall; image += 1) {
    for (let y = 0; y < outputHeight; y += 1) {
      for (let x = 0; x < outputWidth; x += 1) {
        offsets[next] = image * imageBytes + y * stride[0] * rowBytes + x * stride[1] * channels * 4;
        next += 1;
      }
    }
  }
  const offsetsAt = memory.store(offsets);
  const taps = new Int32Array(kernel[0] * kernel[1]);
  for (let ky = 0; ky < kernel[0]; ky += 1) {
    for (let kx = 0; kx < kernel[1]; kx += 1) {
      taps[ky * kernel[1] + kx] = ky * dilation[0] * rowBytes + kx * dilation[1] * channels * 4;
    }
  }
  const copyBorders = () => {
    if (!bordered) return;
    const from = memory.floats(input.address, batch * height * width * channels);
    const to = memory.floats(source, (imageBytes / 4) * batch);
    const row = width * channels;
    for (let line = 0; line < batch * height; line += 1) {
      const image = Math.floor(line / height);
      const y = (line % height) + padding.top;
      to.set(
        from.subarray(line * row, (line + 1) * row),
        (image * imageBytes + y * rowBytes) / 4 + padding.left * channels,
      );
    }
  };
  const forImages = (count: number, run: (start: number, positions: number, firstImage: number) => void) => {
    copyBorders();
    for (let image = 0; image < count; image += imagesPerCall) {
      run(source + image * imageBytes, Math.min(imagesPerCall, count - image) * perImage, image);
    }
  };

  if (groups === channels && outputs === channels && channels % 4 === 0) {
    const weights = memory.store(channelsLast(node));
    const bias = memory.store(node.bias);
    const tapsAt = memory.store(taps);
    return (count) =>
      forImages(count, (start, positions, first) => {
        const to = output.address + first * perImage * outputs * 4;
        memory.kernels.depthwise(
          start,
          offsetsAt,
          positions,
          tapsAt,
          taps.length,
          weights,
          bias,
          channels,
          to,
        );
      });
  }

  const perGroup = channels / groups;
  const outputsPerGroup = outputs / groups;
  // Neighbouring taps of a row are one run where every channel takes part and nothing is dilated.
  const wholeRows = groups === 1 && dilation[1] === 1;
  const segments = wholeRows ? taps.filter((_, tap) => tap % kernel[1] === 0) : taps;
  const length = wholeRows ? kernel[1] * channels : perGroup;
  const segmentsAt = memory.store(segments);
  const packed = Array.from({ length: groups }, (_, group) => ({
    weights: memory.store(pack(node, group * outputsPerGroup, outputsPerGroup)),
    bias: memory.store(packBias(node.bias, group * outputsPerGroup, outputsPerGroup)),
  }));
  return (count) =>
    forImages(count, (start, positions, first) => {
      packed.forEach(({ weights, bias }, group) => {
        memory.kernels.convolve(
          start + group * perGroup * 4,
          offsetsAt,
          positions,
          segmentsAt,
          segments.length,
          length,
          weights,
          bias,
          outputsPerGroup,
          output.address + (first * perImage * outputs + group * outputsPerGroup) * 4,
          outputs * 4,
        );
      });
    });
}

/** OHWI rows `first`..`first + count` as panels [ceil(count / 8)][window][8]. */
function pack({ weights, bias }: FloatConvolutionNode, first: number, count: number): Float32Array {
  const window = weights.length / bias.length;
  const panels = Math.ceil(count / PANEL);
  const packed = new Float32Array(panels * window * PANEL);
  for (let output = 0; output < count; output += 1) {
    const base = Math.floor(output / PANEL) * window * PANEL + (output % PANEL);
    const row = (first + output) * window;
    for (let index = 0; index < window; index += 1) packed[base + index * PANEL] = weights[row + index];
  }
  return packed;
}

function packBias(bias: Float32Array, first: number, count: number): Float32Array {
  const packed = new Float32Array(Math.ceil(count / PANEL) * PANEL);
  packed.set(bias.subarray(first, first + count));
  return packed;
}

/** Depthwise OHWI [channel][tap] as [tap][channel]. */
function channelsLast({ weights, bias }: FloatConvolutionNode): Float32Array {
  const channels = bias.length;
  const taps = weights.length / channels;
  const turned = new Float32Array(weights.length);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let tap = 0; tap < taps; tap += 1) turned[tap * channels + channel] = weights[channel * taps + tap];
  }
  return turned;
}
