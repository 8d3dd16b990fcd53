/** What each TensorFlow Lite operator means in real numbers. */
import type { FloatTensor, QuantizationGrid } from "../../graph/float.js";
import type { Shape, TensorId } from "../../graph/types.js";
import { noPadding } from "../../graph/window.js";
import type { FloatGraphBuilder } from "../float/builder.js";
import { realConstant } from "./constants.js";
import type { TfliteOperator, TfliteTensor } from "./model.js";
import type { OperatorAccess } from "./operator-access.js";
import {
  activationNames,
  addOptions,
  concatenationOptions,
  convolutionOptions,
  depthwiseOptions,
  fullyConnectedOptions,
  poolOptions,
  softmaxOptions,
} from "./schema.js";
import { slidingWindow } from "./sliding-window.js";

export interface FloatLowering {
  readonly access: OperatorAccess;
  readonly builder: FloatGraphBuilder;
  /** The graph tensor of a computed operand. */
  input(operator: TfliteOperator, position?: number): TensorId;
  outputTensor(operator: TfliteOperator): TfliteTensor;
  /** Declares `id` to be the operator's result, and checks its shape against the file's. */
  finish(operator: TfliteOperator, id: TensorId): void;
  quantization(source: TfliteTensor): QuantizationGrid | undefined;
  isComputed(source: TfliteTensor): boolean;
}

type Lower = (lowering: FloatLowering, operator: TfliteOperator) => void;

const bounds: Readonly<Record<string, readonly [number, number]>> = {
  NONE: [-Infinity, Infinity],
  RELU: [0, Infinity],
  RELU6: [0, 6],
  RELU_N1_TO_1: [-1, 1],
};

/** Ends an operator: its fused activation, under the tensor's own name. */
function finishWithActivation(
  lowering: FloatLowering,
  operator: TfliteOperator,
  code: number,
  make: (name: string, quantization: FloatTensor["quantization"]) => TensorId,
): void {
  const { access, builder } = lowering;
  const source = lowering.outputTensor(operator);
  const name = activationNames[code] ?? `activation ${code}`;
  const range = bounds[name];
  if (range === undefined) {
    throw access.fail(operator, "unsupported-activation", `the fused activation ${name} is not supported.`, {
      expected: Object.keys(bounds).join(", "),
      found: name,
      hint: "Train the model with one of these activations.",
    });
  }
  const quantization = lowering.quantization(source);
  const clamped = range !== bounds.NONE;
  const id = make(clamped ? `${source.name}/linear` : source.name, clamped ? undefined : quantization);
  lowering.finish(
    operator,
    clamped
      ? builder.add(
          source.name,
          { kind: "clamp", sourceOp: operator.op, inputs: [id], min: range[0], max: range[1] },
          undefined,
          quantization,
        )
      : id,
  );
}

/** A constant operand, looked for through the DEQUANTIZE that float16 models put before it. */
function weightTensor({ access }: FloatLowering, operator: TfliteOperator, position: number): TfliteTensor {
  const source = access.operand(operator, position);
  if (source.data !== undefined) return source;
  const writer = access.model.operators.find(
    ({ op, outputs }) => op === "DEQUANTIZE" && outputs[0] === source.index,
  );
  const stored = writer && access.model.tensors[writer.inputs[0]];
  return stored ? { ...stored, shape: source.shape } : source;
}

function biasOf(lowering: FloatLowering, operator: TfliteOperator, outputs: number): Float32Array {
  const { access } = lowering;
  if (access.optionalOperand(operator, 2) === undefined) return new Float32Array(outputs);
  const stored = weightTensor(lowering, operator, 2);
  const { scales: inputScales } = access.operand(operator, 0);
  const { scales: weightScales } = weightTensor(lowering, operator, 1);
  // Integer biases lie on the grid of the products; the kernels never look at a scale of their own.
  const isProductGrid = stored.type === "INT32" && inputScales.length === 1 && weightScales.length > 0;
  const scales = weightScales.map((scale) => scale * inputScales[0]);
  const grid = { scales, zeroPoints: scales.map(() => 0), quantizedDimension: 0 };
  const bias = realConstant(access, operator, isProductGrid ? { ...stored, ...grid } : stored);
  if (bias.length === outputs) return bias;
  throw access.fail(operator, "bad-bias", "the bias does not fit.", {
    expected: `${outputs} values`,
    found: `${bias.length}`,
    hint: "The file is corrupted; export it again.",
  });
}

