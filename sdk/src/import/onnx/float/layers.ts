/** Operators with weights: Conv, Gemm, MatMul and BatchNormalization. */
import { integerAttribute, integersAttribute, numberAttribute } from "../attributes.js";
import { windowOf } from "../lower/window.js";
import { type Constant, nodeError, type OnnxNode } from "../model.js";
import { type Activation, type OnnxFloatLowering, toFloats } from "./lowering.js";

export function lowerConv(lowering: OnnxFloatLowering, node: OnnxNode): void {
  const { id } = lowering.picture(node);
  const shape = lowering.builder.shape(id);
  const filter = lowering.requiredConstant(node, 1);
  const groups = integerAttribute(node, "group", 1);
  const [outputs, perGroup, height, width] = filter.dims;
  const fits = groups >= 1 && perGroup * groups === shape[2] && outputs % groups === 0;
  if (filter.dims.length !== 4 || filter.dims.some((size) => size < 1) || !fits) {
    throw nodeError(node, "bad-filter", "The filter does not fit the input's channels.", {
      expected: `[outputs, ${shape[2] / groups}, height, width], ${groups} groups`,
      found: `[${filter.dims}]`,
    });
  }
  const declared = integersAttribute(node, "kernel_shape", 2) ?? [height, width];
  if (declared[0] !== height || declared[1] !== width) {
    throw nodeError(node, "bad-filter", "kernel_shape contradicts the filter.", {
      expected: `${height}x${width}`,
      found: declared.join("x"),
    });
  }
  // OIHW to OHWI.
  const weights = new Float32Array(filter.values.length);
  let next = 0;
  for (let output = 0; output < outputs; output += 1) {
    for (let position = 0; position < height * width; position += 1) {
      for (let channel = 0; channel < perGroup; channel += 1) {
        weights[next] = filter.values[(output * perGroup + channel) * height * width + position];
        next += 1;
      }
    }
  }
  lowering.emit(
    node,
    {
      ...windowOf(node, shape, [height, width]),
      kind: "convolution",
      sourceOp: node.opType,
      inputs: [id],
      groups,
      weights,
      bias: biasOf(node, lowering.constant(node, 2), outputs, 1),
      structural: false,
    },
    4,
  );
}

export function lowerGemm(lowering: OnnxFloatLowering, node: OnnxNode): void {
  const input = lowering.activation(node);
  if (integerAttribute(node, "transA", 0) !== 0) {
    throw nodeError(node, "unsupported-gemm", "A transposed activation cannot be imported.", {
      expected: "transA = 0",
    });
  }
  const matrix = lowering.requiredConstant(node, 1);
  const outputsFirst = integerAttribute(node, "transB", 0) !== 0;
  const alpha = numberAttribute(node, "alpha", 1);
  const beta = numberAttribute(node, "beta", 1);
  dense(lowering, node, input, matrix, outputsFirst, alpha, lowering.constant(node, 2), beta);
}

export function lowerMatMul(lowering: OnnxFloatLowering, node: OnnxNode): void {
  dense(
    lowering,
    node,
    lowering.activation(node),
    lowering.requiredConstant(node, 1),
    false,
    1,
    undefined,
    1,
  );
}

function dense(
  lowering: OnnxFloatLowering,
  node: OnnxNode,
  input: Activation,
  matrix: Constant,
  outputsFirst: boolean,
  alpha: number,
  bias: Constant | undefined,
  beta: number,
): void {
  const [height, width, channels] = lowering.builder.shape(input.id);
  const elements = height * width * channels;
  const [rows, columns] = matrix.dims;
  const outputs = outputsFirst ? rows : columns;
  if (
    matrix.dims.length !== 2 ||
    outputs < 1 ||
    (outputsFirst ? columns : rows) !== elements ||
    input.rank !== 2
  ) {
    throw nodeError(node, "bad-filter", "The matrix does not fit the input.", {
      expected: outputsFirst ? `[outputs, ${elements}]` : `[${elements}, outputs]`,
      found: `[${matrix.dims}] for an input of rank ${input.rank}`,
      hint: "Flatten pictures before a fully connected layer.",
    });
  }
  // The file's input order is channels, rows, columns; ours is rows, columns, channels.
  const [pictureHeight, pictureWidth, pictureChannels] = input.flattenedFrom ?? [1, 1, elements];
  const positions = pictureHeight * pictureWidth;
  const weights = new Float32Array(outputs * elements);
  for (let output = 0; output < outputs; output += 1) {
    for (let position = 0; position < positions; position += 1) {
      for (let channel = 0; channel < pictureChannels; channel += 1) {
        const source = channel * positions + position;
        const value = matrix.values[outputsFirst ? output * elements + source : source * outputs + output];
        weights[output * elements + position * pictureChannels + channel] = alpha * value;
      }
    }
  }
  const [name = ""] = node.outputs;
  const id = lowering.builder.addDense(
    name,
    node.opType,
    input.id,
    weights,
    biasOf(node, bias, outputs, beta),
  );
  lowering.bind(name, { kind: "activation", id, rank: 2 });
}

function biasOf(node: OnnxNode, bias: Constant | undefined, outputs: number, factor: number): Float32Array {
  if (bias === undefined) return new Float32Array(outputs);
  if (bias.values.length === outputs) return Float32Array.from(bias.values, (value) => factor * value);
  if (bias.values.length === 1) return new Float32Array(outputs).fill(factor * bias.values[0]);
  throw nodeError(node, "bad-bias", "The bias does not fit the outputs.", {
    expected: `${outputs} values`,
    found: `[${bias.dims}]`,
  });
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, as one factor and one shift per channel. */
export function lowerBatchNormalization(lowering: OnnxFloatLowering, node: OnnxNode): void {
  const { id, rank, flattenedFrom } = lowering.activation(node);
  const channels = lowering.builder.shape(id)[2];
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((position) =>
    lowering.requiredConstant(node, position),
  );
  const wrong = [gamma, beta, mean, variance].find(({ values }) => values.length !== channels);
  if (wrong || flattenedFrom) {
    throw nodeError(node, "bad-normalization", "The statistics do not fit the input's channels.", {
      expected: `${channels} values`,
      found: `[${wrong?.dims ?? "a flattened picture"}]`,
    });
  }
  if (integerAttribute(node, "training_mode", 0) !== 0) {
    throw nodeError(node, "bad-normalization", "Batch normalisation is in training mode.", {
      hint: "Export the model for inference (model.eval()).",
    });
  }
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const factors = gamma.values.map((value, channel) => value / Math.sqrt(variance.values[channel] + epsilon));
  const shift = beta.values.map((value, channel) => value - mean.values[channel] * factors[channel]);
  lowering.emit(
    node,
    {
      kind: "affine",
      sourceOp: node.opType,
      inputs: [id],
      scale: toFloats({ ...gamma, values: factors }),
      shift: toFloats({ ...gamma, values: shift }),
      statistics: {
        mean: toFloats(beta),
        deviation: toFloats({ ...gamma, values: gamma.values.map((value) => Math.abs(value)) }),
      },
    },
    rank,
  );
}
