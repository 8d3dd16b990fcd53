/** The operators of literal-qonnx.ts: NCHW, doubles, one obvious loop each. */

export interface LiteralTensor {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export interface LiteralNode {
  readonly op: string;
  readonly inputs: string[];
  readonly output: string;
  readonly ints: Map<string, number[]>;
  readonly autoPad: string;
  /** What a Constant node holds. */
  readonly value?: LiteralTensor;
}

/** `heldAsIntegers`: the first input is a constant in an integer type, which already holds quantised integers. */
export function evaluateLiterally(
  node: LiteralNode,
  inputs: LiteralTensor[],
  heldAsIntegers: boolean,
): LiteralTensor {
  const [x] = inputs;
  const same = (data: Float64Array) => ({ dims: x.dims, data });
  switch (node.op) {
    case "Quant":
      return same(quantize(node, inputs, heldAsIntegers));
    case "Relu":
      return same(x.data.map((value) => Math.max(value, 0)));
    case "Clip":
      return same(x.data.map((value) => Math.min(Math.max(value, inputs[1].data[0]), inputs[2].data[0])));
    case "Identity":
      return x;
    case "Add":
      return same(x.data.map((value, index) => value + inputs[1].data[index % inputs[1].data.length]));
    case "Conv":
      return convolve(node, x, inputs[1], inputs[2]);
    case "MaxPool":
      return pool(node, x, (values) => Math.max(...values));
    case "AveragePool": {
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
      const [kernelHeight, kernelWidth] = node.ints.get("kernel_shape") as number[];
      const countsPadding = node.ints.get("count_include_pad")?.[0] === 1;
      return pool(
        node,
        x,
        (values) => sum(values) / (countsPadding ? kernelHeight * kernelWidth : values.length),
      );
    }
    case "GlobalAveragePool": {
      const [, channels, height, width] = x.dims;
      const count = height * width;
      const data = Float64Array.from({ length: channels }, (_, channel) => {
        const plane = x.data.subarray(channel * count, (channel + 1) * count);
        return plane.reduce((sum, value) => sum + value, 0) / count;
      });
      return { dims: [1, channels, 1, 1], data };
    }
    case "Flatten":
    case "Reshape":
      return { dims: [1, x.data.length], data: x.data };
    case "Concat": {
      const dims = [...x.dims];
      dims[1] = inputs.reduce((sum, input) => sum + input.dims[1], 0);
      return { dims, data: Float64Array.from(inputs.flatMap(({ data }) => [...data])) };
    }
    case "Pad":
      return pad(x, inputs[1].data);
    case "Transpose": {
      const [rows, columns] = x.dims;
      const data = x.data.map((_, index) => x.data[(index % rows) * columns + Math.floor(index / rows)]);
      return { dims: [columns, rows], data };
    }
    case "MatMul": {
      const [length, outputs] = inputs[1].dims;
      const data = Float64Array.from({ length: outputs }, (_, output) => {
        let sum = 0;
        for (let index = 0; index < length; index += 1)
          sum += x.data[index] * inputs[1].data[index * outputs + output];
        return sum;
      });
      return { dims: [1, outputs], data };
    }
    case "Gemm": {
      const [, matrix, bias] = inputs;
      const [outputs, length] = matrix.dims;
      const data = Float64Array.from({ length: outputs }, (_, output) => {
        let sum = bias.data[output];
        for (let index = 0; index < length; index += 1)
          sum += x.data[index] * matrix.data[output * length + index];
        return sum;
      });
      return { dims: [1, outputs], data };
    }
    default:
      throw new Error(`the literal evaluator does not know ${node.op}`);
  }
}

function quantize(node: LiteralNode, [x, scales, zero, width]: LiteralTensor[], held: boolean): Float64Array {
  const [zeroPoint] = zero.data;
  const [bits] = width.data;
  const signed = node.ints.get("signed")?.[0] ?? 1;
  const narrow = node.ints.get("narrow")?.[0] ?? 0;
  const low = signed ? -(2 ** (bits - 1)) + narrow : 0;
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - narrow;
  // A scale with several values lies along the axis where its dimensions, aligned from the right, are not 1.
  const wide = scales.dims.findIndex((size) => size > 1);
  const inner =
    wide < 0 ? 1 : x.dims.slice(x.dims.length - scales.dims.length + wide + 1).reduce((a, b) => a * b, 1);
  return x.data.map((value, index) => {
    const scale = scales.data[Math.floor(index / inner) % scales.data.length];
    const q = held ? value : Math.min(Math.max(nearestEven(value / scale + zeroPoint), low), high);
    return (q - zeroPoint) * scale;
  });
}

function convolve(node: LiteralNode, x: LiteralTensor, w: LiteralTensor, b?: LiteralTensor): LiteralTensor {
  const [, channels, height, width] = x.dims;
  const [outputs, perGroup, kernelHeight, kernelWidth] = w.dims;
  const [strideY, strideX] = node.ints.get("strides") ?? [1, 1];
  const [dilationY, dilationX] = node.ints.get("dilations") ?? [1, 1];
  const [top, left, bottom, right] = pads(node, x.dims, [kernelHeight, kernelWidth]);
  const outputsPerGroup = outputs / (channels / perGroup);
  const outHeight = Math.floor((height + top + bottom - (kernelHeight - 1) * dilationY - 1) / strideY) + 1;
  const outWidth = Math.floor((width + left + right - (kernelWidth - 1) * dilationX - 1) / strideX) + 1;
  const data = new Float64Array(outputs * outHeight * outWidth);
  for (let output = 0; output < outputs; output += 1) {
    const plane = data.subarray(output * outHeight * outWidth, (output + 1) * outHeight * outWidth);
    plane.fill(b ? b.data[output] : 0);
    const first = Math.floor(output / outputsPerGroup) * perGroup;
    // One weight at a time over the whole plane: planes are long, kernels are short.
    for (let tap = 0; tap < perGroup * kernelHeight * kernelWidth; tap += 1) {
      const weight = w.data[output * perGroup * kernelHeight * kernelWidth + tap];
      const channel = first + Math.floor(tap / kernelHeight / kernelWidth);
      const ky = Math.floor(tap / kernelWidth) % kernelHeight;
      const kx = tap % kernelWidth;
      for (let y = 0; y < outHeight; y += 1) {
        const sourceY = y * strideY + ky * dilationY - top;
        if (sourceY < 0 || sourceY >= height) continue;
        const row = (channel * height + sourceY) * width;
        for (let column = 0; column < outWidth; column += 1) {
          const sourceX = column * strideX + kx * dilationX - left;
          if (sourceX < 0 || sourceX >= width) continue;
          plane[y * outWidth + column] += weight * x.data[row + sourceX];
        }
      }
    }
  }
  return { dims: [1, outputs, outHeight, outWidth], data };
}

/** [top, left, bottom, right] */
function pads(
  node: LiteralNode,
  [, , height, width]: readonly number[],
  kernel: readonly number[],
): number[] {
  if (!node.autoPad.startsWith("SAME")) return node.ints.get("pads") ?? [0, 0, 0, 0];
  const total = [height, width].map((size, axis) => {
    const stride = node.ints.get("strides")?.[axis] ?? 1;
    const dilation = node.ints.get("dilations")?.[axis] ?? 1;
    const covered = (Math.ceil(size / stride) - 1) * stride + (kernel[axis] - 1) * dilation + 1;
    return Math.max(0, covered - size);
  });
  const before = total.map((size) =>
    node.autoPad === "SAME_LOWER" ? Math.ceil(size / 2) : Math.floor(size / 2),
  );
  return [before[0], before[1], total[0] - before[0], total[1] - before[1]];
}

/** Combines the values of each window that lie inside the input. */
function pool(node: LiteralNode, x: LiteralTensor, combine: (values: number[]) => number): LiteralTensor {
  const [, channels, height, width] = x.dims;
  const [kernelHeight, kernelWidth] = node.ints.get("kernel_shape") ?? [1, 1];
  const [strideY, strideX] = node.ints.get("strides") ?? [1, 1];
  const [top, left, bottom, right] = pads(node, x.dims, [kernelHeight, kernelWidth]);
  const round = node.ints.get("ceil_mode")?.[0] === 1 ? Math.ceil : Math.floor;
  const steps = (size: number, before: number, after: number, kernel: number, stride: number) => {
    const count = round((size + before + after - kernel) / stride) + 1;
    return (count - 1) * stride >= size + before ? count - 1 : count;
  };
  const outHeight = steps(height, top, bottom, kernelHeight, strideY);
  const outWidth = steps(width, left, right, kernelWidth, strideX);
  const data = Float64Array.from({ length: channels * outHeight * outWidth }, (_, index) => {
    const channel = Math.floor(index / outHeight / outWidth);
    const firstY = (Math.floor(index / outWidth) % outHeight) * strideY - top;
    const firstX = (index % outWidth) * strideX - left;
    const values: number[] = [];
    for (let y = Math.max(0, firstY); y < Math.min(height, firstY + kernelHeight); y += 1) {
      for (let column = Math.max(0, firstX); column < Math.min(width, firstX + kernelWidth); column += 1) {
        values.push(x.data[(channel * height + y) * width + column]);
      }
    }
    return combine(values);
  });
  return { dims: [1, channels, outHeight, outWidth], data };
}

function pad(x: LiteralTensor, amounts: Float64Array): LiteralTensor {
  const [, channels, height, width] = x.dims;
  const [, , top, left, , , bottom, right] = amounts;
  const outHeight = height + top + bottom;
  const outWidth = width + left + right;
  const data = Float64Array.from({ length: channels * outHeight * outWidth }, (_, index) => {
    const y = (Math.floor(index / outWidth) % outHeight) - top;
    const column = (index % outWidth) - left;
    const inside = y >= 0 && y < height && column >= 0 && column < width;
    return inside ? x.data[(Math.floor(index / outHeight / outWidth) * height + y) * width + column] : 0;
  });
  return { dims: [1, channels, outHeight, outWidth], data };
}

/** Adding and subtracting 1.5 * 2^52 makes the FPU round to an integer, ties to even. */
function nearestEven(value: number): number {
  const magic = 1.5 * 2 ** 52;
  return Math.abs(value) < 2 ** 50 ? value + magic - magic : value;
}