function noteStoredWeights({ builder }: FloatLowering, input: TfliteTensor, weights: TfliteTensor): void {
  if (input.type === "FLOAT32" && weights.type !== "FLOAT32") {
    builder.notes.add(
      `Some weights are stored as ${weights.type} and were made real again; TensorFlow Lite quantises their inputs at ` +
        "run time, which is not imitated.",
    );
  }
}

const convolution: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const isDepthwise = operator.op === "DEPTHWISE_CONV_2D";
  const fields = isDepthwise ? depthwiseOptions : convolutionOptions;
  const id = lowering.input(operator);
  const source = access.operand(operator, 0);
  const filter = weightTensor(lowering, operator, 1);
  access.requireRank4(operator, source);
  access.requireRank4(operator, filter);
  noteStoredWeights(lowering, source, filter);
  const [first, height, width, last] = filter.shape;
  const channels = builder.shape(id)[2];
  const outputs = isDepthwise ? last : first;
  const groups = isDepthwise ? channels : channels / last;
  if (
    !Number.isInteger(groups) ||
    groups < 1 ||
    outputs < 1 ||
    outputs % groups !== 0 ||
    (isDepthwise && first !== 1)
  ) {
    throw access.fail(operator, "bad-filter", "the filter does not fit the input's channels.", {
      expected: `a filter for ${channels} channels`,
      found: `[${filter.shape}]`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const option = (field: number, fallback = 0) => operator.options?.int32(field, fallback) ?? fallback;
  const window = slidingWindow(access, operator, {
    input: builder.shape(id),
    kernel: [height, width],
    stride: [option(fields.strideHeight), option(fields.strideWidth)],
    dilation: [option(fields.dilationHeight, 1), option(fields.dilationWidth, 1)],
    padding: operator.options?.int8(fields.padding) ?? 0,
  });
  const stored = realConstant(access, operator, filter);
  const weights = isDepthwise ? outputsFirst(stored, outputs) : stored;
  const bias = biasOf(lowering, operator, outputs);
  finishWithActivation(
    lowering,
    operator,
    operator.options?.int8(fields.activation) ?? 0,
    (name, quantization) =>
      builder.add(
        name,
        {
          ...window,
          kind: "convolution",
          sourceOp: operator.op,
          inputs: [id],
          groups,
          weights,
          bias,
          structural: false,
        },
        undefined,
        quantization,
      ),
  );
};

/** [height][width][outputs] to [outputs][height][width]. */
function outputsFirst(values: Float32Array, outputs: number): Float32Array {
  const positions = values.length / outputs;
  return Float32Array.from(
    { length: values.length },
    (_, index) => values[(index % positions) * outputs + Math.floor(index / positions)],
  );
}

const fullyConnected: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const id = lowering.input(operator);
  const filter = weightTensor(lowering, operator, 1);
  noteStoredWeights(lowering, access.operand(operator, 0), filter);
  const elements = builder.shape(id).reduce((product, extent) => product * extent, 1);
  const [outputs, inputs] = filter.shape;
  const format = operator.options?.int8(fullyConnectedOptions.weightsFormat) ?? 0;
  if (filter.shape.length !== 2 || outputs < 1 || inputs !== elements || format !== 0) {
    throw access.fail(operator, "bad-filter", "the weight matrix does not fit the input.", {
      expected: `[outputs, ${elements}], not shuffled`,
      found: `[${filter.shape}], format ${format}`,
      hint: "Convert the model with a batch of 1; several rows at once are not supported.",
    });
  }
  const weights = realConstant(access, operator, filter);
  const bias = biasOf(lowering, operator, outputs);
  const shape = access.shape(operator, lowering.outputTensor(operator));
  finishWithActivation(
    lowering,
    operator,
    operator.options?.int8(fullyConnectedOptions.activation) ?? 0,
    (name) => {
      const dense = builder.addDense(name, operator.op, id, weights, bias);
      if (shape[2] === outputs) return dense;
      return builder.add(`${name}/shape`, { kind: "reshape", sourceOp: operator.op, inputs: [dense] }, shape);
    },
  );
};

const arithmetic: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const computed = [0, 1].filter((position) => lowering.isComputed(access.operand(operator, position)));
  const code = operator.options?.int8(addOptions.activation) ?? 0;
  if (computed.length === 2) {
    const inputs = [lowering.input(operator, 0), lowering.input(operator, 1)];
    if (operator.op !== "ADD" || builder.shape(inputs[0]).join() !== builder.shape(inputs[1]).join()) {
      throw access.fail(operator, "unsupported-broadcast", "combines two computed tensors.", {
        expected: "ADD of equal shapes",
        found: `${operator.op} of [${builder.shape(inputs[0])}] and [${builder.shape(inputs[1])}]`,
        hint: "Only residual additions are supported between two computed tensors.",
      });
    }
    finishWithActivation(lowering, operator, code, (name, quantization) =>
      builder.add(name, { kind: "add", sourceOp: operator.op, inputs }, undefined, quantization),
    );
    return;
  }
  const id = lowering.input(operator, computed[0] ?? 0);
  const channels = builder.shape(id)[2];
  const constant = realConstant(
    access,
    operator,
    weightTensor(lowering, operator, computed[0] === 0 ? 1 : 0),
  );
  const subtractsFromConstant = operator.op === "SUB" && computed[0] === 1;
  if (constant.length !== 1 && constant.length !== channels) {
    throw access.fail(
      operator,
      "unsupported-broadcast",
      "the constant is not one value or one per channel.",
      {
        expected: `1 or ${channels} values`,
        found: `${constant.length}`,
        hint: "Fold the constant into a neighbouring convolution.",
      },
    );
  }
  const value = (channel: number) => constant[constant.length === 1 ? 0 : channel];
  const perChannel = (map: (channel: number) => number) =>
    Float32Array.from({ length: channels }, (_, channel) => map(channel));
  const scale = perChannel((channel) =>
    operator.op === "MUL" ? value(channel) : subtractsFromConstant ? -1 : 1,
  );
  const shift = perChannel((channel) => {
    if (operator.op === "MUL") return 0;
    return operator.op === "SUB" && !subtractsFromConstant ? -value(channel) : value(channel);
  });
  finishWithActivation(lowering, operator, code, (name, quantization) =>
    builder.add(
      name,
      { kind: "affine", sourceOp: operator.op, inputs: [id], scale, shift },
      undefined,
      quantization,
    ),
  );
};

