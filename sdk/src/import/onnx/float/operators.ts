/** What each ONNX operator means for a picture in real numbers; layers with weights are in layers.ts. */
import type { Shape } from "../../../graph/types.js";
import { hasPadding, noPadding } from "../../../graph/window.js";
import { integerAttribute, integersAttribute, numberAttribute, stringAttribute } from "../attributes.js";
import { windowOf } from "../lower/window.js";
import { nodeError, type OnnxNode } from "../model.js";
import { linearRange, resolvedShape, sliceRange } from "./fold-constant.js";
import { lowerBatchNormalization, lowerConv, lowerGemm, lowerMatMul } from "./layers.js";
import type { Activation, OnnxFloatLowering } from "./lowering.js";

export type LowerFloat = (lowering: OnnxFloatLowering, node: OnnxNode) => void;

const relu: LowerFloat = (lowering, node) => clampTo(lowering, node, 0, Infinity);

const clip: LowerFloat = (lowering, node) => {
  const limit = (position: number, name: string, fallback: number) =>
    lowering.constant(node, position)?.values[0] ?? numberAttribute(node, name, fallback);
  clampTo(lowering, node, limit(1, "min", -Infinity), limit(2, "max", Infinity));
};

function clampTo(lowering: OnnxFloatLowering, node: OnnxNode, min: number, max: number): void {
  const { id, rank, flattenedFrom } = lowering.activation(node);
  const parts = { kind: "clamp" as const, sourceOp: node.opType, inputs: [id], min, max };
  lowering.emit(node, parts, rank, undefined, { flattenedFrom });
}

/** Add, Sub, Mul and Div: two activations of equal shape (Add only), or an activation and a constant per channel. */
const arithmetic: LowerFloat = (lowering, node) => {
  const names = node.inputs.slice(0, 2);
  const constants = names.map((name) => lowering.model.constants.get(name));
  if (constants.every((constant) => constant === undefined)) {
    const [a, b] = [lowering.activation(node, 0), lowering.activation(node, 1)];
    const [shapeA, shapeB] = [a, b].map(({ id }) => lowering.builder.shape(id).join());
    if (node.opType !== "Add" || shapeA !== shapeB || a.rank !== b.rank) {
      throw nodeError(
        node,
        "unsupported-broadcast",
        `${node.opType} of two activations is not supported here.`,
        {
          expected: "Add of two equal shapes",
          found: `${node.opType} of [${shapeA}] and [${shapeB}]`,
          hint: "Only residual additions combine two activations.",
        },
      );
    }
    lowering.emit(node, { kind: "add", sourceOp: node.opType, inputs: [a.id, b.id] }, a.rank, undefined, {
      flattenedFrom: a.flattenedFrom,
    });
    return;
  }
  const constantFirst = constants[0] !== undefined;
  const constant = lowering.requiredConstant(node, constantFirst ? 0 : 1);
  const value = lowering.activation(node, constantFirst ? 1 : 0);
  const channels = lowering.builder.shape(value.id)[2];
  // Broadcasting aligns trailing dimensions: [C,1,1] for pictures, [C] for rows.
  const trailing = value.rank === 4 ? 2 : 0;
  const dims = constant.dims;
  const perChannel =
    constant.values.length === channels &&
    dims.slice(dims.length - trailing).every((size) => size === 1) &&
    dims[dims.length - trailing - 1] === channels;
  if (
    (constant.values.length !== 1 && !perChannel) ||
    value.flattenedFrom ||
    (constantFirst && node.opType === "Div")
  ) {
    throw nodeError(node, "unsupported-broadcast", "The constant is not one value or one per channel.", {
      expected: `1 or ${channels} values`,
      found: `[${dims}]`,
      hint: "Fold the constant into a neighbouring convolution.",
    });
  }
  const at = (channel: number) => constant.values[constant.values.length === 1 ? 0 : channel];
  const array = (map: (channel: number) => number) =>
    Float32Array.from({ length: channels }, (_, channel) => map(channel));
  const sign = node.opType === "Sub" ? -1 : 1;
  const factors: Readonly<Record<string, () => readonly [Float32Array, Float32Array]>> = {
    Add: () => [array(() => 1), array(at)],
    Sub: () => (constantFirst ? [array(() => -1), array(at)] : [array(() => 1), array((c) => sign * at(c))]),
    Mul: () => [array(at), array(() => 0)],
    Div: () => [array((c) => 1 / at(c)), array(() => 0)],
  };
  const [scale, shift] = factors[node.opType]();
  lowering.emit(
    node,
    { kind: "affine", sourceOp: node.opType, inputs: [value.id], scale, shift },
    value.rank,
  );
};

