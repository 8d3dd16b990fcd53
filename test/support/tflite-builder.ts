/** Writes small TensorFlow Lite files with the FlatBuffers library, so that tests need no model from outside. */
import { Builder } from "flatbuffers";

/** Codes of TensorType in the schema. */
export const tensorTypes = { FLOAT32: 0, INT32: 2, UINT8: 3, INT64: 4, INT16: 7, INT8: 9 } as const;
/** Codes of BuiltinOperator in the schema. */
export const operatorCodes = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  DEQUANTIZE: 6,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  RELU: 19,
  RELU_N1_TO_1: 20,
  RELU6: 21,
  RESHAPE: 22,
  SOFTMAX: 25,
  PAD: 34,
  MEAN: 40,
  SQUEEZE: 43,
  QUANTIZE: 114,
} as const;
export type OperatorName = keyof typeof operatorCodes;

export interface TensorSpec {
  readonly name: string;
  readonly type: keyof typeof tensorTypes;
  readonly shape: readonly number[];
  readonly scales?: readonly number[];
  readonly zeroPoints?: readonly number[];
  readonly quantizedDimension?: number;
  readonly data?: Uint8Array | Int8Array | Int32Array | Float32Array;
}

/** One scalar field of an options table: its number in the schema, its type and its value. */
export type OptionField = readonly [field: number, type: "int8" | "int32" | "float32", value: number];

export interface OperatorSpec {
  readonly op: OperatorName;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly optionsType?: number;
  readonly options?: readonly OptionField[];
}

