/**
 * A TensorFlow Lite float model evaluated operator by operator in double precision, straight from the file: the
 * oracle for the float importer and interpreter. It shares the FlatBuffers reader with the importer, nothing else.
 */
import { readTfliteModel, type TfliteOperator } from "@sluice/sdk/import/tflite/model.js";

interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The value of every tensor the file computes, by tensor index. */
export function evaluateTflite(bytes: Uint8Array, input: Float32Array): Map<number, Float64Array> {
  const model = readTfliteModel(bytes, "literal");
  const values = new Map<number, Value>();
  const constant = (index: number): Value => {
    const { data, type, shape, scales, zeroPoints } = model.tensors[index];
    if (data === undefined) throw new Error(`tensor ${index} is not constant`);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const size = { FLOAT32: 4, INT32: 4, INT8: 1 }[type as "FLOAT32" | "INT32" | "INT8"];
    const read = (at: number) => {
      if (type === "FLOAT32") return view.getFloat32(4 * at, true);
      if (type === "INT32") return view.getInt32(4 * at, true);
      // Per-tensor weights of dynamic-range models.
      return (view.getInt8(at) - zeroPoints[0]) * scales[0];
    };
    return { shape, data: Float64Array.from({ length: data.length / size }, (_, at) => read(at)) };
  };
  const value = (index: number) => values.get(index) ?? constant(index);
  values.set(model.inputs[0], {
    shape: model.tensors[model.inputs[0]].shape,
    data: Float64Array.from(input),
  });
  for (const operator of model.operators) {
    const [output] = operator.outputs;
    const shape = model.tensors[output].shape;
    const data = evaluate(
      operator,
      operator.inputs.map((index) => (index < 0 ? undefined : value(index))),
      shape,
    );
    values.set(output, { shape, data });
  }
  return new Map([...values].map(([index, { data }]) => [index, data]));
}

function evaluate(
  { op, options }: TfliteOperator,
  inputs: readonly (Value | undefined)[],
  shape: readonly number[],
): Float64Array {
  const x = inputs[0] as Value;
  const [int8, int32] = [
    (field: number) => options?.int8(field) ?? 0,
    (f: number, d = 0) => options?.int32(f, d) ?? d,
  ];
  switch (op) {
    case "CONV_2D":
    case "DEPTHWISE_CONV_2D":
    case "MAX_POOL_2D":
    case "AVERAGE_POOL_2D":
      return sliding(op, x, inputs[1], inputs[2], shape, int8, int32);
    case "FULLY_CONNECTED": {
      const [outputs, count] = (inputs[1] as Value).shape;
      const weights = (inputs[1] as Value).data;
      return Float64Array.from({ length: outputs }, (_, o) => {
        let sum = inputs[2]?.data[o] ?? 0;
        for (let i = 0; i < count; i += 1) sum += x.data[i] * weights[o * count + i];
        return activate(sum, int8(0));
      });
    }
    case "ADD":
      return x.data.map((value, index) => activate(value + (inputs[1] as Value).data[index], int8(0)));
    case "RELU":
      return x.data.map((value) => activate(value, 1));
    case "RESHAPE":
      return x.data;
    case "SOFTMAX": {
      const exponentials = x.data.map((value) => Math.exp(value - Math.max(...x.data)));
      const sum = exponentials.reduce((total, part) => total + part, 0);
      return exponentials.map((part) => part / sum);
    }
    default:
      throw new Error(`the literal evaluator does not know ${op}`);
  }
}

function activate(value: number, code: number): number {
  if (code === 1) return Math.max(value, 0);
  return code === 3 ? Math.min(Math.max(value, 0), 6) : value;
}

function sliding(
  op: string,
  x: Value,
  filter: Value | undefined,
  bias: Value | undefined,
  shape: readonly number[],
  int8: (field: number) => number,
  int32: (field: number, fallback?: number) => number,
): Float64Array {
  const pools = op.endsWith("POOL_2D");
  const depthwise = op.startsWith("DEPTHWISE");
  const [, height, width, channels] = x.shape;
  const [, outputHeight, outputWidth, outputs] = shape;
  const [kernelHeight, kernelWidth] = pools ? [int32(4), int32(3)] : (filter as Value).shape.slice(1, 3);
  const [strideX, strideY] = [int32(1), int32(2)];
  const firstDilation = depthwise ? 5 : 4;
  const [dilationX, dilationY] = pools ? [1, 1] : [int32(firstDilation, 1), int32(firstDilation + 1, 1)];
  const activation = int8(pools ? 5 : depthwise ? 4 : 3);
  const before = (size: number, out: number, kernel: number, stride: number, dilation: number) =>
    int8(0) === 1
      ? 0
      : Math.max(0, Math.floor(((out - 1) * stride + (kernel - 1) * dilation + 1 - size) / 2));
  const top = before(height, outputHeight, kernelHeight, strideY, dilationY);
  const left = before(width, outputWidth, kernelWidth, strideX, dilationX);
  const result = new Float64Array(outputHeight * outputWidth * outputs);
  for (let index = 0; index < result.length; index += 1) {
    const o = index % outputs;
    const ox = Math.floor(index / outputs) % outputWidth;
    const oy = Math.floor(index / outputs / outputWidth);
    let sum = bias?.data[o] ?? 0;
    let largest = -Infinity;
    let inside = 0;
    for (let ky = 0; ky < kernelHeight; ky += 1) {
      for (let kx = 0; kx < kernelWidth; kx += 1) {
        const iy = oy * strideY - top + ky * dilationY;
        const ix = ox * strideX - left + kx * dilationX;
        if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
        inside += 1;
        const at = (iy * width + ix) * channels;
        if (pools) {
          sum += x.data[at + o];
          largest = Math.max(largest, x.data[at + o]);
        } else if (depthwise) {
          const channel = Math.floor(o / (outputs / channels));
          sum += x.data[at + channel] * (filter as Value).data[(ky * kernelWidth + kx) * outputs + o];
        } else {
          const row = ((o * kernelHeight + ky) * kernelWidth + kx) * channels;
          for (let c = 0; c < channels; c += 1) sum += x.data[at + c] * (filter as Value).data[row + c];
        }
      }
    }
    const pooled = op === "MAX_POOL_2D" ? largest : op === "AVERAGE_POOL_2D" ? sum / inside : sum;
    result[index] = activate(pooled, activation);
  }
  return result;
}
