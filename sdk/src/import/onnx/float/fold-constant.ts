/**
 * Constant folding: what an operator gives when all its inputs are constants. Exporters compute shapes, slice limits
 * and paddings with little chains of such operators, and quantised models keep weights behind DequantizeLinear.
 */
import { roundHalfEven } from "../../../reference/float/plain.js";
import { integerAttribute, integersAttribute, tensorAttribute } from "../attributes.js";
import { type Constant, nodeError, type OnnxNode } from "../model.js";

/** Undefined where the operator cannot be folded (it may still be known otherwise). */
export function foldConstant(
  node: OnnxNode,
  inputs: readonly (Constant | undefined)[],
): Constant | undefined {
  const isFoldable = node.domain === "" && Object.hasOwn(folders, node.opType);
  return isFoldable ? folders[node.opType](node, inputs) : undefined;
}

type Fold = (node: OnnxNode, inputs: readonly (Constant | undefined)[]) => Constant;

const MAX_ELEMENTS = 2 ** 24;

const folders: Readonly<Record<string, Fold>> = {
  Identity: (node, inputs) => required(node, inputs, 0),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: (node, inputs) => {
    const integers = required(node, inputs, 0).isInteger && required(node, inputs, 1).isInteger;
    return binary((a, b) => (integers ? Math.trunc(a / b) : a / b))(node, inputs);
  },
  Pow: binary((a, b) => a ** b),
  Sqrt: unary(Math.sqrt),
  Neg: unary((value) => -value),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Cast: (node, inputs) => {
    const x = required(node, inputs, 0);
    // Integer types of ONNX's TensorProto.DataType; the others are floating point.
    const toInteger = [2, 3, 4, 5, 6, 7, 9, 12, 13].includes(integerAttribute(node, "to", 1));
    return { dims: x.dims, values: toInteger ? x.values.map(Math.trunc) : x.values, isInteger: toInteger };
  },
  Concat: (node, inputs) => {
    const parts = inputs.map((_, position) => required(node, inputs, position));
    if (parts.some(({ dims }) => dims.length !== 1)) throw unfoldable(node, "lists of one dimension");
    const values = Float64Array.from(parts.flatMap((part) => [...part.values]));
    return { dims: [values.length], values, isInteger: parts.every(({ isInteger }) => isInteger) };
  },
  Gather: (node, inputs) => {
    const x = required(node, inputs, 0);
    const indices = required(node, inputs, 1);
    const axis = integerAttribute(node, "axis", 0);
    if (x.dims.length !== 1 || axis !== 0 || indices.dims.length > 1) throw unfoldable(node, "one dimension");
    const values = indices.values.map(
      (index) => x.values[index < 0 ? index + x.values.length : index] ?? Number.NaN,
    );
    return { ...x, dims: indices.dims, values };
  },
  Unsqueeze: sameValues,
  Squeeze: sameValues,
  Reshape: (node, inputs) => {
    const x = required(node, inputs, 0);
    return { ...x, dims: resolvedShape(node, x.dims, required(node, inputs, 1).values) };
  },
  Slice: (node, inputs) => {
    const x = required(node, inputs, 0);
    const [start = 0] = inputs[1]?.values ?? integersAttribute(node, "starts") ?? [];
    const [end = Number.MAX_SAFE_INTEGER] = inputs[2]?.values ?? integersAttribute(node, "ends") ?? [];
    const [step = 1] = inputs[4]?.values ?? [];
    if (x.dims.length !== 1 || step === 0) throw unfoldable(node, "one dimension");
    const range = sliceRange(start, end, step, x.values.length);
    return { ...x, dims: [range.length], values: Float64Array.from(range, (index) => x.values[index]) };
  },
  ConstantOfShape: (node, inputs) => {
    const dims = [...required(node, inputs, 0).values];
    const count = product(dims);
    if (!(count <= MAX_ELEMENTS)) throw unfoldable(node, `at most ${MAX_ELEMENTS} elements`);
    const value = tensorAttribute(node, "value");
    return {
      dims,
      values: new Float64Array(count).fill(value?.values[0] ?? 0),
      isInteger: value?.isInteger ?? false,
    };
  },
  Transpose: transpose,
  QuantizeLinear: (node, inputs) => {
    const x = required(node, inputs, 0);
    const { scaleOf, zeroPointOf, min, max, typeName } = linearGrid(node, x, inputs);
    const values = x.values.map((value, index) =>
      Math.min(Math.max(roundHalfEven(Math.fround(value / scaleOf(index))) + zeroPointOf(index), min), max),
    );
    return { dims: x.dims, values, isInteger: true, typeName };
  },
  DequantizeLinear: (node, inputs) => {
    const x = required(node, inputs, 0);
    const { scaleOf, zeroPointOf } = linearGrid(node, x, inputs);
    const values = x.values.map((value, index) => Math.fround((value - zeroPointOf(index)) * scaleOf(index)));
    return { dims: x.dims, values, isInteger: false, typeName: "float" };
  },
};

