/**
 * A second opinion on QONNX: executes a model literally, node by node, on doubles in NCHW order, straight from the
 * protobuf bytes. Scales are powers of two, so every double is exact. Shares no code with the importer: it has its own
 * reader of the wire format and knows just the operators of the published models.
 */

import { evaluateLiterally, type LiteralNode, type LiteralTensor } from "./literal-operators.js";

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
    const result = node.value ?? evaluateLiterally(node, inputs, integers.has(node.inputs[0]));
    tensors.set(node.output, result);
    results.set(node.output, result);
  }
  return results;
}

function readNode(bytes: Uint8Array): LiteralNode {
  const inputs: string[] = [];
  const ints = new Map<string, number[]>();
  let output = "";
  let op = "";
  let constant: LiteralTensor | undefined;
  let autoPad = "NOTSET";
  for (const [number, value] of fields(bytes)) {
    if (number === 1) inputs.push(text(value));
    if (number === 2) output = text(value);
    if (number === 4) op = text(value);
    if (number !== 5) continue;
    let name = "";
    const values: number[] = [];
    for (const [field, content] of fields(value as Uint8Array)) {
      if (field === 1) name = text(content);
      if (field === 4 && name === "auto_pad") autoPad = text(content);
      if (field === 5) constant = readTensor(content as Uint8Array).tensor;
      if (field === 3) values.push(content as number);
      // Type INT: a writer may leave out a value of zero.
      if (field === 20 && content === 2 && values.length === 0) values.push(0);
      if (field === 8) values.push(...(typeof content === "number" ? [content] : varints(content)));
    }
    ints.set(name, values);
  }
  return { op, inputs, output, ints, autoPad, value: constant };
}

function readTensor(bytes: Uint8Array): { name: string; tensor: LiteralTensor; isInteger: boolean } {
  const dims: number[] = [];
  let type = 0;
  let name = "";
  let raw = new Uint8Array();
  let floats: Uint8Array | undefined;
  for (const [number, value] of fields(bytes)) {
    if (number === 1) dims.push(...(typeof value === "number" ? [value] : varints(value)));
    if (number === 2) type = value as number;
    if (number === 4) floats = Uint8Array.from(value as Uint8Array);
    if (number === 8) name = text(value);
    if (number === 9) raw = Uint8Array.from(value as Uint8Array);
  }
  const kinds = { 1: Float32Array, 2: Uint8Array, 3: Int8Array, 6: Int32Array } as const;
  const stored = type === 7 ? new BigInt64Array(raw.buffer) : undefined;
  const data = stored
    ? Float64Array.from(stored, Number)
    : Float64Array.from(new kinds[type as keyof typeof kinds](Uint8Array.from(floats ?? raw).buffer));
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
