/** Conv and Gemm: OIHW weights to OHWI, the bias onto the accumulator's grid. */
import type { Shape, Window } from "../../../graph/types.js";
import { noPadding, windowOutputShape } from "../../../graph/window.js";
import { integerAttribute, integersAttribute, numberAttribute } from "../attributes.js";
import { nodeError, type OnnxNode, type QuantizedConstant } from "../model.js";
import { alignBias } from "./bias.js";
import { type Lowering, singleExponent, type Value } from "./lowering.js";
import { windowOf } from "./window.js";

const pointwise: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: noPadding };

export function lowerConv(lowering: Lowering, node: OnnxNode): void {
  const input = lowering.input(node);
  const { shape } = lowering.tensor(input);
  const weights = quantizedWeights(lowering, node, 4);
  const [outputs, groupInputs, height, width] = weights.dims;
  const groups = integerAttribute(node, "group", 1);
  const kernel = integersAttribute(node, "kernel_shape", 2);
  if (input.rank !== 4 || groups < 1 || groupInputs * groups !== shape[2] || outputs % groups !== 0) {
    throw nodeError(node, "shape-mismatch", "The weights of a convolution do not fit its input.", {
      expected: `${shape[2]} input channels`,
      found: `weights [${weights.dims.join(", ")}], ${groups} groups`,
    });
  }
  if (kernel && (kernel[0] !== height || kernel[1] !== width)) {
    throw nodeError(node, "shape-mismatch", "kernel_shape contradicts the weights.", {
      expected: `${height}x${width}`,
      found: kernel.join("x"),
    });
  }
  const taps = height * width;
  const ohwi = new Int16Array(weights.integers.length);
  for (let output = 0; output < outputs; output += 1) {
    for (let channel = 0; channel < groupInputs; channel += 1) {
      const from = (output * groupInputs + channel) * taps;
      for (let tap = 0; tap < taps; tap += 1) {
        ohwi[(output * taps + tap) * groupInputs + channel] = weights.integers[from + tap];
      }
    }
  }
  const window = windowOf(node, shape, [height, width]);
  emitLayer(lowering, node, input, weights, { window, groups, ohwi, outputs });
}

export function lowerGemm(lowering: Lowering, node: OnnxNode): void {
  const input = lowering.input(node);
  const { shape } = lowering.tensor(input);
  const matrix = quantizedWeights(lowering, node, 2);
  const transposed = integerAttribute(node, "transB", 0) !== 0;
  const [outputs, inputs] = transposed ? matrix.dims : [matrix.dims[1], matrix.dims[0]];
  const factors = [numberAttribute(node, "alpha", 1), numberAttribute(node, "beta", 1)];
  if (factors.some((factor) => factor !== 1) || integerAttribute(node, "transA", 0) !== 0) {
    throw nodeError(node, "unsupported-gemm", "Only alpha = 1, beta = 1 and transA = 0 can be imported.", {
      found: `alpha ${factors[0]}, beta ${factors[1]}`,
    });
  }
  if (input.rank !== 2 || shape[2] !== inputs) {
    throw nodeError(node, "shape-mismatch", "The matrix of a fully connected layer does not fit its input.", {
      expected: `a flat row of ${inputs}`,
      found: `[${shape.join(", ")}]`,
      hint: "Flatten the tensor before this layer.",
    });
  }
  const source = sourceOrder(input.flattened, inputs);
  const ohwi = new Int16Array(outputs * inputs);
  for (let output = 0; output < outputs; output += 1) {
    for (let index = 0; index < inputs; index += 1) {
      const from = source[index];
      ohwi[output * inputs + index] =
        matrix.integers[transposed ? output * inputs + from : from * outputs + output];
    }
  }
  const perOutput = matrix.exponents.length === 1 || matrix.axis === (transposed ? 0 : 1);
  const weights = perOutput ? { ...matrix, axis: 0 } : matrix;
  emitLayer(lowering, node, input, weights, { window: pointwise, groups: 1, ohwi, outputs });
}

/** For each position of a row in HWC order, its position in ONNX's CHW order. */
function sourceOrder(flattened: Shape | undefined, length: number): Int32Array {
  if (flattened === undefined) return Int32Array.from({ length }, (_, index) => index);
  const [height, width, channels] = flattened;
  return Int32Array.from({ length }, (_, index) => {
    const channel = index % channels;
    const pixel = Math.floor(index / channels);
    return channel * height * width + pixel;
  });
}

interface Layer {
  readonly window: Window;
  readonly groups: number;
  readonly ohwi: Int16Array;
  readonly outputs: number;
}

function emitLayer(
  lowering: Lowering,
  node: OnnxNode,
  input: Value,
  weights: QuantizedConstant,
  { window, groups, ohwi, outputs }: Layer,
): void {
  if (weights.axis !== 0 && weights.exponents.length > 1) {
    throw nodeError(
      node,
      "unsupported-scale-shape",
      "Weight scales must be one, or one per output channel.",
      {
        found: `one per index of axis ${weights.axis}`,
      },
    );
  }
  const tensor = lowering.tensor(input);
  const inputExponent = singleExponent(node, input);
  const products = weights.exponents.map((exponent) => exponent + inputExponent);
  const layer = { weights: ohwi, weightZeroPoint: weights.zeroPoint, padding: window.padding };
  const { bias, accumulatorShift } = alignBias(lowering.model, node, tensor, layer, outputs, products);
  lowering.emit(
    node,
    {
      kind: "convolution",
      ...window,
      groups,
      weights: ohwi,
      weightZeroPoint: weights.zeroPoint,
      weightScale: Float64Array.from(weights.exponents, (exponent) => 2 ** exponent),
      weightBits: Math.min(8, weights.bits),
      bias,
      accumulatorShift,
    },
    [input],
    {
      shape: windowOutputShape(tensor.shape, window, outputs),
      exponents: products.map((exponent) => exponent - accumulatorShift),
      zeroPoint: 0,
      rank: input.rank,
    },
  );
}

function quantizedWeights(lowering: Lowering, node: OnnxNode, rank: number): QuantizedConstant {
  const name = node.inputs[1] ?? "";
  const weights = lowering.model.quantized.get(name);
  if (weights === undefined) {
    throw nodeError(
      node,
      "weights-not-quantized",
      "The weights of this layer are not a quantised constant.",
      {
        expected: "a Quant node on a constant",
        found: name === "" ? "no weights" : name,
        hint: "Quantise the weights when training or exporting the model; all layers need it.",
      },
    );
  }
  if (weights.dims.length !== rank || weights.integers.length === 0) {
    throw nodeError(
      node,
      "shape-mismatch",
      "The weights of this layer have the wrong number of dimensions.",
      {
        expected: `${rank}`,
        found: `[${weights.dims.join(", ")}]`,
      },
    );
  }
  let min = weights.zeroPoint;
  let max = weights.zeroPoint;
  for (const weight of weights.integers) {
    if (weight < min) min = weight;
    if (weight > max) max = weight;
  }
  if (!(min >= -128 && max <= 127) && !(min >= 0 && max <= 255)) {
    throw nodeError(node, "weights-too-wide", "The weights of this layer need more than 8 bits.", {
      expected: "-128..127 or 0..255",
      found: `${min}..${max}`,
      hint: "Quantise the weights to 8 bits or fewer.",
    });
  }
  return weights;
}
