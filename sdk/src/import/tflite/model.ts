/**
 * A TensorFlow Lite file as plain data: the main subgraph's tensors and operators, every index checked.
 * Nothing is interpreted yet; `lower.ts` gives the integer meaning, `float/` the real one.
 */
import { ImportError } from "../../errors.js";
import { FlatBuffer, type Table } from "./flatbuffer.js";
import {
  bufferFields,
  type ElementType,
  EXTENDED_OPERATOR_CODE,
  elementBytes,
  elementTypeNames,
  FILE_IDENTIFIER,
  modelFields,
  operatorCodeFields,
  operatorFields,
  operatorNames,
  optionsTypes,
  quantizationFields,
  SCHEMA_VERSION,
  subgraphFields,
  tensorFields,
} from "./schema.js";

const MAX_RANK = 6;

export interface TfliteTensor {
  readonly index: number;
  readonly name: string;
  readonly type: ElementType;
  /** As in the file, batch included. */
  readonly shape: readonly number[];
  /** Empty when the tensor is not quantised. */
  readonly scales: readonly number[];
  /** As many as `scales`. */
  readonly zeroPoints: readonly number[];
  readonly quantizedDimension: number;
  /** The constant's bytes (exactly its shape's), or undefined for a tensor computed at run time. */
  readonly data?: Uint8Array;
}

export interface TfliteOperator {
  readonly index: number;
  /** "CONV_2D", or the custom operator's own name. */
  readonly op: string;
  /** Tensor indices; -1 is an optional input left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options?: Table;
}

export interface TfliteModel {
  /** Base name of the file. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Takes work off the file's budget (see flatbuffer.ts). */
  charge(elements: number): void;
}

/** @throws {ImportError} naming the byte offset, tensor or operator that is wrong. */
export function readTfliteModel(bytes: Uint8Array, file: string): TfliteModel {
  const buffer = new FlatBuffer(bytes, file);
  const root = buffer.root(FILE_IDENTIFIER);
  const version = root.uint32(modelFields.version);
  if (version !== SCHEMA_VERSION) {
    throw new ImportError("unsupported-schema", `${file} uses schema version ${version}.`, {
      place: `${file}, byte ${root.position}`,
      expected: `schema version ${SCHEMA_VERSION}`,
      found: String(version),
      hint: "Convert the model again with TensorFlow 2.",
    });
  }
  const subgraph = root.tables(modelFields.subgraphs)[0];
  if (subgraph === undefined) throw buffer.malformed(root.position, "a subgraph", "none");
  const buffers = root.tables(modelFields.buffers);
  const codes = root.tables(modelFields.operatorCodes).map(operatorName);
  const tensors = subgraph
    .tables(subgraphFields.tensors)
    .map((table, index) => readTensor(table, index, buffers, file));
  const checkIndex = (at: number) => (index: number) => {
    if (index < 0 || index >= tensors.length) {
      throw buffer.malformed(at, `a tensor index below ${tensors.length}`, String(index));
    }
    return index;
  };
  const operators = subgraph
    .tables(subgraphFields.operators)
    .map((table, index) => readOperator(table, index, codes, checkIndex(table.position)));
  return {
    file,
    bytes,
    tensors,
    operators,
    inputs: subgraph.int32s(subgraphFields.inputs).map(checkIndex(subgraph.position)),
    outputs: subgraph.int32s(subgraphFields.outputs).map(checkIndex(subgraph.position)),
    charge: (elements) => buffer.charge(elements, root.position),
  };
}

function operatorName(code: Table): string {
  const narrow = code.int8(operatorCodeFields.deprecatedBuiltinCode);
  const wide = code.int32(operatorCodeFields.builtinCode);
  // Files before schema 3a have only the narrow field; newer ones fill both, up to 127.
  const value = narrow === EXTENDED_OPERATOR_CODE || wide > narrow ? wide : narrow;
  const name = operatorNames[value] ?? `operator ${value}`;
  return name === "CUSTOM" ? (code.string(operatorCodeFields.customCode) ?? name) : name;
}

function readOperator(
  table: Table,
  index: number,
  codes: readonly string[],
  checkIndex: (index: number) => number,
): TfliteOperator {
  const code = table.uint32(operatorFields.opcodeIndex);
  const op = codes[code];
  if (op === undefined) {
    throw table.buffer.malformed(
      table.position,
      `an operator code index below ${codes.length}`,
      String(code),
    );
  }
  const expected = optionsTypes[op];
  const found = table.uint8(operatorFields.optionsType);
  if (expected !== undefined && found !== expected && found !== 0) {
    throw table.buffer.malformed(table.position, `options of type ${expected} for ${op}`, `type ${found}`);
  }
  return {
    index,
    op,
    inputs: table.int32s(operatorFields.inputs).map((input) => (input === -1 ? -1 : checkIndex(input))),
    outputs: table.int32s(operatorFields.outputs).map(checkIndex),
    options: found === 0 ? undefined : table.table(operatorFields.options),
  };
}

