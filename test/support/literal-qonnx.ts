/**
 * A second opinion on QONNX: executes a model literally, node by node, on doubles in NCHW order, straight from the
 * protobuf bytes. Scales are powers of two, so every double is exact. Shares no code with the importer: it has its own
 * reader of the wire format and knows just the operators of the published models.
 */

export interface LiteralTensor {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

interface LiteralNode {
  readonly op: string;
  readonly inputs: string[];
  readonly output: string;
  readonly ints: Map<string, number[]>;
}

type Field = readonly [number: number, value: number | Uint8Array];

/** Every tensor of one frame by its name in the file. The input is real-valued, [1, channels, height, width]. */
export function runLiterally(file: Uint8Array, input: LiteralTensor): Map<string, LiteralTensor> {
  const graph = new Map(fields(file)).get(7) as Uint8Array;
  const tensors = new Map<string, LiteralTensor>();
  const integers = new Set<string>();
  const nodes: LiteralNode[] = [];
  for (const [number, value] of fields(graph)) {
    if (number === 1) nodes.push(readNode(value as Uint8Array));
    if (number === 5) {
      const { name, tensor, isInteger } = readTensor(value as Uint8Array);
      tensors.set(name, tensor);
      if (isInteger) integers.add(name);
    }
    if (number === 11) {
      const name = text(new Map(fields(value as Uint8Array)).get(1));
      if (!tensors.has(name)) tensors.set(name, input);
    }
  }
  const results = new Map<string, LiteralTensor>();
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => tensors.get(name) as LiteralTensor);
    const result = evaluate(node, inputs, integers.has(node.inputs[0]));
    tensors.set(node.output, result);
    results.set(node.output, result);
  }
  return results;
}

function evaluate(node: LiteralNode, inputs: LiteralTensor[], heldAsIntegers: boolean): LiteralTensor {
  const [x] = inputs;
  const same = (data: Float64Array) => ({ dims: x.dims, data });
  switch (node.op) {
    case "Quant": {
      const [scale, zeroPoint, bits] = inputs.slice(1).map(({ data }) => data[0]);
      if (heldAsIntegers) return same(x.data.map((value) => (value - zeroPoint) * scale));
      const signed = node.ints.get("signed")?.[0] ?? 1;
      const narrow = node.ints.get("narrow")?.[0] ?? 0;
      const low = signed ? -(2 ** (bits - 1)) + narrow : 0;
      const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - narrow;
      return same(
        x.data.map((value) => {
          const q = Math.min(Math.max(nearestEven(value / scale + zeroPoint), low), high);
          return (q - zeroPoint) * scale;
        }),
      );
    }
    case "Relu":
      return same(x.data.map((value) => Math.max(value, 0)));
    case "Add":
      return same(x.data.map((value, index) => value + inputs[1].data[index]));
    case "Conv":
      return convolve(node, x, inputs[1], inputs[2]);
    case "MaxPool":
      return maxPool(node, x);
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
      return { dims: [1, x.data.length], data: x.data };
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

function convolve(node: LiteralNode, x: LiteralTensor, w: LiteralTensor, b?: LiteralTensor): LiteralTensor {
  const [, channels, height, width] = x.dims;
  const [outputs, perGroup, kernelHeight, kernelWidth] = w.dims;
  const [strideY, strideX] = node.ints.get("strides") ?? [1, 1];
  const [top, left, bottom, right] = node.ints.get("pads") ?? [0, 0, 0, 0];
  const outputsPerGroup = outputs / (channels / perGroup);
  const outHeight = Math.floor((height + top + bottom - kernelHeight) / strideY) + 1;
  const outWidth = Math.floor((width + left + right - kernelWidth) / strideX) + 1;
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
        const sourceY = y * strideY + ky - top;
        if (sourceY < 0 || sourceY >= height) continue;
        const row = (channel * height + sourceY) * width;
        for (let column = 0; column < outWidth; column += 1) {
          const sourceX = column * strideX + kx - left;
          if (sourceX < 0 || sourceX >= width) continue;
          plane[y * outWidth + column] += weight * x.data[row + sourceX];
        }
      }
    }
  }
  return { dims: [1, outputs, outHeight, outWidth], data };
}

