/** The checks of one node: shapes, parameters, and that its values stay inside the range its output declares. */
import { GraphError, type SluiceErrorFacts } from "../errors.js";
import { INT32_MAX, INT32_MIN, MAX_EXTENT } from "./limits.js";
import { elementCount, isEightBit } from "./lookup.js";
import { provenRange } from "./range.js";
import type {
  AddendScale,
  AddNode,
  AveragePoolNode,
  ConvolutionNode,
  GraphNode,
  RoundingStage,
  Shape,
  Tensor,
  Window,
} from "./types.js";
import { windowExtent, windowOutputShape } from "./window.js";

const roundings = ["half-up", "half-even", "half-away"];
const MAX_SHIFT = 62;

/** Throws a GraphError about the node being checked. */
type Fail = (code: string, message: string, facts?: SluiceErrorFacts) => never;

/** @throws {GraphError} with the node's name. Its tensors must exist. */
export function validateNode(tensors: readonly Tensor[], node: GraphNode): void {
  const place = `node "${node.name}" (${node.sourceOp})`;
  const fail: Fail = (code, message, facts) => {
    throw new GraphError(code, message, { place, ...facts });
  };
  const inputs = node.inputs.map((id) => tensors[id]);
  const output = tensors[node.output];
  const expectShape = (expected: Shape) => {
    if (expected.every((size, axis) => size === output.shape[axis])) return;
    fail("shape-mismatch", `The output of a ${node.kind} node has the wrong shape.`, {
      expected: `[${expected.join(", ")}]`,
      found: `[${output.shape.join(", ")}]`,
    });
  };

  switch (node.kind) {
    case "convolution":
      checkConvolution(inputs[0], node, fail);
      expectShape(windowOutputShape(inputs[0].shape, node, node.bias.length));
      break;
    case "requantize":
      expectShape(inputs[0].shape);
      checkStage(node.stageA, output.shape[2], fail);
      if (node.stageB) checkStage(node.stageB, output.shape[2], fail);
      checkInteger("inputZeroPoint", node.inputZeroPoint, fail);
      checkInteger("zeroPoint", node.zeroPoint, fail);
      checkInterval(node.clamp, fail);
      checkRelative(inputs[0], node.inputZeroPoint, 0, fail);
      break;
    case "clamp":
      expectShape(inputs[0].shape);
      checkInterval(node, fail);
      break;
    case "add":
      checkAdd(inputs, node, fail);
      expectShape(inputs[0].shape);
      break;
    case "max-pool":
      checkWindow(inputs[0], node, fail);
      checkPoolPositions(inputs[0].shape, node, fail);
      expectShape(windowOutputShape(inputs[0].shape, node, inputs[0].shape[2]));
      break;
    case "average-pool":
      checkWindow(inputs[0], node, fail);
      checkPoolPositions(inputs[0].shape, node, fail);
      checkAverage(inputs[0], node, fail);
      expectShape(windowOutputShape(inputs[0].shape, node, inputs[0].shape[2]));
      break;
    case "concat":
      checkConcat(inputs, output, fail);
      break;
    case "pad": {
      const { top, bottom, left, right } = node.padding;
      for (const size of [top, bottom, left, right]) checkInteger("padding", size, fail, 0, MAX_EXTENT);
      const [height, width, channels] = inputs[0].shape;
      expectShape([height + top + bottom, width + left + right, channels]);
      break;
    }
    case "reshape":
      if (elementCount(inputs[0].shape) !== elementCount(output.shape)) expectShape(inputs[0].shape);
      break;
    case "softmax":
      expectShape(inputs[0].shape);
      if (!(node.beta > 0 && node.beta < Infinity)) {
        fail("bad-parameter", "Softmax needs a positive beta.", { found: String(node.beta) });
      }
      return; // its values are real numbers, so they have no integer range
  }
  checkRange(tensors, node, output, fail);
}

function checkRange(tensors: readonly Tensor[], node: GraphNode, output: Tensor, fail: Fail): void {
  const { min, max } = provenRange(tensors, node);
  if (min < INT32_MIN || max > INT32_MAX) {
    fail("accumulator-overflow", "A result could leave 32 bits.", {
      expected: `${INT32_MIN}..${INT32_MAX}`,
      found: `${min}..${max} in the worst case`,
      hint: "Split the layer or use fewer bits for its weights or inputs.",
    });
  }
  if (min < output.min || max > output.max) {
    fail("range-too-narrow", `The node can write values that tensor "${output.name}" does not declare.`, {
      expected: `at least ${min}..${max}`,
      found: `${output.min}..${output.max}`,
    });
  }
}