const pool: LowerFloat = (lowering, node) => {
  const { id } = lowering.picture(node);
  const shape = lowering.builder.shape(id);
  const kernel = integersAttribute(node, "kernel_shape", 2);
  if (kernel === undefined)
    throw nodeError(node, "bad-attribute", 'The attribute "kernel_shape" is missing.');
  const window = windowOf(node, shape, [kernel[0], kernel[1]]);
  const common = { ...window, sourceOp: node.opType, inputs: [id] };
  if (node.opType === "MaxPool") {
    lowering.emit(node, { ...common, kind: "max-pool" }, 4);
    return;
  }
  const countPadding = integerAttribute(node, "count_include_pad", 0) !== 0;
  if (countPadding && hasPadding(window.padding) && integerAttribute(node, "ceil_mode", 0) !== 0) {
    throw nodeError(node, "unsupported-pool", "ceil_mode with count_include_pad cannot be imported.", {
      hint: "Export the pool with ceil_mode = 0.",
    });
  }
  lowering.emit(node, { ...common, kind: "average-pool", countPadding }, 4);
};

const globalPool: LowerFloat = (lowering, node) => {
  const { id } = lowering.picture(node);
  poolEverything(lowering, node, id, node.opType === "GlobalMaxPool", 4);
};

const reduceMean: LowerFloat = (lowering, node) => {
  const { id } = lowering.picture(node);
  const given = lowering.constant(node, 1)?.values ?? integersAttribute(node, "axes") ?? [];
  const axes = Array.from(given, (axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (axes.join() !== "2,3") {
    throw nodeError(node, "unsupported-axes", "Only the mean over height and width is supported.", {
      expected: "axes 2 and 3",
      found: `axes ${axes.slice(0, 8)}`,
    });
  }
  poolEverything(lowering, node, id, false, integerAttribute(node, "keepdims", 1) === 0 ? 2 : 4);
};

function poolEverything(
  lowering: OnnxFloatLowering,
  node: OnnxNode,
  id: number,
  isMax: boolean,
  rank: 2 | 4,
): void {
  const [height, width] = lowering.builder.shape(id);
  const window = {
    kernel: [height, width] as const,
    stride: [1, 1] as const,
    dilation: [1, 1] as const,
    padding: noPadding,
  };
  const common = { ...window, sourceOp: node.opType, inputs: [id] };
  lowering.emit(
    node,
    isMax ? { ...common, kind: "max-pool" } : { ...common, kind: "average-pool", countPadding: false },
    rank,
  );
}

/** Flatten, Reshape, Squeeze and Unsqueeze: everything behind the batch becomes a row, or nothing changes. */
const reshape: LowerFloat = (lowering, node) => {
  const value = lowering.activation(node);
  const before = lowering.dims(value);
  const after = targetDims(lowering, node, before);
  const shape = lowering.builder.shape(value.id);
  const count = shape[0] * shape[1] * shape[2];
  const parts = { kind: "reshape" as const, sourceOp: node.opType, inputs: [value.id] };
  if (after.length === 2 && after[0] === 1) {
    const reorders = shape[0] * shape[1] > 1 && shape[2] > 1;
    const flattenedFrom = reorders ? ([...shape] as [number, number, number]) : value.flattenedFrom;
    lowering.emit(node, parts, 2, [1, 1, count], { flattenedFrom });
    return;
  }
  const picture = after.length === 4 && after[0] === 1;
  const unchanged = picture && value.rank === 4 && after.join() === before.join();
  const fromRow = picture && value.flattenedFrom === undefined && after[1] === count;
  if (unchanged || fromRow) {
    lowering.emit(node, parts, 4, unchanged ? [shape[0], shape[1], shape[2]] : [1, 1, count]);
    return;
  }
  throw nodeError(node, "unsupported-reshape", "This reshape cannot be imported.", {
    expected: `[1, ${count}]`,
    found: `[${after}] of [${before}]`,
    hint: "Only flattening everything behind the batch is supported.",
  });
};

function targetDims(lowering: OnnxFloatLowering, node: OnnxNode, before: readonly number[]): number[] {
  switch (node.opType) {
    case "Flatten": {
      const axis = integerAttribute(node, "axis", 1);
      const split = axis < 0 ? axis + before.length : axis;
      const size = (dims: readonly number[]) => dims.reduce((total, extent) => total * extent, 1);
      return [size(before.slice(0, split)), size(before.slice(split))];
    }
    case "Reshape":
      return resolvedShape(node, before, lowering.requiredConstant(node, 1).values);
    default: {
      const axes = lowering.constant(node, 1)?.values ?? integersAttribute(node, "axes") ?? [];
      if (node.opType === "Unsqueeze") {
        const rank = before.length + axes.length;
        const added = new Set(Array.from(axes, (axis) => (axis < 0 ? axis + rank : axis)));
        const rest = [...before];
        return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)));
      }
      const dropped = new Set(Array.from(axes, (axis) => (axis < 0 ? axis + before.length : axis)));
      return before.filter((size, axis) =>
        dropped.size > 0 ? !dropped.has(axis) : size !== 1 || axis === 0,
      );
    }
  }
}