function maxPool(node: LiteralNode, x: LiteralTensor): LiteralTensor {
  const [, channels, height, width] = x.dims;
  const [kernelHeight, kernelWidth] = node.ints.get("kernel_shape") ?? [1, 1];
  const [strideY, strideX] = node.ints.get("strides") ?? [1, 1];
  const outHeight = Math.floor((height - kernelHeight) / strideY) + 1;
  const outWidth = Math.floor((width - kernelWidth) / strideX) + 1;
  const data = Float64Array.from({ length: channels * outHeight * outWidth }, (_, index) => {
    const channel = Math.floor(index / outHeight / outWidth);
    const top = (Math.floor(index / outWidth) % outHeight) * strideY;
    const left = (index % outWidth) * strideX;
    let largest = -Infinity;
    for (let y = top; y < top + kernelHeight; y += 1) {
      for (let column = left; column < left + kernelWidth; column += 1) {
        largest = Math.max(largest, x.data[(channel * height + y) * width + column]);
      }
    }
    return largest;
  });
  return { dims: [1, channels, outHeight, outWidth], data };
}

/** Adding and subtracting 1.5 * 2^52 makes the FPU round to an integer, ties to even. */
function nearestEven(value: number): number {
  const magic = 1.5 * 2 ** 52;
  return Math.abs(value) < 2 ** 50 ? value + magic - magic : value;
}

function readNode(bytes: Uint8Array): LiteralNode {
  const inputs: string[] = [];
  const ints = new Map<string, number[]>();
  let output = "";
  let op = "";
  for (const [number, value] of fields(bytes)) {
    if (number === 1) inputs.push(text(value));
    if (number === 2) output = text(value);
    if (number === 4) op = text(value);
    if (number !== 5) continue;
    let name = "";
    const values: number[] = [];
    for (const [field, content] of fields(value as Uint8Array)) {
      if (field === 1) name = text(content);
      if (field === 3) values.push(content as number);
      if (field === 8) values.push(...(typeof content === "number" ? [content] : varints(content)));
    }
    ints.set(name, values);
  }
  return { op, inputs, output, ints };
}

function readTensor(bytes: Uint8Array): { name: string; tensor: LiteralTensor; isInteger: boolean } {
  const dims: number[] = [];
  let type = 0;
  let name = "";
  let raw = new Uint8Array();
  for (const [number, value] of fields(bytes)) {
    if (number === 1) dims.push(...(typeof value === "number" ? [value] : varints(value)));
    if (number === 2) type = value as number;
    if (number === 8) name = text(value);
    if (number === 9) raw = Uint8Array.from(value as Uint8Array);
  }
  const kinds = { 1: Float32Array, 2: Uint8Array, 3: Int8Array, 6: Int32Array } as const;
  const data = Float64Array.from(new kinds[type as keyof typeof kinds](raw.buffer));
  return { name, tensor: { dims, data }, isInteger: type !== 1 };
}

function text(value: number | Uint8Array | undefined): string {
  return new TextDecoder().decode(value as Uint8Array);
}

/** Fields of one message, in file order; varints as numbers, everything else as bytes. */
function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at];
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) {
      found.push([tag >> 3, varint()]);
      continue;
    }
    const length = wireType === 2 ? varint() : wireType === 5 ? 4 : 8;
    found.push([tag >> 3, bytes.subarray(at, at + length)]);
    at += length;
  }
  return found;
}

function varints(bytes: Uint8Array): number[] {
  const values: number[] = [];
  let value = 0;
  let factor = 1;
  for (const byte of bytes) {
    value += (byte & 127) * factor;
    factor = byte < 128 ? 1 : factor * 128;
    if (byte < 128) {
      values.push(value);
      value = 0;
    }
  }
  return values;
}
