/** Max and average pooling over the window positions inside the input. */
import type { AveragePoolNode, MaxPoolNode, Rounding, Shape, Window } from "../graph/types.js";

/** 2^53, beyond which a double no longer holds every integer. */
const EXACT = Number.MAX_SAFE_INTEGER;

export function maxPool(node: MaxPoolNode, input: Int32Array, inputShape: Shape, output: Int32Array): void {
  const channels = inputShape[2];
  forEachWindow(node, inputShape, output.length / channels, (pixel, positions, count) => {
    for (let channel = 0; channel < channels; channel += 1) {
      let largest = input[positions[0] + channel];
      for (let index = 1; index < count; index += 1) {
        const value = input[positions[index] + channel];
        if (value > largest) largest = value;
      }
      output[pixel * channels + channel] = largest;
    }
  });
}

export function averagePool(
  node: AveragePoolNode,
  input: Int32Array,
  inputShape: Shape,
  output: Int32Array,
): void {
  const { inputZeroPoint, numerator, denominator, rounding, zeroPoint, clamp } = node;
  const channels = inputShape[2];
  forEachWindow(node, inputShape, output.length / channels, (pixel, positions, count) => {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = -inputZeroPoint * count;
      for (let index = 0; index < count; index += 1) sum += input[positions[index] + channel];
      const mean = roundedRatio(sum, numerator, denominator * count, rounding);
      output[pixel * channels + channel] = Math.min(Math.max(zeroPoint + mean, clamp.min), clamp.max);
    }
  });
}

/** round(value * numerator / denominator), exact; denominator positive. */
export function roundedRatio(
  value: number,
  numerator: number,
  denominator: number,
  rounding: Rounding,
): number {
  const product = value * numerator;
  if (Math.abs(product) > EXACT / 4 || denominator > EXACT / 4) {
    return roundedBigRatio(BigInt(value) * BigInt(numerator), BigInt(denominator), rounding);
  }
  // The remainder operator is exact on doubles, so floor and remainder are too.
  let remainder = product % denominator;
  if (remainder < 0) remainder += denominator;
  const floor = (product - remainder) / denominator;
  const twice = 2 * remainder;
  if (twice !== denominator) return twice > denominator ? floor + 1 : floor;
  if (rounding === "half-up") return floor + 1;
  if (rounding === "half-even") return floor % 2 === 0 ? floor : floor + 1;
  return floor >= 0 ? floor + 1 : floor;
}

function roundedBigRatio(product: bigint, denominator: bigint, rounding: Rounding): number {
  let remainder = product % denominator;
  if (remainder < 0n) remainder += denominator;
  const floor = (product - remainder) / denominator;
  const twice = 2n * remainder;
  let up = twice > denominator;
  if (twice === denominator) {
    up = rounding === "half-up" || (rounding === "half-even" ? (floor & 1n) === 1n : floor >= 0n);
  }
  return Number(up ? floor + 1n : floor);
}

/** Calls `visit` with the offsets of the window's positions inside the input, for every output pixel. */
function forEachWindow(
  { kernel, stride, dilation, padding }: Window,
  [height, width, channels]: Shape,
  pixels: number,
  visit: (pixel: number, positions: Int32Array, count: number) => void,
): void {
  const extent = (kernel[1] - 1) * dilation[1] + 1;
  const outputWidth = Math.floor((width + padding.left + padding.right - extent) / stride[1]) + 1;
  const positions = new Int32Array(Math.min(kernel[0], height) * Math.min(kernel[1], width));
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const top = Math.floor(pixel / outputWidth) * stride[0] - padding.top;
    const left = (pixel % outputWidth) * stride[1] - padding.left;
    let count = 0;
    for (let ky = 0; ky < kernel[0]; ky += 1) {
      const y = top + ky * dilation[0];
      if (y < 0 || y >= height) continue;
      for (let kx = 0; kx < kernel[1]; kx += 1) {
        const x = left + kx * dilation[1];
        if (x < 0 || x >= width) continue;
        positions[count] = (y * width + x) * channels;
        count += 1;
      }
    }
    visit(pixel, positions, count);
  }
}