function readTensor(table: Table, index: number, buffers: readonly Table[], file: string): TfliteTensor {
  const name = table.string(tensorFields.name) ?? `tensor ${index}`;
  const place = `${file}, tensor ${index} "${name}" (byte ${table.position})`;
  const shape = table.int32s(tensorFields.shape);
  if (shape.length > MAX_RANK || shape.some((extent) => extent < 0)) {
    throw new ImportError("bad-shape", `Tensor ${index} has the shape [${shape}].`, {
      place,
      expected: `at most ${MAX_RANK} extents of 0 or more`,
      found: `[${shape.slice(0, 10)}]`,
      hint: "Convert the model with a fixed input shape.",
    });
  }
  const typeCode = table.int8(tensorFields.type);
  const type = elementTypeNames[typeCode];
  if (type === undefined) {
    throw table.buffer.malformed(table.position, "a known element type", `type ${typeCode}`);
  }
  if (table.table(tensorFields.sparsity) !== undefined) {
    throw new ImportError("sparse-tensor", `Tensor ${index} is stored in sparse form.`, {
      place,
      hint: "Convert the model without the sparsity optimisation; Sluice compresses zeros itself.",
    });
  }
  return { index, name, type, shape, ...readQuantization(table, place), data: readData() };

  function readData(): Uint8Array | undefined {
    const number = table.uint32(tensorFields.buffer);
    // Buffer 0 is by convention the empty one.
    if (number === 0) return undefined;
    const source = buffers[number];
    if (source === undefined) {
      throw table.buffer.malformed(table.position, `a buffer number below ${buffers.length}`, String(number));
    }
    const data = bufferData(source);
    if (data === undefined || data.length === 0) return undefined;
    const size = elementBytes[type];
    const expected =
      size === undefined ? data.length : shape.reduce((product, extent) => product * extent, size);
    if (data.length !== expected) {
      throw new ImportError("bad-buffer", `Tensor ${index} has data that does not fill its shape.`, {
        place,
        expected: `${expected} bytes for ${type} [${shape}]`,
        found: `${data.length} bytes in buffer ${number}`,
        hint: "The file is truncated or corrupted; export it again.",
      });
    }
    return data;
  }
}

/** Data lie in the buffer's own vector, or (files beyond 2 GB) after the FlatBuffer at `offset`. */
function bufferData(table: Table): Uint8Array | undefined {
  const inside = table.byteVector(bufferFields.data);
  const offset = table.uint64(bufferFields.offset);
  // Values 0 and 1 both mean "not used": converters write 1 to reserve the field.
  if (inside !== undefined || offset <= 1) return inside;
  const size = table.uint64(bufferFields.size);
  const end = table.buffer.bytes.length;
  if (offset < 0 || size < 0 || offset + size > end) {
    throw table.buffer.malformed(
      table.position,
      `buffer data inside the file (${end} bytes)`,
      `${offset}+${size}`,
    );
  }
  return table.buffer.bytes.subarray(offset, offset + size);
}

function readQuantization(
  tensor: Table,
  place: string,
): Pick<TfliteTensor, "scales" | "zeroPoints" | "quantizedDimension"> {
  const table = tensor.table(tensorFields.quantization);
  const scales = table?.float32s(quantizationFields.scale) ?? [];
  const stored = table?.int64s(quantizationFields.zeroPoint) ?? [];
  const quantizedDimension = table?.int32(quantizationFields.quantizedDimension) ?? 0;
  if (table !== undefined && table.uint8(quantizationFields.detailsType) !== 0) {
    throw new ImportError("custom-quantization", "A tensor uses a custom quantisation scheme.", {
      place,
      hint: "Convert the model with TensorFlow Lite's standard affine quantisation.",
    });
  }
  if (scales.some((scale) => !Number.isFinite(scale) || scale <= 0)) {
    throw new ImportError("bad-scale", "A quantisation scale is not a positive number.", {
      place,
      expected: "finite scales above 0",
      found: String(scales.find((scale) => !(Number.isFinite(scale) && scale > 0))),
      hint: "Quantise the model again with a representative data set.",
    });
  }
  if (stored.length > 1 && stored.length !== scales.length) {
    throw new ImportError("bad-zero-points", "A tensor has another number of zero points than of scales.", {
      place,
      expected: `${scales.length}`,
      found: `${stored.length}`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const zeroPoints = scales.map((_, index) => stored[stored.length === 1 ? 0 : index] ?? 0);
  return { scales, zeroPoints, quantizedDimension };
}