/** Dimensions of a reshape: 0 keeps the input's, -1 is what is left. */
export function resolvedShape(node: OnnxNode, dims: readonly number[], target: ArrayLike<number>): number[] {
  const count = product(dims);
  const wanted = Array.from(target, (size, axis) => (size === 0 ? (dims[axis] ?? 0) : size));
  const known = product(wanted.filter((size) => size !== -1));
  const full = wanted.map((size) => (size === -1 ? count / known : size));
  if (full.every((size) => Number.isInteger(size) && size >= 0) && product(full) === count) return full;
  throw nodeError(node, "unsupported-reshape", "A reshape changes the number of elements.", {
    expected: `${count} elements ([${dims}])`,
    found: `[${Array.from(target).slice(0, 8)}]`,
  });
}

/** Indices a slice visits, with ONNX's rules for negative and far-away limits. */
export function sliceRange(start: number, end: number, step: number, size: number): number[] {
  const wrap = (index: number) => (index < 0 ? index + size : index);
  const low = step > 0 ? 0 : -1;
  const first = Math.min(Math.max(wrap(start), 0), step > 0 ? size : size - 1);
  const last = Math.min(Math.max(wrap(end), low), size);
  const indices: number[] = [];
  for (let index = first; step > 0 ? index < last : index > last; index += step) indices.push(index);
  return indices;
}

/** Range of an 8-bit zero point's type; DequantizeLinear also reads int32 (biases). */
export function linearRange(node: OnnxNode, typeName: string): { min: number; max: number } {
  if (typeName === "int8") return { min: -128, max: 127 };
  if (typeName === "uint8") return { min: 0, max: 255 };
  if (typeName === "int32") return { min: -(2 ** 31), max: 2 ** 31 - 1 };
  throw nodeError(node, "unsupported-type", `Quantisation to ${typeName} cannot be imported.`, {
    expected: "int8 or uint8",
    found: typeName,
    hint: "Export the model with 8-bit quantisation.",
  });
}

function linearGrid(node: OnnxNode, x: Constant, inputs: readonly (Constant | undefined)[]) {
  const scale = required(node, inputs, 1);
  const zeroPoint = inputs[2];
  const count = scale.values.length;
  const axis = integerAttribute(node, "axis", 1);
  const wrapped = axis < 0 ? axis + x.dims.length : axis;
  if (count !== 1 && (x.dims[wrapped] !== count || (zeroPoint && zeroPoint.values.length !== count))) {
    throw unfoldable(node, `one scale, or ${x.dims[wrapped]} along axis ${axis}`);
  }
  const inner = product(x.dims.slice(wrapped + 1));
  const channel = (index: number) => (count === 1 ? 0 : Math.floor(index / inner) % count);
  const typeName = zeroPoint?.typeName ?? (x.isInteger ? (x.typeName ?? "uint8") : "uint8");
  return {
    scaleOf: (index: number) => scale.values[channel(index)],
    zeroPointOf: (index: number) =>
      zeroPoint?.values[zeroPoint.values.length === 1 ? 0 : channel(index)] ?? 0,
    typeName,
    ...linearRange(node, typeName),
  };
}