const pool: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const id = lowering.input(operator);
  access.requireRank4(operator, access.operand(operator, 0));
  const option = (field: number) => operator.options?.int32(field) ?? 0;
  const window = slidingWindow(access, operator, {
    input: builder.shape(id),
    kernel: [option(poolOptions.filterHeight), option(poolOptions.filterWidth)],
    stride: [option(poolOptions.strideHeight), option(poolOptions.strideWidth)],
    dilation: [1, 1],
    padding: operator.options?.int8(poolOptions.padding) ?? 0,
  });
  const common = { ...window, sourceOp: operator.op, inputs: [id] };
  finishWithActivation(
    lowering,
    operator,
    operator.options?.int8(poolOptions.activation) ?? 0,
    (name, quantization) =>
      builder.add(
        name,
        operator.op === "MAX_POOL_2D"
          ? { ...common, kind: "max-pool" }
          : { ...common, kind: "average-pool", countPadding: false },
        undefined,
        quantization,
      ),
  );
};

const mean: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const id = lowering.input(operator);
  access.requireRank4(operator, access.operand(operator, 0));
  const axes = access
    .integers(operator, access.operand(operator, 1))
    .map((axis) => (axis < 0 ? axis + 4 : axis))
    .sort();
  if (axes.join() !== "1,2") {
    throw access.fail(operator, "unsupported-axes", "only the mean over height and width is supported.", {
      expected: "axes 1 and 2",
      found: `axes ${axes.slice(0, 8)}`,
      hint: "Use a global average pooling layer.",
    });
  }
  const [height, width] = builder.shape(id);
  finishWithActivation(lowering, operator, 0, (name, quantization) =>
    builder.add(
      name,
      {
        kind: "average-pool",
        sourceOp: operator.op,
        inputs: [id],
        kernel: [height, width],
        stride: [1, 1],
        dilation: [1, 1],
        padding: noPadding,
        countPadding: false,
      },
      undefined,
      quantization,
    ),
  );
};

const activation: Lower = (lowering, operator) => {
  const id = lowering.input(operator);
  const source = lowering.outputTensor(operator);
  const [min, max] = bounds[operator.op];
  lowering.finish(
    operator,
    lowering.builder.add(
      source.name,
      { kind: "clamp", sourceOp: operator.op, inputs: [id], min, max },
      undefined,
      lowering.quantization(source),
    ),
  );
};

