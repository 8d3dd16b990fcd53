/** ADD, RELU, RELU6, RELU_N1_TO_1 and QUANTIZE between 8-bit tensors. */
import { addendRange } from "../../graph/range.js";
import type { AddendScale, TensorId } from "../../graph/types.js";
import { activationRange, typeRange } from "./activation.js";
import type { Activation, Lowering } from "./lowering.js";
import type { TfliteOperator } from "./model.js";
import { quantizeMultiplier, roundingStages } from "./multiplier.js";
import { type ActivationName, addOptions } from "./schema.js";

/** The kernels raise both inputs by 20 bits before they scale them to twice the larger of the two scales. */
const ADD_LEFT_SHIFT = 20;
const MAX_LEFT_SHIFT = 30;

export function lowerAdd(lowering: Lowering, operator: TfliteOperator): void {
  const a = lowering.input(operator, 0);
  const b = lowering.input(operator, 1);
  const output = lowering.output(operator);
  const shapes = [a, b].map(({ activation }) => activation.shape.join());
  if (shapes[0] !== shapes[1]) {
    throw lowering.fail(operator, "unsupported-broadcast", "the two inputs have different shapes.", {
      expected: `[${shapes[0]}]`,
      found: `[${shapes[1]}]`,
      hint: "Only additions of equal shapes are supported; fold a constant addend into the bias before it.",
    });
  }
  lowering.requireShape(operator, a.activation.shape, output);
  const twiceMax = 2 * Math.max(a.activation.scale, b.activation.scale);
  const addend = ({ activation }: typeof a): AddendScale => ({
    zeroPoint: activation.zeroPoint,
    leftShift: ADD_LEFT_SHIFT,
    ...roundingStages([quantizeMultiplier(activation.scale / twiceMax)]),
  });
  const scales: [AddendScale, AddendScale] = [addend(a), addend(b)];
  const ranges = [addendRange(a.tensor, scales[0]), addendRange(b.tensor, scales[1])];
  const sum = lowering.addTensor({
    name: `${output.source.name}/sum`,
    shape: output.shape,
    min: ranges[0].min + ranges[1].min,
    max: ranges[0].max + ranges[1].max,
    scale: twiceMax / 2 ** ADD_LEFT_SHIFT,
    zeroPoint: 0,
  });
  const inputs = [a.id, b.id];
  lowering.nodes.push({
    kind: "add",
    name: lowering.nodeName(output.source.name),
    sourceOp: operator.op,
    inputs,
    output: sum,
    scales,
  });
  const clamp = lowering.fusedRange(operator, operator.options?.int8(addOptions.activation) ?? 0, output);
  requantize(lowering, operator, sum, 0, twiceMax / (2 ** ADD_LEFT_SHIFT * output.scale), output, clamp);
}

/** A free-standing activation: a clamp, or a requantisation where the quantisation changes too. */
export function lowerActivation(lowering: Lowering, operator: TfliteOperator): void {
  const { id, tensor, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  lowering.requireShape(operator, input.shape, output);
  const name = operator.op as ActivationName;
  const clamp = activationRange(name, output.type, output.scale, output.zeroPoint) ?? typeRange(output.type);
  const same =
    input.type === output.type && input.scale === output.scale && input.zeroPoint === output.zeroPoint;
  if (!same) {
    // The kernel divides the two float32 scales in float32.
    requantize(
      lowering,
      operator,
      id,
      input.zeroPoint,
      Math.fround(input.scale / output.scale),
      output,
      clamp,
    );
    return;
  }
  const clip = (value: number) => Math.min(Math.max(value, clamp.min), clamp.max);
  const outputId = lowering.addOutput(output, { min: clip(tensor.min), max: clip(tensor.max) });
  lowering.nodes.push({
    kind: "clamp",
    name: lowering.nodeName(lowering.tensors[outputId].name),
    sourceOp: operator.op,
    inputs: [id],
    output: outputId,
    ...clamp,
  });
}

/** QUANTIZE from one 8-bit quantisation to another. */
export function lowerRequantize(lowering: Lowering, operator: TfliteOperator): void {
  const { id, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  lowering.requireShape(operator, input.shape, output);
  requantize(
    lowering,
    operator,
    id,
    input.zeroPoint,
    input.scale / output.scale,
    output,
    typeRange(output.type),
  );
}

function requantize(
  lowering: Lowering,
  operator: TfliteOperator,
  input: TensorId,
  inputZeroPoint: number,
  factor: number,
  output: Activation,
  clamp: { readonly min: number; readonly max: number },
): void {
  const multiplier = quantizeMultiplier(factor);
  if (multiplier.shift > MAX_LEFT_SHIFT) {
    throw lowering.fail(operator, "bad-multiplier", "a requantisation factor is too large for int32.", {
      expected: `below 2^${MAX_LEFT_SHIFT}`,
      found: String(factor),
      hint: "The scales of this layer are damaged; quantise the model again.",
    });
  }
  const outputId = lowering.addOutput(output, clamp);
  lowering.nodes.push({
    kind: "requantize",
    name: lowering.nodeName(`${output.source.name}/requantize`),
    sourceOp: operator.op,
    inputs: [input],
    output: outputId,
    inputZeroPoint,
    ...roundingStages([multiplier]),
    zeroPoint: output.zeroPoint,
    clamp,
  });
}
