/** Nodes that move values without changing them: Flatten, Reshape, Concat, Pad; and Softmax at the end. */
import type { Shape } from "../../../graph/types.js";
import { integerAttribute, integersAttribute, stringAttribute } from "../attributes.js";
import { type Constant, nodeError, type OnnxNode } from "../model.js";
import { type Lowering, requireSourceOrder, singleExponent, type Value } from "./lowering.js";
import { scaleStage } from "./quant.js";

export function lowerFlatten(lowering: Lowering, node: OnnxNode): void {
  const axis = integerAttribute(node, "axis", 1);
  const input = lowering.input(node);
  if (axis !== 1 && axis !== 1 - input.rank) {
    throw nodeError(node, "unsupported-reshape", "Flatten is supported from axis 1 only.", {
      found: `${axis}`,
    });
  }
  flatten(lowering, node, input);
}

/** Only reshapes that flatten everything behind the batch, or change nothing. */
export function lowerReshape(lowering: Lowering, node: OnnxNode): void {
  const input = lowering.input(node);
  const target = lowering.model.constants.get(node.inputs[1] ?? "");
  if (target === undefined) {
    throw nodeError(node, "not-constant", "The target shape of a Reshape is not a constant.", {
      found: node.inputs[1] ?? "nothing",
    });
  }
  const [height, width, channels] = lowering.tensor(input).shape;
  const count = height * width * channels;
  const before = input.rank === 4 ? [1, channels, height, width] : [1, channels];
  const dims = [...target.values].map((size, axis) => (size === 0 ? (before[axis] ?? 0) : size));
  const known = dims.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const full = dims.map((size) => (size === -1 ? count / known : size));
  if (full.length === 2 && full[0] === 1 && full[1] === count) {
    flatten(lowering, node, input);
    return;
  }
  const vectorToPicture = full.length === 4 && full[1] === count && height * width === 1;
  if (full.join() === before.join() || vectorToPicture) {
    requireSourceOrder(node, input);
    const facts = { shape: [height, width, channels] as Shape, exponents: input.exponents };
    const { zeroPoint } = lowering.tensor(input);
    lowering.emit(node, { kind: "reshape" }, [input], {
      ...facts,
      zeroPoint,
      rank: full.length === 2 ? 2 : 4,
    });
    return;
  }
  throw nodeError(node, "unsupported-reshape", "This Reshape cannot be imported.", {
    expected: `[1, ${count}]`,
    found: `[${[...target.values].join(", ")}] of [${before.join(", ")}]`,
    hint: "Only flattening everything behind the batch is supported.",
  });
}

function flatten(lowering: Lowering, node: OnnxNode, input: Value): void {
  const { shape, zeroPoint } = lowering.tensor(input);
  const [height, width, channels] = shape;
  const reorders = height * width > 1 && channels > 1;
  const exponents = reorders ? Int32Array.of(singleExponent(node, input)) : input.exponents;
  lowering.emit(node, { kind: "reshape" }, [input], {
    shape: [1, 1, height * width * channels],
    exponents: height * width > 1 ? Int32Array.of(singleExponent(node, input)) : exponents,
    zeroPoint,
    rank: 2,
    flattened: reorders ? shape : input.flattened,
  });
}

/** Along channels; inputs on coarser grids are moved to the finest one first, which is exact. */
export function lowerConcat(lowering: Lowering, node: OnnxNode): void {
  const inputs = node.inputs.map((_, index) => lowering.input(node, index));
  if (inputs.length === 0) throw nodeError(node, "unknown-input", "A Concat has no inputs.");
  const [{ rank }] = inputs;
  const axis = integerAttribute(node, "axis", 1);
  if ((axis !== 1 && axis !== 1 - rank) || inputs.some((input) => input.rank !== rank)) {
    throw nodeError(node, "unsupported-concat", "Only concatenation along channels can be imported.", {
      expected: "axis 1, inputs of the same number of dimensions",
      found: `axis ${axis}`,
    });
  }
  const exponents = inputs.map((input) => singleExponent(node, input));
  const finest = Math.min(...exponents);
  const sharedZero = lowering.tensor(inputs[0]).zeroPoint;
  const keepZero = inputs.every((input) => lowering.tensor(input).zeroPoint === sharedZero);
  const aligned = inputs.map((input, index) => {
    requireSourceOrder(node, input);
    if (exponents[index] === finest && keepZero) return input;
    return onGrid(lowering, node, input, finest, keepZero ? sharedZero : 0, index);
  });
  const [height, width] = lowering.tensor(inputs[0]).shape;
  const channels = inputs.reduce((sum, input) => sum + lowering.tensor(input).shape[2], 0);
  lowering.emit(node, { kind: "concat" }, aligned, {
    shape: [height, width, channels],
    exponents: Int32Array.of(finest),
    zeroPoint: keepZero ? sharedZero : 0,
    rank,
  });
}