function required(node: OnnxNode, inputs: readonly (Constant | undefined)[], position: number): Constant {
  const input = inputs[position];
  if (input) return input;
  throw nodeError(node, "missing-input", `Input ${position} is missing.`, {
    hint: "Check the model's export.",
  });
}

function unary(map: (value: number) => number): Fold {
  return (node, inputs) => {
    const x = required(node, inputs, 0);
    return { dims: x.dims, values: x.values.map(map), isInteger: x.isInteger };
  };
}

/** Equal shapes, or one of the two a single value. */
function binary(combine: (a: number, b: number) => number): Fold {
  return (node, inputs) => {
    const [a, b] = [required(node, inputs, 0), required(node, inputs, 1)];
    const larger = a.values.length >= b.values.length ? a : b;
    const fits = (part: Constant) => part.values.length === 1 || part.values.length === larger.values.length;
    if (!fits(a) || !fits(b)) throw unfoldable(node, "equal shapes or a single value");
    const at = (part: Constant, index: number) => part.values[part.values.length === 1 ? 0 : index];
    return {
      dims: larger.dims,
      values: larger.values.map((_, index) => combine(at(a, index), at(b, index))),
      isInteger: a.isInteger && b.isInteger,
    };
  };
}

/** Only dimensions of 1 come or go; where the values are a list or a scalar the exact dimensions do not matter. */
function sameValues(node: OnnxNode, inputs: readonly (Constant | undefined)[]): Constant {
  const x = required(node, inputs, 0);
  const axes = inputs[1]?.values ?? integersAttribute(node, "axes") ?? [];
  if (node.opType === "Squeeze") {
    const drop = new Set(Array.from(axes, (axis) => (axis < 0 ? axis + x.dims.length : axis)));
    const dims = x.dims.filter((size, axis) => (drop.size > 0 ? !drop.has(axis) : size !== 1));
    if (product(dims) !== x.values.length) throw unfoldable(node, "dimensions of 1");
    return { ...x, dims };
  }
  const rank = x.dims.length + axes.length;
  const added = new Set(Array.from(axes, (axis) => (axis < 0 ? axis + rank : axis)));
  const rest = [...x.dims];
  return {
    ...x,
    dims: Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1))),
  };
}

function transpose(node: OnnxNode, inputs: readonly (Constant | undefined)[]): Constant {
  const x = required(node, inputs, 0);
  const rank = x.dims.length;
  const permutation = integersAttribute(node, "perm") ?? x.dims.map((_, axis) => rank - 1 - axis);
  if (
    [...permutation].sort((a, b) => a - b).some((axis, index) => axis !== index) ||
    permutation.length !== rank
  ) {
    throw unfoldable(node, `a permutation of ${rank} axes`);
  }
  const strides = x.dims.map((_, axis) => product(x.dims.slice(axis + 1)));
  const dims = permutation.map((axis) => x.dims[axis]);
  const position = dims.map(() => 0);
  const values = x.values.map(() => {
    const from = permutation.reduce((sum, axis, index) => sum + position[index] * strides[axis], 0);
    for (let axis = rank - 1; axis >= 0; axis -= 1) {
      position[axis] += 1;
      if (position[axis] < dims[axis]) break;
      position[axis] = 0;
    }
    return x.values[from];
  });
  return { ...x, dims, values };
}

function unfoldable(node: OnnxNode, expected: string): Error {
  return nodeError(node, "unsupported-constant", `The constant ${node.opType} cannot be evaluated.`, {
    expected,
    hint: "Simplify the model before importing it (constant folding at export).",
  });
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