const pad: LowerFloat = (lowering, node) => {
  const { id } = lowering.picture(node);
  const mode = stringAttribute(node, "mode", "constant");
  const amounts = lowering.constant(node, 1)?.values ?? integersAttribute(node, "pads") ?? [];
  const axes = lowering.constant(node, 3)?.values ?? [0, 1, 2, 3];
  const value = lowering.constant(node, 2)?.values[0] ?? numberAttribute(node, "value", 0);
  const before = [0, 0, 0, 0];
  const after = [0, 0, 0, 0];
  Array.from(axes).forEach((axis, index) => {
    before[axis < 0 ? axis + 4 : axis] = amounts[index];
    after[axis < 0 ? axis + 4 : axis] = amounts[index + axes.length];
  });
  const all = [...before, ...after];
  const fits = amounts.length === 2 * axes.length && all.length === 8 && all.every((amount) => amount >= 0);
  if (mode !== "constant" || !fits || before[0] !== 0 || after[0] !== 0 || !Number.isFinite(value)) {
    throw nodeError(node, "unsupported-padding", "This padding cannot be imported.", {
      expected: "mode constant, amounts of 0 or more, none on the batch",
      found: `mode ${mode}, [${Array.from(amounts).slice(0, 8)}]`,
    });
  }
  lowering.emit(
    node,
    {
      kind: "pad",
      sourceOp: node.opType,
      inputs: [id],
      before: [before[2], before[3], before[1]],
      after: [after[2], after[3], after[1]],
      value,
    },
    4,
  );
};

const slice: LowerFloat = (lowering, node) => {
  const value = lowering.picture(node);
  const dims = lowering.dims(value);
  const starts = lowering.constant(node, 1)?.values ?? integersAttribute(node, "starts") ?? [];
  const ends = lowering.constant(node, 2)?.values ?? integersAttribute(node, "ends") ?? [];
  const axes =
    lowering.constant(node, 3)?.values ?? integersAttribute(node, "axes") ?? starts.map((_, axis) => axis);
  const steps = lowering.constant(node, 4)?.values ?? Array.from(starts, () => 1);
  const ranges = dims.map((size) => ({ start: 0, step: 1, length: size }));
  Array.from(axes).forEach((axis, index) => {
    const at = axis < 0 ? axis + 4 : axis;
    const step = steps[index];
    const visited = step >= 1 && dims[at] ? sliceRange(starts[index], ends[index], step, dims[at]) : [];
    if (visited.length === 0 || (at === 0 && visited.length !== 1)) {
      throw nodeError(node, "unsupported-slice", "This slice cannot be imported.", {
        expected: "at least one element of an axis behind the batch, with a step of 1 or more",
        found: `axis ${axis}: ${starts[index]}..${ends[index]} step ${step}`,
      });
    }
    ranges[at] = { start: visited[0], step, length: visited.length };
  });
  const [, channels, rows, columns] = ranges;
  const pick = (part: "start" | "step" | "length"): Shape => [rows[part], columns[part], channels[part]];
  const shape = pick("length");
  const parts = { kind: "slice" as const, sourceOp: node.opType, inputs: [value.id] };
  lowering.emit(node, { ...parts, start: pick("start"), step: pick("step") }, 4, [
    shape[0],
    shape[1],
    shape[2],
  ]);
};

