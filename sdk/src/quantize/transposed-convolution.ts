/**
 * The gradient of a convolution with respect to its input is a convolution too: zeros between the gradient's positions
 * (stride), a border, and the filters turned by 180 degrees with inputs and outputs exchanged.
 */
import type { FloatConvolutionNode } from "../graph/float.js";
import type { Shape } from "../graph/types.js";

export interface TransposedConvolution {
  /** Runs on the widened gradient; stride 1, no bias. Tensor ids are 0 and 1. */
  readonly node: FloatConvolutionNode;
  /** Shape of the gradient with zeros between its positions; the output's own where the stride is 1. */
  readonly widened: Shape;
}

export function transposeConvolution(
  node: FloatConvolutionNode,
  [height, width, channels]: Shape,
  output: Shape,
): TransposedConvolution {
  const { kernel, stride, dilation, padding } = node;
  const widened: Shape = [(output[0] - 1) * stride[0] + 1, (output[1] - 1) * stride[1] + 1, output[2]];
  const top = (kernel[0] - 1) * dilation[0] - padding.top;
  const left = (kernel[1] - 1) * dilation[1] - padding.left;
  const bottom = height + (kernel[0] - 1) * dilation[0] - widened[0] - top;
  const right = width + (kernel[1] - 1) * dilation[1] - widened[1] - left;
  return {
    widened,
    node: {
      ...node,
      inputs: [0],
      output: 1,
      stride: [1, 1],
      padding: { top, left, bottom, right },
      weights: turnedWeights(node, node.weights, channels),
      bias: new Float32Array(channels),
    },
  };
}

/** OHWI filters turned by 180 degrees, [channels][kernelHeight][kernelWidth][outputs / groups]. */
export function turnedWeights(
  { kernel, groups, bias }: FloatConvolutionNode,
  weights: Float32Array,
  channels: number,
): Float32Array {
  const outputs = bias.length;
  const perGroup = channels / groups;
  const outputsPerGroup = outputs / groups;
  const taps = kernel[0] * kernel[1];
  const turned = new Float32Array(weights.length);
  for (let o = 0; o < outputs; o += 1) {
    const group = Math.floor(o / outputsPerGroup);
    for (let tap = 0; tap < taps; tap += 1) {
      for (let c = 0; c < perGroup; c += 1) {
        const to =
          ((group * perGroup + c) * taps + (taps - 1 - tap)) * outputsPerGroup + (o % outputsPerGroup);
        turned[to] = weights[(o * taps + tap) * perGroup + c];
      }
    }
  }
  return turned;
}

/** Copies [count][output] to every stride-th position of [count][widened], which is zero elsewhere. */
export function widen(
  gradient: Float32Array,
  output: Shape,
  stride: readonly [number, number],
  widened: Shape,
  to: Float32Array,
  count: number,
): void {
  const outputs = output[2];
  for (let row = 0; row < count * output[0]; row += 1) {
    const image = Math.floor(row / output[0]);
    const y = (row % output[0]) * stride[0];
    for (let x = 0; x < output[1]; x += 1) {
      const from = (row * output[1] + x) * outputs;
      const at = ((image * widened[0] + y) * widened[1] + x * stride[1]) * outputs;
      for (let o = 0; o < outputs; o += 1) to[at + o] = gradient[from + o];
    }
  }
}
