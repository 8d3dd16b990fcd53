/** TensorProto to numbers: raw bytes (little-endian) or typed fields, every type exactly or not at all. */
import { ImportError } from "../../errors.js";
import { float16 } from "../float16.js";
import type { Constant } from "./model.js";
import type { ProtoInt64, TensorProto } from "./schema.js";

/** Elements a constant may have. */
export const MAX_CONSTANT_ELEMENTS = 2 ** 26;

interface DataType {
  readonly name: string;
  readonly bytes: number;
  readonly isInteger: boolean;
  readonly read: (view: DataView, offset: number) => number;
  /** The field that holds the values when rawData is empty. */
  readonly field: "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";
  /** From a value of the field to the number; identity unless the field holds bit patterns. */
  readonly fromField?: (value: number) => number;
}

/** Keys are TensorProto.DataType. */
const dataTypes: Readonly<Record<number, DataType>> = {
  1: { name: "float", bytes: 4, isInteger: false, read: (v, o) => v.getFloat32(o, true), field: "floatData" },
  2: { name: "uint8", bytes: 1, isInteger: true, read: (v, o) => v.getUint8(o), field: "int32Data" },
  3: { name: "int8", bytes: 1, isInteger: true, read: (v, o) => v.getInt8(o), field: "int32Data" },
  4: { name: "uint16", bytes: 2, isInteger: true, read: (v, o) => v.getUint16(o, true), field: "int32Data" },
  5: { name: "int16", bytes: 2, isInteger: true, read: (v, o) => v.getInt16(o, true), field: "int32Data" },
  6: { name: "int32", bytes: 4, isInteger: true, read: (v, o) => v.getInt32(o, true), field: "int32Data" },
  7: { name: "int64", bytes: 8, isInteger: true, read: readInt64, field: "int64Data" },
  9: { name: "bool", bytes: 1, isInteger: true, read: (v, o) => v.getUint8(o), field: "int32Data" },
  10: {
    name: "float16",
    bytes: 2,
    isInteger: false,
    read: (v, o) => float16(v.getUint16(o, true)),
    field: "int32Data",
    fromField: float16,
  },
  11: {
    name: "double",
    bytes: 8,
    isInteger: false,
    read: (v, o) => v.getFloat64(o, true),
    field: "doubleData",
  },
  12: {
    name: "uint32",
    bytes: 4,
    isInteger: true,
    read: (v, o) => v.getUint32(o, true),
    field: "uint64Data",
  },
  13: { name: "uint64", bytes: 8, isInteger: true, read: readUint64, field: "uint64Data" },
  16: {
    name: "bfloat16",
    bytes: 2,
    isInteger: false,
    read: (v, o) => bfloat16(v.getUint16(o, true)),
    field: "int32Data",
    fromField: bfloat16,
  },
};

/** @throws {ImportError} `bad-tensor`, `external-data` or `unsupported-data-type`, naming the tensor. */
export function decodeTensor(tensor: TensorProto, name: string): Constant {
  const place = `tensor "${name}"`;
  if (tensor.dataLocation !== 0 || tensor.externalData.length > 0) {
    const file = tensor.externalData.find(({ key }) => key === "location")?.value ?? "another file";
    throw new ImportError("external-data", "A tensor's values lie in a separate file.", {
      place,
      found: file,
      hint: "Save the model with all tensors inside: onnx.save(model, path, save_as_external_data=False).",
    });
  }
  const type = dataTypes[tensor.dataType];
  if (type === undefined) {
    throw new ImportError("unsupported-data-type", "A tensor has a data type that cannot be imported.", {
      place,
      expected: Object.values(dataTypes)
        .map((known) => known.name)
        .join(", "),
      found: `data type ${tensor.dataType}`,
    });
  }
  const dims = tensor.dims.map(toInteger);
  const count = dims.reduce((product, size) => product * size, 1);
  if (!dims.every((size) => Number.isInteger(size) && size >= 0) || count > MAX_CONSTANT_ELEMENTS) {
    throw new ImportError("bad-tensor", "A tensor has impossible dimensions.", {
      place,
      expected: `sizes of 0 or more, at most ${MAX_CONSTANT_ELEMENTS} elements`,
      found: `[${dims.join(", ")}]`,
    });
  }
  const stored =
    tensor.rawData.length > 0 ? fromRaw(tensor.rawData, type, count, place) : fromField(tensor, type);
  const values = type.name === "int64" ? withoutSentinels(stored) : stored;
  if (values.length !== count) {
    throw new ImportError("bad-tensor", "A tensor holds more or fewer values than its dimensions say.", {
      place,
      expected: `${count} ([${dims.join(", ")}])`,
      found: `${values.length}`,
    });
  }
  if (type.isInteger && type.bytes === 8 && !values.every(Number.isSafeInteger)) {
    throw new ImportError("bad-tensor", "A tensor holds integers beyond 53 bits.", { place });
  }
  return { dims, values, isInteger: type.isInteger, typeName: type.name };
}

/** 2^63 - 1 and -2^63 are how exporters write "to the end"; nothing else beyond 53 bits is accepted. */
function withoutSentinels(values: Float64Array): Float64Array {
  return values.map((value) =>
    Math.abs(value) === 2 ** 63 ? Math.sign(value) * Number.MAX_SAFE_INTEGER : value,
  );
}

export function toInteger(value: ProtoInt64): number {
  return typeof value === "number" ? value : value.toNumber();
}

function fromRaw(raw: Uint8Array, type: DataType, count: number, place: string): Float64Array {
  if (raw.length !== count * type.bytes) {
    throw new ImportError("bad-tensor", "A tensor's raw data has the wrong length.", {
      place,
      expected: `${count * type.bytes} bytes (${count} ${type.name})`,
      found: `${raw.length} bytes`,
    });
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const values = new Float64Array(count);
  for (let index = 0; index < count; index += 1) values[index] = type.read(view, index * type.bytes);
  return values;
}

function fromField(tensor: TensorProto, type: DataType): Float64Array {
  const convert = type.fromField ?? ((value: number) => value);
  return Float64Array.from(tensor[type.field], (value: ProtoInt64) => convert(toInteger(value)));
}

function readInt64(view: DataView, offset: number): number {
  return Number(view.getBigInt64(offset, true));
}

function readUint64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

/** The upper half of a binary32. */
function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, (bits & 0xffff) * 65_536);
  return view.getFloat32(0);
}