function checkConvolution(input: Tensor, node: ConvolutionNode, fail: Fail): void {
  checkWindow(input, node, fail);
  const channels = input.shape[2];
  const outputs = node.bias.length;
  checkInteger("groups", node.groups, fail, 1, channels);
  if (outputs < 1 || channels % node.groups !== 0 || outputs % node.groups !== 0) {
    fail("bad-groups", "Input and output channels must be multiples of the groups.", {
      expected: `multiples of ${node.groups}`,
      found: `${channels} inputs, ${outputs} outputs`,
    });
  }
  const expected = outputs * node.kernel[0] * node.kernel[1] * (channels / node.groups);
  if (node.weights.length !== expected) {
    fail("bad-length", "A convolution has the wrong number of weights.", {
      expected: `${expected}`,
      found: `${node.weights.length}`,
    });
  }
  if (node.weightScale.length !== 1 && node.weightScale.length !== outputs) {
    fail("bad-length", "A convolution has the wrong number of weight scales.", {
      expected: `1 or ${outputs}`,
      found: `${node.weightScale.length}`,
    });
  }
  checkInteger("accumulatorShift", node.accumulatorShift, fail, 0, 31);
  checkInteger("weightBits", node.weightBits, fail, 1, 8);
  let min = node.weightZeroPoint;
  let max = node.weightZeroPoint;
  for (const weight of node.weights) {
    if (weight < min) min = weight;
    if (weight > max) max = weight;
  }
  if (!isEightBit({ min, max })) {
    fail("bad-weights", "Weights do not fit 8 bits.", {
      expected: "-128..127 or 0..255, zero point included",
      found: `${min}..${max}`,
      hint: "Quantise the weights to 8 bits or fewer.",
    });
  }
  if (!isEightBit(input)) {
    fail("not-eight-bit", "A convolution reads a tensor of more than 8 bits.", {
      expected: "-128..127 or 0..255",
      found: `${input.min}..${input.max} ("${input.name}")`,
      hint: "Quantise the tensor to 8 bits before this layer.",
    });
  }
}

function checkAdd(inputs: readonly Tensor[], node: AddNode, fail: Fail): void {
  if (!inputs[0].shape.every((size, axis) => size === inputs[1].shape[axis])) {
    fail("shape-mismatch", "The inputs of an addition have different shapes.", {
      expected: `[${inputs[0].shape.join(", ")}]`,
      found: `[${inputs[1].shape.join(", ")}]`,
      hint: "Broadcasting is not part of the graph; add tensors of equal shape.",
    });
  }
  node.scales.forEach((scale: AddendScale, side) => {
    checkInteger("leftShift", scale.leftShift, fail, 0, 31);
    checkInteger("zeroPoint", scale.zeroPoint, fail);
    checkRelative(inputs[side], scale.zeroPoint, scale.leftShift, fail);
    checkStage(scale.stageA, 1, fail);
    if (scale.stageB) checkStage(scale.stageB, 1, fail);
  });
}

function checkAverage(input: Tensor, node: AveragePoolNode, fail: Fail): void {
  checkInteger("numerator", node.numerator, fail, 1);
  checkInteger("denominator", node.denominator, fail, 1);
  checkInteger("inputZeroPoint", node.inputZeroPoint, fail);
  checkInteger("zeroPoint", node.zeroPoint, fail);
  checkInterval(node.clamp, fail);
  if (!roundings.includes(node.rounding)) {
    fail("bad-rounding", "Unknown rounding mode.", { expected: roundings.join(", "), found: node.rounding });
  }
  const largest = Math.max(
    Math.abs(input.min - node.inputZeroPoint),
    Math.abs(input.max - node.inputZeroPoint),
  );
  const sum = largest * node.kernel[0] * node.kernel[1];
  if (sum > INT32_MAX) {
    fail("accumulator-overflow", "The sum of a pooling window could leave 32 bits.", { found: `${sum}` });
  }
}