const reshape: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const id = lowering.input(operator);
  const source = lowering.outputTensor(operator);
  const shape = access.shape(operator, source);
  const elements = (extents: Shape) => extents[0] * extents[1] * extents[2];
  if (elements(shape) !== elements(builder.shape(id))) {
    throw access.fail(operator, "shape-mismatch", "input and output have different numbers of elements.", {
      expected: `${elements(builder.shape(id))}`,
      found: `${elements(shape)}`,
      hint: "The file is corrupted; export it again.",
    });
  }
  lowering.finish(
    operator,
    builder.add(source.name, { kind: "reshape", sourceOp: operator.op, inputs: [id] }, shape),
  );
};

const pad: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const id = lowering.input(operator);
  access.requireRank4(operator, access.operand(operator, 0));
  const amounts = access.integers(operator, access.operand(operator, 1));
  if (amounts.length !== 8 || amounts.some((amount) => amount < 0) || amounts[0] + amounts[1] > 0) {
    throw access.fail(operator, "unsupported-padding", "the batch cannot be padded.", {
      expected: "[[0,0], [top,bottom], [left,right], [before,after]]",
      found: `[${amounts.slice(0, 8)}]`,
      hint: "Pad height, width or channels only.",
    });
  }
  const [, , top, bottom, left, right, first, last] = amounts;
  lowering.finish(
    operator,
    builder.add(lowering.outputTensor(operator).name, {
      kind: "pad",
      sourceOp: operator.op,
      inputs: [id],
      before: [top, left, first],
      after: [bottom, right, last],
      value: 0,
    }),
  );
};

const concatenation: Lower = (lowering, operator) => {
  const { access, builder } = lowering;
  const inputs = operator.inputs.map((_, position) => lowering.input(operator, position));
  const rank = lowering.outputTensor(operator).shape.length;
  const axis = operator.options?.int32(concatenationOptions.axis) ?? 0;
  const [height, width] = builder.shape(inputs[0]);
  const stackable = inputs.every((id) => builder.shape(id)[0] === height && builder.shape(id)[1] === width);
  if ((axis !== rank - 1 && axis !== -1) || !stackable) {
    throw access.fail(operator, "unsupported-concatenation", "only channels can be concatenated.", {
      expected: `axis ${rank - 1}, equal heights and widths`,
      found: `axis ${axis}`,
      hint: "Concatenate along channels.",
    });
  }
  finishWithActivation(
    lowering,
    operator,
    operator.options?.int8(concatenationOptions.activation) ?? 0,
    (name, quantization) =>
      builder.add(name, { kind: "concat", sourceOp: operator.op, inputs }, undefined, quantization),
  );
};

const softmax: Lower = (lowering, operator) => {
  const id = lowering.input(operator);
  const beta = operator.options?.float32(softmaxOptions.beta) ?? 0;
  if (!(beta > 0 && Number.isFinite(beta))) {
    throw lowering.access.fail(operator, "bad-softmax", `beta is ${beta}.`, {
      expected: "a finite number above 0",
      found: String(beta),
      hint: "The file is corrupted; export it again.",
    });
  }
  const { name } = lowering.outputTensor(operator);
  lowering.finish(
    operator,
    lowering.builder.add(name, { kind: "softmax", sourceOp: operator.op, inputs: [id], beta }),
  );
};

/** QUANTIZE and DEQUANTIZE of activations change nothing in real numbers; the grid stays as a hint. */
const regrid: Lower = (lowering, operator) => {
  const id = lowering.input(operator);
  const source = lowering.outputTensor(operator);
  lowering.finish(
    operator,
    lowering.builder.add(
      source.name,
      { kind: "identity", sourceOp: operator.op, inputs: [id] },
      undefined,
      lowering.quantization(source),
    ),
  );
};

export const floatLowerings: ReadonlyMap<string, Lower> = new Map([
  ["ADD", arithmetic],
  ["AVERAGE_POOL_2D", pool],
  ["CONCATENATION", concatenation],
  ["CONV_2D", convolution],
  ["DEPTHWISE_CONV_2D", convolution],
  ["DEQUANTIZE", regrid],
  ["EXPAND_DIMS", reshape],
  ["FULLY_CONNECTED", fullyConnected],
  ["MAX_POOL_2D", pool],
  ["MEAN", mean],
  ["MUL", arithmetic],
  ["PAD", pad],
  ["QUANTIZE", regrid],
  ["RELU", activation],
  ["RELU6", activation],
  ["RELU_N1_TO_1", activation],
  ["RESHAPE", reshape],
  ["SOFTMAX", softmax],
  ["SQUEEZE", reshape],
  ["SUB", arithmetic],
]);
