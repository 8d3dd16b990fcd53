/** Convolution: the obvious loops that define it, and the choice of a faster kernel that gives the same integers. */
import { elementCount } from "../graph/lookup.js";
import type { ConvolutionNode, Shape, Tensor } from "../graph/types.js";
import { windowOutputShape } from "../graph/window.js";
import { canUseSimd, type IntegerMemory, prepareSimdConvolution } from "./convolution-simd.js";
import { canTile, prepareTiledConvolution } from "./convolution-tiled.js";
import { prepareDepthwise } from "./depthwise.js";

/** Reads the whole input tensor, writes the whole output tensor. */
export type ConvolutionKernel = (input: Int32Array, output: Int32Array) => void;

/** The definition, in the words of graph/types.ts. Slow; the fast kernels are tested against it. */
export function obviousConvolution(
  node: ConvolutionNode,
  input: Int32Array,
  [height, width, channels]: Shape,
  inputZeroPoint: number,
): Int32Array {
  const { kernel, stride, dilation, padding, groups, weights, bias, weightZeroPoint } = node;
  const outputs = bias.length;
  const shape = windowOutputShape([height, width, channels], node, outputs);
  const [outputHeight, outputWidth] = shape;
  const groupInputs = channels / groups;
  const groupOutputs = outputs / groups;
  const output = new Int32Array(elementCount(shape));
  for (let oy = 0; oy < outputHeight; oy += 1) {
    for (let ox = 0; ox < outputWidth; ox += 1) {
      for (let o = 0; o < outputs; o += 1) {
        const firstInput = Math.floor(o / groupOutputs) * groupInputs;
        let sum = 0;
        for (let ky = 0; ky < kernel[0]; ky += 1) {
          const y = oy * stride[0] + ky * dilation[0] - padding.top;
          if (y < 0 || y >= height) continue;
          for (let kx = 0; kx < kernel[1]; kx += 1) {
            const x = ox * stride[1] + kx * dilation[1] - padding.left;
            if (x < 0 || x >= width) continue;
            for (let i = 0; i < groupInputs; i += 1) {
              const value = input[(y * width + x) * channels + firstInput + i] - inputZeroPoint;
              const weight =
                weights[((o * kernel[0] + ky) * kernel[1] + kx) * groupInputs + i] - weightZeroPoint;
              sum += value * weight;
            }
          }
        }
        output[(oy * outputWidth + ox) * outputs + o] = sum * 2 ** node.accumulatorShift + bias[o];
      }
    }
  }
  return output;
}

/** The fastest kernel that is exact for this layer; tables and packed weights are built once, here. */
export function prepareConvolution(
  node: ConvolutionNode,
  input: Tensor,
  memory?: IntegerMemory,
): ConvolutionKernel {
  const groupInputs = input.shape[2] / node.groups;
  if (groupInputs === 1 && node.bias.length === node.groups && node.groups > 1) {
    return prepareDepthwise(node, input);
  }
  if (memory && canUseSimd(node, input)) return prepareSimdConvolution(node, input, memory);
  if (canTile(node, input)) return prepareTiledConvolution(node, input);
  return (from, to) => to.set(obviousConvolution(node, from, input.shape, input.zeroPoint));
}