function checkConcat(inputs: readonly Tensor[], output: Tensor, fail: Fail): void {
  let channels = 0;
  for (const input of inputs) {
    channels += input.shape[2];
    if (input.shape[0] !== output.shape[0] || input.shape[1] !== output.shape[1]) {
      fail("shape-mismatch", "The inputs of a concatenation differ in height or width.", {
        expected: `[${output.shape[0]}, ${output.shape[1]}, ...]`,
        found: `[${input.shape.join(", ")}] ("${input.name}")`,
      });
    }
    if (!Object.is(input.scale, output.scale) || input.zeroPoint !== output.zeroPoint) {
      fail("scale-mismatch", "The inputs of a concatenation are quantised differently.", {
        expected: `scale ${output.scale}, zero point ${output.zeroPoint}`,
        found: `scale ${input.scale}, zero point ${input.zeroPoint} ("${input.name}")`,
      });
    }
  }
  if (channels !== output.shape[2]) {
    fail("shape-mismatch", "The channels of a concatenation do not add up.", {
      expected: `${channels}`,
      found: `${output.shape[2]}`,
    });
  }
}

function checkWindow(input: Tensor, { kernel, stride, dilation, padding }: Window, fail: Fail): void {
  const { top, bottom, left, right } = padding;
  for (const size of [...kernel, ...stride, ...dilation]) checkInteger("window", size, fail, 1, MAX_EXTENT);
  for (const size of [top, bottom, left, right]) checkInteger("padding", size, fail, 0, MAX_EXTENT);
  const height = input.shape[0] + top + bottom;
  const width = input.shape[1] + left + right;
  if (windowExtent(kernel[0], dilation[0]) > height || windowExtent(kernel[1], dilation[1]) > width) {
    fail("window-too-large", "A window is larger than its padded input.", {
      expected: `at most ${height} x ${width}`,
      found: `${windowExtent(kernel[0], dilation[0])} x ${windowExtent(kernel[1], dilation[1])}`,
    });
  }
}

/** A pool has no value where its window lies outside the input altogether. */
function checkPoolPositions(input: Shape, { kernel, stride, dilation, padding }: Window, fail: Fail): void {
  const before = [padding.top, padding.left];
  const after = [padding.bottom, padding.right];
  for (const axis of [0, 1]) {
    const reach = input[axis] + before[axis] + after[axis] - windowExtent(kernel[axis], dilation[axis]);
    for (let start = -before[axis]; start <= reach - before[axis]; start += stride[axis]) {
      const firstTap = start < 0 ? Math.ceil(-start / dilation[axis]) : 0;
      if (firstTap < kernel[axis] && start + firstTap * dilation[axis] < input[axis]) continue;
      fail("empty-window", "A pooling window lies in the padding altogether.", {
        expected: "at least one position inside the input",
        found: `a window from ${start} on axis ${axis} of size ${input[axis]}`,
      });
    }
  }
}

function checkStage(stage: RoundingStage, channels: number, fail: Fail): void {
  for (const { length } of [stage.multiplier, stage.shift]) {
    if (length === 1 || length === channels) continue;
    fail("bad-length", "A rounding stage has the wrong number of multipliers or shifts.", {
      expected: channels === 1 ? "1" : `1 or ${channels}`,
      found: `${length}`,
    });
  }
  const shift = stage.shift.find((bits) => bits > MAX_SHIFT);
  if (shift !== undefined) {
    fail("bad-parameter", "A shift is too large.", { expected: `0..${MAX_SHIFT}`, found: `${shift}` });
  }
  if (!roundings.includes(stage.rounding)) {
    fail("bad-rounding", "Unknown rounding mode.", { expected: roundings.join(", "), found: stage.rounding });
  }
  if (stage.clamp) checkInterval(stage.clamp, fail);
}

/** (x - zeroPoint) * 2^leftShift must fit int32, the operand of a rounding stage. */
function checkRelative(input: Tensor, zeroPoint: number, leftShift: number, fail: Fail): void {
  const low = (input.min - zeroPoint) * 2 ** leftShift;
  const high = (input.max - zeroPoint) * 2 ** leftShift;
  if (low >= INT32_MIN && high <= INT32_MAX) return;
  fail("accumulator-overflow", "The operand of a rounding stage could leave 32 bits.", {
    expected: `${INT32_MIN}..${INT32_MAX}`,
    found: `${low}..${high}`,
  });
}

function checkInterval({ min, max }: { readonly min: number; readonly max: number }, fail: Fail): void {
  checkInteger("clamp", min, fail);
  checkInteger("clamp", max, fail, min);
}

function checkInteger(
  what: string,
  value: number,
  fail: Fail,
  least: number = INT32_MIN,
  most: number = INT32_MAX,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  fail("bad-parameter", `Parameter ${what} is out of range.`, {
    expected: `an integer, ${least}..${most}`,
    found: `${value}`,
  });
}
