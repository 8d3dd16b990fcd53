/** RESHAPE, SQUEEZE, EXPAND_DIMS, PAD and CONCATENATION: integers move, none changes. */
import { elementCount } from "../../graph/lookup.js";
import type { Lowering } from "./lowering.js";
import type { TfliteOperator } from "./model.js";
import { concatenationOptions } from "./schema.js";

/** The new shape is the output tensor's; NHWC row-major order is kept, so nothing moves. */
export function lowerReshape(lowering: Lowering, operator: TfliteOperator): void {
  const { id, tensor, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  lowering.requireSameQuantization(operator, input, output);
  if (elementCount(input.shape) !== elementCount(output.shape)) {
    throw lowering.fail(operator, "shape-mismatch", "input and output have different numbers of elements.", {
      expected: `${elementCount(input.shape)}`,
      found: `${elementCount(output.shape)}`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const outputId = lowering.addOutput(output, { min: tensor.min, max: tensor.max });
  lowering.nodes.push({
    kind: "reshape",
    name: lowering.nodeName(lowering.tensors[outputId].name),
    sourceOp: operator.op,
    inputs: [id],
    output: outputId,
  });
}

export function lowerPad(lowering: Lowering, operator: TfliteOperator): void {
  const { id, tensor, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  lowering.requireRank4(operator, input.source);
  lowering.requireSameQuantization(operator, input, output);
  const amounts = lowering.integers(operator, lowering.operand(operator, 1));
  const [batchBefore, batchAfter, top, bottom, left, right, channelBefore, channelAfter] = amounts;
  const spatialOnly = batchBefore === 0 && batchAfter === 0 && channelBefore === 0 && channelAfter === 0;
  if (amounts.length !== 8 || !spatialOnly || amounts.some((amount) => amount < 0 || amount > 65_535)) {
    throw lowering.fail(operator, "unsupported-padding", "only height and width can be padded.", {
      expected: "[[0,0], [top,bottom], [left,right], [0,0]]",
      found: `[${amounts.slice(0, 8)}]`,
      hint: "Pad channels with zero weights in the next convolution instead.",
    });
  }
  const [height, width, channels] = input.shape;
  lowering.requireShape(operator, [height + top + bottom, width + left + right, channels], output);
  const outputId = lowering.addOutput(output, {
    min: Math.min(tensor.min, input.zeroPoint),
    max: Math.max(tensor.max, input.zeroPoint),
  });
  lowering.nodes.push({
    kind: "pad",
    name: lowering.nodeName(lowering.tensors[outputId].name),
    sourceOp: operator.op,
    inputs: [id],
    output: outputId,
    padding: { top, bottom, left, right },
  });
}

export function lowerConcatenation(lowering: Lowering, operator: TfliteOperator): void {
  const inputs = operator.inputs.map((_, position) => lowering.input(operator, position));
  const output = lowering.output(operator);
  for (const { activation } of inputs) lowering.requireSameQuantization(operator, activation, output);
  const rank = output.source.shape.length;
  const axis = operator.options?.int32(concatenationOptions.axis) ?? 0;
  const activation = operator.options?.int8(concatenationOptions.activation) ?? 0;
  const [height, width] = output.shape;
  const stackable = inputs.every(({ activation: { shape } }) => shape[0] === height && shape[1] === width);
  const channels = inputs.reduce((sum, input) => sum + input.activation.shape[2], 0);
  if ((axis !== rank - 1 && axis !== -1) || !stackable || activation !== 0 || channels !== output.shape[2]) {
    throw lowering.fail(operator, "unsupported-concatenation", "only channels can be concatenated.", {
      expected: `axis ${rank - 1}, no activation, equal heights and widths, ${output.shape[2]} channels together`,
      found: `axis ${axis}, activation ${activation}, ${channels} channels`,
      hint: "Concatenate along channels.",
    });
  }
  const outputId = lowering.addOutput(output, {
    min: Math.min(...inputs.map(({ tensor }) => tensor.min)),
    max: Math.max(...inputs.map(({ tensor }) => tensor.max)),
  });
  lowering.nodes.push({
    kind: "concat",
    name: lowering.nodeName(lowering.tensors[outputId].name),
    sourceOp: operator.op,
    inputs: inputs.map(({ id }) => id),
    output: outputId,
  });
}
