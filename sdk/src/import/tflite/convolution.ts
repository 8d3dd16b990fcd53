/**
 * CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and MEAN: an int32 sum of products, then the kernels' requantisation.
 *
 * Each becomes two nodes, a convolution into an accumulator tensor "NAME/accumulator" and a requantisation into NAME.
 */
import { INT32_MAX, INT32_MIN } from "../../graph/limits.js";
import { accumulatorRange } from "../../graph/range.js";
import type { ConvolutionNode, Shape, TensorId, Window } from "../../graph/types.js";
import { noPadding, windowOutputShape } from "../../graph/window.js";
import { typeRange } from "./activation.js";
import type { Activation, Lowering } from "./lowering.js";
import type { TfliteOperator, TfliteTensor } from "./model.js";
import { convolutionFactor, type FixedMultiplier, quantizeMultiplier, roundingStages } from "./multiplier.js";
import { convolutionOptions, depthwiseOptions, fullyConnectedOptions } from "./schema.js";
import { slidingWindow } from "./sliding-window.js";

/** Left shifts above this would leave int32 in the source framework. */
const MAX_LEFT_SHIFT = 30;

type Filter = Pick<ConvolutionNode, "weights" | "weightZeroPoint" | "weightScale">;

export function lowerConvolution(lowering: Lowering, operator: TfliteOperator): void {
  const isDepthwise = operator.op === "DEPTHWISE_CONV_2D";
  const fields = isDepthwise ? depthwiseOptions : convolutionOptions;
  const { id, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  const weights = lowering.operand(operator, 1);
  for (const tensor of [input.source, output.source, weights]) lowering.requireRank4(operator, tensor);

  const [first, height, width, last] = weights.shape;
  const channels = input.shape[2];
  const outputs = isDepthwise ? last : first;
  const perGroup = isDepthwise ? 1 : last;
  const groups = isDepthwise ? channels : channels / last;
  const consistent = isDepthwise ? first === 1 : true;
  if (!consistent || !Number.isInteger(groups) || groups < 1 || outputs % groups !== 0 || outputs < 1) {
    throw lowering.fail(operator, "bad-filter", "the filter does not fit the input's channels.", {
      expected: isDepthwise
        ? `[1, height, width, a multiple of ${channels}]`
        : `a divisor of ${channels} inputs`,
      found: `[${weights.shape}]`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const option = (field: number, fallback = 0) => operator.options?.int32(field, fallback) ?? fallback;
  const window = slidingWindow(lowering, operator, {
    input: input.shape,
    kernel: [height, width],
    stride: [option(fields.strideHeight), option(fields.strideWidth)],
    dilation: [option(fields.dilationHeight, 1), option(fields.dilationWidth, 1)],
    padding: operator.options?.int8(fields.padding) ?? 0,
  });
  lowering.requireShape(operator, windowOutputShape(input.shape, window, outputs), output);
  const filter = readFilter(lowering, operator, weights, input, outputs, isDepthwise ? 3 : 0);
  emit(lowering, operator, id, input, output, {
    ...window,
    ...filter,
    weights: isDepthwise ? depthwiseOrder(lowering, weights, filter.weights, outputs) : filter.weights,
    groups,
    bias: readBias(lowering, operator, outputs),
    multipliers: multipliersOf(input, filter.weightScale, output, input.type === "UINT8"),
    clamp: lowering.fusedRange(operator, operator.options?.int8(fields.activation) ?? 0, output),
    inputsPerGroup: perGroup,
  });
}

export function lowerFullyConnected(lowering: Lowering, operator: TfliteOperator): void {
  const { id, tensor, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  const weights = lowering.operand(operator, 1);
  const [outputs, inputs] = weights.shape;
  const elements = input.shape[0] * input.shape[1] * input.shape[2];
  if (weights.shape.length !== 2 || outputs < 1 || inputs !== elements) {
    throw lowering.fail(operator, "bad-filter", "the weight matrix does not fit the input.", {
      expected: `[outputs, ${elements}]`,
      found: `[${weights.shape}]`,
      hint: "Convert the model with a batch of 1; several rows at once are not supported.",
    });
  }
  const format = operator.options?.int8(fullyConnectedOptions.weightsFormat) ?? 0;
  if (format !== 0) {
    throw lowering.fail(operator, "unsupported-format", "the weights are stored shuffled.", {
      expected: "weights_format DEFAULT",
      found: `format ${format}`,
      hint: "Convert the model again without shuffled weights.",
    });
  }
  const flat: Shape = [1, 1, elements];
  lowering.requireShape(operator, [1, 1, outputs], {
    ...output,
    shape: [1, 1, output.shape.reduce(multiply, 1)],
  });
  let flatId = id;
  if (input.shape[2] !== elements) {
    const name = `${output.source.name}/flatten`;
    flatId = lowering.addTensor({ ...tensor, name, shape: flat });
    lowering.nodes.push({
      kind: "reshape",
      name: lowering.nodeName(name),
      sourceOp: operator.op,
      inputs: [id],
      output: flatId,
    });
  }
  const filter = readFilter(lowering, operator, weights, input, outputs, 0);
  // One scale for the whole matrix takes the float32 product, as the kernel's preparation does.
  const floatProduct = input.type === "UINT8" || filter.weightScale.length === 1;
  emit(lowering, operator, flatId, { ...input, shape: flat }, output, {
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: noPadding,
    ...filter,
    groups: 1,
    bias: readBias(lowering, operator, outputs),
    multipliers: multipliersOf(input, filter.weightScale, output, floatProduct),
    clamp: lowering.fusedRange(
      operator,
      operator.options?.int8(fullyConnectedOptions.activation) ?? 0,
      output,
    ),
    inputsPerGroup: elements,
  });
}

/**
 * MEAN over height and width: a depthwise sum, then one requantisation whose multiplier contains 1 / n.
 *
 * The kernels have changed over the years; this is the present form: M' = floor((M << k) / n) with
 * k = floor(log2 n) (at most 32, and such that the total shift stays above -32), applied as any other multiplier.
 */
export function lowerMean(lowering: Lowering, operator: TfliteOperator): void {
  const { id, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  const axesTensor = lowering.operand(operator, 1);
  lowering.requireRank4(operator, input.source);
  const axes = lowering
    .integers(operator, axesTensor)
    .map((axis) => (axis < 0 ? axis + 4 : axis))
    .sort();
  if (axes.join() !== "1,2") {
    throw lowering.fail(operator, "unsupported-axes", "only the mean over height and width is supported.", {
      expected: "axes 1 and 2",
      found: `axes ${axes.slice(0, 8)}`,
      hint: "Use a global average pooling layer.",
    });
  }
  const [height, width, channels] = input.shape;
  lowering.requireShape(operator, [1, 1, channels], output);
  const count = height * width;
  const { multiplier, shift } = quantizeMultiplier(input.scale / output.scale);
  const extra = Math.min(Math.floor(Math.log2(count)), 32, 31 + shift);
  const meanMultiplier = Number((BigInt(multiplier) << BigInt(extra)) / BigInt(count));
  lowering.notes.add(
    "MEAN uses the single-multiplier form of current TensorFlow Lite; versions before 2.9 may differ by one.",
  );
  emit(lowering, operator, id, input, output, {
    kernel: [height, width],
    stride: [1, 1],
    dilation: [1, 1],
    padding: noPadding,
    groups: channels,
    weights: lowering.shared(`ones ${count * channels}`, () => {
      lowering.model.charge(count * channels);
      return new Int16Array(count * channels).fill(1);
    }),
    weightZeroPoint: 0,
    weightScale: Float64Array.of(1 / count),
    bias: new Int32Array(channels),
    multipliers: [{ multiplier: meanMultiplier, shift: shift - extra }],
    clamp: typeRange(output.type),
    inputsPerGroup: 1,
  });
}

interface Emission extends Window, Filter {
  readonly groups: number;
  readonly bias: Int32Array;
  readonly multipliers: readonly FixedMultiplier[];
  readonly clamp: { readonly min: number; readonly max: number };
  readonly inputsPerGroup: number;
}

function emit(
  lowering: Lowering,
  operator: TfliteOperator,
  inputId: TensorId,
  input: Activation,
  output: Activation,
  { multipliers, clamp, inputsPerGroup, ...parameters }: Emission,
): void {
  const excessive = multipliers.find(({ shift }) => shift > MAX_LEFT_SHIFT);
  if (excessive) {
    throw lowering.fail(operator, "bad-multiplier", "a requantisation factor is too large for int32.", {
      expected: `below 2^${MAX_LEFT_SHIFT}`,
      found: `about 2^${excessive.shift}`,
      hint: "The scales of this layer are damaged; quantise the model again.",
    });
  }
  const node = {
    ...parameters,
    kind: "convolution" as const,
    sourceOp: operator.op,
    inputs: [inputId],
    weightBits: 8,
    accumulatorShift: 0,
  };
  // The range below looks at every weight again; operators may share one weight tensor.
  lowering.model.charge(node.weights.length + 4 * node.bias.length);
  const range = accumulatorRange(lowering.tensors[inputId], node);
  if (range.min < INT32_MIN || range.max > INT32_MAX) {
    throw lowering.fail(operator, "accumulator-overflow", "the accumulator may leave int32.", {
      expected: "at most 32 bits for every input",
      found: `${range.min}..${range.max} with ${inputsPerGroup} inputs a window position`,
      hint: "The biases of this layer are damaged, or it is too wide for 32-bit accumulators.",
    });
  }
  const { weightScale } = parameters;
  const accumulator = lowering.addTensor({
    ...range,
    name: `${output.source.name}/accumulator`,
    shape: windowOutputShape(input.shape, parameters, parameters.bias.length),
    scale: weightScale.length === 1 ? input.scale * weightScale[0] : Number.NaN,
    zeroPoint: 0,
  });
  lowering.nodes.push({ ...node, name: lowering.nodeName(output.source.name), output: accumulator });
  const outputId = lowering.addOutput(output, clamp);
  lowering.nodes.push({
    kind: "requantize",
    name: lowering.nodeName(`${output.source.name}/requantize`),
    sourceOp: operator.op,
    inputs: [accumulator],
    output: outputId,
    inputZeroPoint: 0,
    ...roundingStages(multipliers),
    zeroPoint: output.zeroPoint,
    clamp,
  });
}

function multipliersOf(
  input: Activation,
  weightScale: Float64Array,
  output: Activation,
  floatProduct: boolean,
): FixedMultiplier[] {
  return Array.from(weightScale, (scale) =>
    quantizeMultiplier(convolutionFactor(input.scale, scale, output.scale, floatProduct)),
  );
}

/** Weights in the file's order, widened; scale per output channel or one; the zero point is the file's. */
function readFilter(
  lowering: Lowering,
  operator: TfliteOperator,
  source: TfliteTensor,
  input: Activation,
  outputs: number,
  channelDimension: number,
): Filter {
  const { type, scales, zeroPoints } = source;
  if (type !== input.type) {
    throw lowering.fail(operator, "mixed-types", `the weights hold ${type}, the input ${input.type}.`, {
      expected: input.type,
      found: type,
      hint: "Convert the model with full integer quantisation (8-bit weights and activations).",
    });
  }
  const perChannel = scales.length === outputs && scales.length > 1;
  if (
    (scales.length !== 1 && !perChannel) ||
    (perChannel && source.quantizedDimension !== channelDimension)
  ) {
    throw lowering.fail(operator, "bad-quantization", "the weights' scales do not fit the output channels.", {
      expected: `1 scale, or ${outputs} along dimension ${channelDimension}`,
      found: `${scales.length} along dimension ${source.quantizedDimension}`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const range = typeRange(input.type);
  const [zeroPoint] = zeroPoints;
  // The int8 kernels have no weight zero point; the uint8 ones have one for the tensor.
  const valid =
    type === "INT8"
      ? zeroPoints.every((value) => value === 0)
      : !perChannel && zeroPoint >= range.min && zeroPoint <= range.max;
  if (!valid) {
    throw lowering.fail(
      operator,
      "bad-zero-point",
      "the weights have a zero point their kernel does not know.",
      {
        expected: type === "INT8" ? "0 for int8 weights" : "one zero point in 0..255 for uint8 weights",
        found: `${zeroPoints.slice(0, 8)}`,
        hint: "Convert the model again with a current TensorFlow Lite.",
      },
    );
  }
  const data = lowering.constant(operator, source);
  const weights = lowering.shared(`weights ${source.index}`, () =>
    Int16Array.from(type === "INT8" ? new Int8Array(data.buffer, data.byteOffset, data.length) : data),
  );
  return { weights, weightZeroPoint: zeroPoint, weightScale: Float64Array.from(scales) };
}

/** [1][height][width][outputs] to [outputs][height][width][1]. */
function depthwiseOrder(
  lowering: Lowering,
  source: TfliteTensor,
  weights: Int16Array,
  outputs: number,
): Int16Array {
  return lowering.shared(`depthwise ${source.index}`, () => {
    const positions = weights.length / outputs;
    const ordered = new Int16Array(weights.length);
    for (let position = 0; position < positions; position += 1) {
      for (let output = 0; output < outputs; output += 1) {
        ordered[output * positions + position] = weights[position * outputs + output];
      }
    }
    return ordered;
  });
}

function readBias(lowering: Lowering, operator: TfliteOperator, outputs: number): Int32Array {
  const source = lowering.optionalOperand(operator, 2);
  if (source === undefined) return lowering.shared(`zeros ${outputs}`, () => new Int32Array(outputs));
  const data = lowering.constant(operator, source);
  if (source.type !== "INT32" || data.length !== 4 * outputs) {
    throw lowering.fail(operator, "bad-bias", "the bias does not fit.", {
      expected: `INT32 [${outputs}]`,
      found: `${source.type} [${source.shape}]`,
      hint: "Convert the model with full integer quantisation.",
    });
  }
  return lowering.shared(`bias ${source.index}`, () => {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return Int32Array.from({ length: outputs }, (_, index) => view.getInt32(4 * index, true));
  });
}

function multiply(product: number, extent: number): number {
  return product * extent;
}