function onGrid(
  lowering: Lowering,
  node: OnnxNode,
  input: Value,
  exponent: number,
  zeroPoint: number,
  index: number,
): Value {
  const tensor = lowering.tensor(input);
  const stageA = scaleStage(node, Int32Array.of(exponent - input.exponents[0]), "half-even");
  const factor = stageA.multiplier[0];
  const clamp = {
    min: (tensor.min - tensor.zeroPoint) * factor + zeroPoint,
    max: (tensor.max - tensor.zeroPoint) * factor + zeroPoint,
  };
  return lowering.emit(
    node,
    { kind: "requantize", inputZeroPoint: tensor.zeroPoint, stageA, zeroPoint, clamp },
    [input],
    { shape: tensor.shape, exponents: Int32Array.of(exponent), zeroPoint, rank: input.rank },
    `${node.outputs[0]}:input${index}`,
  );
}

/** Spatial zeros around a picture. */
export function lowerPad(lowering: Lowering, node: OnnxNode): void {
  const input = lowering.input(node);
  const mode = stringAttribute(node, "mode", "constant");
  const fill = lowering.model.constants.get(node.inputs[2] ?? "")?.values[0] ?? 0;
  const pads = padsOf(node, lowering.model.constants.get(node.inputs[1] ?? ""));
  const spatial = [0, 1, 4, 5].every((index) => pads[index] === 0) && pads.every((size) => size >= 0);
  if (mode !== "constant" || fill !== 0 || !spatial || (node.inputs[3] ?? "") !== "" || input.rank !== 4) {
    throw nodeError(node, "unsupported-pad", "Only zeros around height and width can be imported.", {
      expected: 'mode "constant", value 0, pads of 0 for batch and channels',
      found: `mode "${mode}", value ${fill}, pads [${pads.join(", ")}]`,
    });
  }
  const { shape, zeroPoint } = lowering.tensor(input);
  const [, , top, left, , , bottom, right] = pads;
  lowering.emit(node, { kind: "pad", padding: { top, bottom, left, right } }, [input], {
    shape: [shape[0] + top + bottom, shape[1] + left + right, shape[2]],
    exponents: input.exponents,
    zeroPoint,
    rank: 4,
  });
}

function padsOf(node: OnnxNode, constant: Constant | undefined): readonly number[] {
  const pads = constant ? [...constant.values] : (integersAttribute(node, "pads") ?? []);
  if (pads.length === 8) return pads;
  throw nodeError(node, "unsupported-pad", "The pads of a Pad node are not eight constant numbers.", {
    found: `[${pads.join(", ")}]`,
  });
}

/** Over the classes of a single row, as the last node. */
export function lowerSoftmax(lowering: Lowering, node: OnnxNode): void {
  const input = lowering.input(node);
  const tensor = lowering.tensor(input);
  const [height, width] = tensor.shape;
  const axis = integerAttribute(node, "axis", lowering.model.opset >= 13 ? -1 : 1);
  const classAxis = axis === 1 || axis === 1 - input.rank;
  requireSourceOrder(node, input);
  if (!classAxis || height * width !== 1 || node.outputs[0] !== lowering.model.output) {
    throw nodeError(node, "unsupported-softmax", "Softmax is supported as the last node, over the classes.", {
      expected: "axis 1 of a [1, classes] tensor",
      found: `axis ${axis} of [${tensor.shape.join(", ")}]`,
      hint: "The host evaluates it, so nothing may follow.",
    });
  }
  singleExponent(node, input);
  lowering.emit(node, { kind: "softmax", beta: 1 }, [input], {
    shape: tensor.shape,
    exponents: input.exponents,
    zeroPoint: 0,
    rank: input.rank,
  });
}
