/** The operations that cost little, in plain loops over one image. */
import type {
  AffineNode,
  FakeQuantizeNode,
  FloatAveragePoolNode,
  FloatMaxPoolNode,
  FloatPadNode,
  FloatSliceNode,
  QuantizationGrid,
} from "../../graph/float.js";
import type { Shape } from "../../graph/types.js";
import { windowOutputShape } from "../../graph/window.js";

export function affine({ scale, shift }: AffineNode, input: Float32Array, output: Float32Array): void {
  const channels = scale.length;
  for (let start = 0; start < input.length; start += channels) {
    for (let channel = 0; channel < channels; channel += 1) {
      output[start + channel] = input[start + channel] * scale[channel] + shift[channel];
    }
  }
}

export function pool(
  node: FloatMaxPoolNode | FloatAveragePoolNode,
  input: Float32Array,
  shape: Shape,
  output: Float32Array,
): void {
  const [height, width, channels] = shape;
  const { kernel, stride, dilation, padding } = node;
  const [outputHeight, outputWidth] = windowOutputShape(shape, node, channels);
  const isMax = node.kind === "max-pool";
  const sums = new Float64Array(channels);
  let to = 0;
  for (let y = 0; y < outputHeight; y += 1) {
    for (let x = 0; x < outputWidth; x += 1) {
      sums.fill(isMax ? -Infinity : 0);
      let inside = 0;
      for (let ky = 0; ky < kernel[0]; ky += 1) {
        const row = y * stride[0] - padding.top + ky * dilation[0];
        if (row < 0 || row >= height) continue;
        for (let kx = 0; kx < kernel[1]; kx += 1) {
          const column = x * stride[1] - padding.left + kx * dilation[1];
          if (column < 0 || column >= width) continue;
          inside += 1;
          const from = (row * width + column) * channels;
          for (let channel = 0; channel < channels; channel += 1) {
            const value = input[from + channel];
            if (!isMax) sums[channel] += value;
            else if (value > sums[channel]) sums[channel] = value;
          }
        }
      }
      const divisor = isMax ? 1 : node.countPadding ? kernel[0] * kernel[1] : inside;
      for (let channel = 0; channel < channels; channel += 1) output[to + channel] = sums[channel] / divisor;
      to += channels;
    }
  }
}

/** Copies `input` [height][width][part] into channels `first`.. of `output` [height][width][channels]. */
export function placeChannels(
  input: Float32Array,
  part: number,
  output: Float32Array,
  channels: number,
  first: number,
): void {
  for (let position = 0; position * part < input.length; position += 1) {
    output.set(input.subarray(position * part, (position + 1) * part), position * channels + first);
  }
}

export function pad(
  node: FloatPadNode,
  input: Float32Array,
  shape: Shape,
  output: Float32Array,
  to: Shape,
): void {
  output.fill(node.value);
  for (let y = 0; y < shape[0]; y += 1) {
    for (let x = 0; x < shape[1]; x += 1) {
      const from = (y * shape[1] + x) * shape[2];
      const at = ((y + node.before[0]) * to[1] + x + node.before[1]) * to[2] + node.before[2];
      output.set(input.subarray(from, from + shape[2]), at);
    }
  }
}

export function slice(
  { start, step }: FloatSliceNode,
  input: Float32Array,
  shape: Shape,
  output: Float32Array,
  to: Shape,
): void {
  let next = 0;
  for (let y = 0; y < to[0]; y += 1) {
    for (let x = 0; x < to[1]; x += 1) {
      const row = ((start[0] + step[0] * y) * shape[1] + start[1] + step[1] * x) * shape[2] + start[2];
      for (let channel = 0; channel < to[2]; channel += 1) {
        output[next] = input[row + step[2] * channel];
        next += 1;
      }
    }
  }
}

export function softmax(beta: number, input: Float32Array, output: Float32Array): void {
  let largest = -Infinity;
  for (const value of input) if (value > largest) largest = value;
  let sum = 0;
  for (let index = 0; index < input.length; index += 1) {
    const value = Math.exp(beta * (input[index] - largest));
    output[index] = value;
    sum += value;
  }
  for (let index = 0; index < input.length; index += 1) output[index] /= sum;
}

export function fakeQuantize({ grid }: FakeQuantizeNode, input: Float32Array, output: Float32Array): void {
  for (let index = 0; index < input.length; index += 1) output[index] = onGrid(input[index], grid);
}

/** The nearest real number of the grid; ties go to the even step, and the division is done in float32. */
export function onGrid(value: number, { scale, zeroPoint, min, max }: QuantizationGrid): number {
  const steps = roundHalfEven(Math.fround(value / scale)) + zeroPoint;
  return (Math.min(Math.max(steps, min), max) - zeroPoint) * scale;
}

export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