const concat: LowerFloat = (lowering, node) => {
  const parts = node.inputs.map((_, position) => lowering.activation(node, position));
  const [{ rank }] = parts;
  const axis = integerAttribute(node, "axis", 1);
  const [height, width] = lowering.builder.shape(parts[0].id);
  const fits = parts.every((part: Activation) => {
    const shape = lowering.builder.shape(part.id);
    return part.rank === rank && !part.flattenedFrom && shape[0] === height && shape[1] === width;
  });
  if ((axis !== 1 && axis !== 1 - rank) || !fits) {
    throw nodeError(node, "unsupported-concatenation", "Only channels can be concatenated.", {
      expected: "axis 1, equal heights and widths",
      found: `axis ${axis}`,
    });
  }
  lowering.emit(node, { kind: "concat", sourceOp: node.opType, inputs: parts.map(({ id }) => id) }, rank);
};

const softmax: LowerFloat = (lowering, node) => {
  const { id, rank } = lowering.activation(node);
  const [height, width] = lowering.builder.shape(id);
  const axis = integerAttribute(node, "axis", lowering.model.opset >= 13 ? -1 : 1);
  const overChannels = axis === 1 || (axis === -1 && rank === 2);
  if (!overChannels || height * width !== 1) {
    throw nodeError(node, "unsupported-softmax", "Only a softmax over the classes is supported.", {
      expected: "[1, classes], axis 1",
      found: `[${lowering.dims(lowering.activation(node))}], axis ${axis}`,
    });
  }
  lowering.emit(node, { kind: "softmax", sourceOp: node.opType, inputs: [id], beta: 1 }, rank);
};

/** The grid of an activation; the DequantizeLinear behind it then changes nothing. */
const quantizeLinear: LowerFloat = (lowering, node) => {
  const { id, rank, flattenedFrom } = lowering.activation(node);
  const scale = lowering.requiredConstant(node, 1);
  const zero = lowering.constant(node, 2);
  if (scale.values.length !== 1 || !(scale.values[0] > 0)) {
    throw nodeError(node, "unsupported-quantization", "An activation must have one positive scale.", {
      expected: "1 scale",
      found: `${scale.values.length} (${scale.values[0]})`,
    });
  }
  const range = linearRange(node, zero?.typeName ?? "uint8");
  const grid = { scale: scale.values[0], zeroPoint: zero?.values[0] ?? 0, ...range };
  const parts = { kind: "fake-quantize" as const, sourceOp: node.opType, inputs: [id], grid };
  lowering.emit(node, parts, rank, undefined, { flattenedFrom });
};

const dequantizeLinear: LowerFloat = (lowering, node) => {
  const { id, rank, flattenedFrom } = lowering.activation(node);
  const writer = lowering.builder.nodes.find(({ output }) => output === id);
  const scale = lowering.requiredConstant(node, 1).values[0];
  const zeroPoint = lowering.constant(node, 2)?.values[0] ?? 0;
  if (
    writer?.kind !== "fake-quantize" ||
    writer.grid.scale !== scale ||
    writer.grid.zeroPoint !== zeroPoint
  ) {
    throw nodeError(node, "unsupported-quantization", "The value is not quantised on the same grid.", {
      expected: "a QuantizeLinear with this scale and zero point before it",
      found: writer?.sourceOp ?? "the model's input",
      hint: "Export the model in QDQ form (pairs of QuantizeLinear and DequantizeLinear).",
    });
  }
  const parts = { kind: "identity" as const, sourceOp: node.opType, inputs: [id] };
  lowering.emit(node, parts, rank, undefined, { flattenedFrom });
};

export const floatOperators: Readonly<Record<string, LowerFloat>> = {
  Add: arithmetic,
  AveragePool: pool,
  BatchNormalization: lowerBatchNormalization,
  Clip: clip,
  Concat: concat,
  Conv: lowerConv,
  DequantizeLinear: dequantizeLinear,
  Div: arithmetic,
  Flatten: reshape,
  Gemm: lowerGemm,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  MatMul: lowerMatMul,
  MaxPool: pool,
  Mul: arithmetic,
  Pad: pad,
  QuantizeLinear: quantizeLinear,
  ReduceMean: reduceMean,
  Relu: relu,
  Reshape: reshape,
  Slice: slice,
  Softmax: softmax,
  Squeeze: reshape,
  Sub: arithmetic,
  Unsqueeze: reshape,
};