export interface ModelSpec {
  readonly tensors: readonly TensorSpec[];
  readonly operators: readonly OperatorSpec[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly version?: number;
}

export function buildTflite(model: ModelSpec): Uint8Array {
  const builder = new Builder(1024);
  const vector = (bytes: number, values: readonly number[], add: (value: number) => void) => {
    builder.startVector(bytes, values.length, Math.max(4, bytes));
    for (const value of [...values].reverse()) add(value);
    return builder.endVector();
  };
  const offsets = (values: readonly number[]) => vector(4, values, (value) => builder.addOffset(value));
  const int32s = (values: readonly number[]) => vector(4, values, (value) => builder.addInt32(value));
  const table = (fields: number, fill: () => void) => {
    builder.startObject(fields);
    fill();
    return builder.endObject();
  };

  const quantization = ({ scales, zeroPoints, quantizedDimension = 0 }: TensorSpec) => {
    if (scales === undefined) return 0;
    const scale = vector(4, scales, (value) => builder.addFloat32(value));
    const zeros = zeroPoints ?? scales.map(() => 0);
    const zeroPoint = vector(8, zeros, (value) => builder.addInt64(BigInt(value)));
    return table(7, () => {
      builder.addFieldOffset(2, scale, 0);
      builder.addFieldOffset(3, zeroPoint, 0);
      builder.addFieldInt32(6, quantizedDimension, 0);
    });
  };

  // Buffer 0 is the empty one by convention.
  const buffers = [table(3, () => {})];
  const tensors = model.tensors.map((spec) => {
    let buffer = 0;
    if (spec.data !== undefined) {
      const { data } = spec;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      builder.startVector(1, bytes.length, 16);
      for (const byte of [...bytes].reverse()) builder.addInt8(byte);
      const content = builder.endVector();
      buffer = buffers.length;
      buffers.push(table(3, () => builder.addFieldOffset(0, content, 0)));
    }
    const name = builder.createString(spec.name);
    const shape = int32s(spec.shape);
    const quantized = quantization(spec);
    return table(9, () => {
      builder.addFieldOffset(0, shape, 0);
      builder.addFieldInt8(1, tensorTypes[spec.type], 0);
      builder.addFieldInt32(2, buffer, 0);
      builder.addFieldOffset(3, name, 0);
      builder.addFieldOffset(4, quantized, 0);
    });
  });

  const names = [...new Set(model.operators.map(({ op }) => op))];
  const codes = names.map((name) =>
    table(4, () => {
      builder.addFieldInt8(0, operatorCodes[name], 0);
      builder.addFieldInt32(2, 1, 1);
      builder.addFieldInt32(3, operatorCodes[name], 0);
    }),
  );
  const operators = model.operators.map((spec) => {
    const options = table(8, () => {
      for (const [field, type, value] of spec.options ?? []) {
        if (type === "int8") builder.addFieldInt8(field, value, 0);
        else if (type === "int32") builder.addFieldInt32(field, value, 0);
        else builder.addFieldFloat32(field, value, 0);
      }
    });
    const inputs = int32s(spec.inputs);
    const outputs = int32s(spec.outputs);
    return table(9, () => {
      builder.addFieldInt32(0, names.indexOf(spec.op), 0);
      builder.addFieldOffset(1, inputs, 0);
      builder.addFieldOffset(2, outputs, 0);
      builder.addFieldInt8(3, spec.optionsType ?? 0, 0);
      if (spec.optionsType !== undefined) builder.addFieldOffset(4, options, 0);
    });
  });

  const tensorVector = offsets(tensors);
  const inputs = int32s(model.inputs);
  const outputs = int32s(model.outputs);
  const operatorVector = offsets(operators);
  const subgraph = table(5, () => {
    builder.addFieldOffset(0, tensorVector, 0);
    builder.addFieldOffset(1, inputs, 0);
    builder.addFieldOffset(2, outputs, 0);
    builder.addFieldOffset(3, operatorVector, 0);
  });
  const codeVector = offsets(codes);
  const subgraphs = offsets([subgraph]);
  const bufferVector = offsets(buffers);
  const root = table(8, () => {
    builder.addFieldInt32(0, model.version ?? 3, 0);
    builder.addFieldOffset(1, codeVector, 0);
    builder.addFieldOffset(2, subgraphs, 0);
    builder.addFieldOffset(4, bufferVector, 0);
  });
  builder.finish(root, "TFL3");
  return builder.asUint8Array().slice();
}

/** Options of CONV_2D. */
export function convolutionOptions(spec: {
  readonly valid?: boolean;
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly activation?: number;
}): Pick<OperatorSpec, "optionsType" | "options"> {
  const { valid = false, stride = [1, 1], dilation = [1, 1], activation = 0 } = spec;
  return {
    optionsType: 1,
    options: [
      [0, "int8", valid ? 1 : 0],
      [1, "int32", stride[1]],
      [2, "int32", stride[0]],
      [3, "int8", activation],
      [4, "int32", dilation[1]],
      [5, "int32", dilation[0]],
    ],
  };
}

/** Options of DEPTHWISE_CONV_2D. */
export function depthwiseOptions(spec: {
  readonly valid?: boolean;
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly multiplier?: number;
  readonly activation?: number;
}): Pick<OperatorSpec, "optionsType" | "options"> {
  const { valid = false, stride = [1, 1], dilation = [1, 1], multiplier = 1, activation = 0 } = spec;
  return {
    optionsType: 2,
    options: [
      [0, "int8", valid ? 1 : 0],
      [1, "int32", stride[1]],
      [2, "int32", stride[0]],
      [3, "int32", multiplier],
      [4, "int8", activation],
      [5, "int32", dilation[1]],
      [6, "int32", dilation[0]],
    ],
  };
}

/** Options of MAX_POOL_2D and AVERAGE_POOL_2D. */
export function poolOptions(spec: {
  readonly valid?: boolean;
  readonly filter: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly activation?: number;
}): Pick<OperatorSpec, "optionsType" | "options"> {
  const { valid = false, filter, stride = [1, 1], activation = 0 } = spec;
  return {
    optionsType: 5,
    options: [
      [0, "int8", valid ? 1 : 0],
      [1, "int32", stride[1]],
      [2, "int32", stride[0]],
      [3, "int32", filter[1]],
      [4, "int32", filter[0]],
      [5, "int8", activation],
    ],
  };
}
