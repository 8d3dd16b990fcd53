/** The last pass: every remaining ONNX node becomes Graph nodes, in order. */
import { ImportError } from "../../../errors.js";
import type { Graph, GraphSource, InputEncoding, Shape } from "../../../graph/types.js";
import { isQuant, nodeError, type OnnxModel, type OnnxNode, readers } from "../model.js";
import { quantParameters } from "../quant-parameters.js";
import { lowerConcat, lowerFlatten, lowerPad, lowerReshape, lowerSoftmax } from "./arrange.js";
import { lowerConv, lowerGemm } from "./convolution.js";
import { lowerAdd, lowerClip, lowerRelu } from "./elementwise.js";
import { Lowering, requireSourceOrder, type Value } from "./lowering.js";
import { lowerAveragePool, lowerGlobalAveragePool, lowerMaxPool } from "./pool.js";
import { lowerQuant, onlyExponent } from "./quant.js";

type Lower = (lowering: Lowering, node: OnnxNode) => void;

const standardOperators: Readonly<Record<string, Lower>> = {
  Add: lowerAdd,
  AveragePool: lowerAveragePool,
  Clip: lowerClip,
  Concat: lowerConcat,
  Conv: lowerConv,
  Flatten: lowerFlatten,
  Gemm: lowerGemm,
  GlobalAveragePool: lowerGlobalAveragePool,
  MaxPool: lowerMaxPool,
  Pad: lowerPad,
  Relu: lowerRelu,
  Reshape: lowerReshape,
  Softmax: lowerSoftmax,
};

/** What to do about operators people are likely to meet. */
const hints: Readonly<Record<string, string>> = {
  BatchNormalization: "Fold batch normalisation into the convolutions before exporting.",
  QuantizeLinear: "Convert the model to QONNX (Quant nodes), or use its int8 TFLite export.",
  DequantizeLinear: "Convert the model to QONNX (Quant nodes), or use its int8 TFLite export.",
  Mul: "Fold scaling into the convolutions or the Quant scales before exporting.",
  MatMul: "The matrix must be a constant behind a Quant node.",
};

/** @throws {ImportError} for the first node that cannot be kept exact or is not supported. */
export function lowerModel(model: OnnxModel, source: GraphSource): Graph {
  const lowering = new Lowering(model);
  const { quants, inputEncoding, value } = lowerInput(lowering);
  for (const node of model.nodes) {
    if (quants.has(node)) continue;
    operatorOf(node)(lowering, node);
  }
  const last = lowering.nodes.at(-1);
  const name = model.output;
  const found = lowering.lookup(name);
  if (found === undefined) {
    throw new ImportError("unknown-output", "Nothing writes the model's output as integers.", {
      place: model.file,
      found: name,
    });
  }
  if (found.flattened) requireSourceOrder(outputNode(model), found);
  return {
    name: model.file.replace(/\.onnx$/i, ""),
    source,
    tensors: lowering.tensors,
    nodes: lowering.nodes,
    input: value.id,
    inputEncoding,
    output: last?.kind === "softmax" ? last.inputs[0] : found.id,
    notes: model.notes,
  };
}

function operatorOf(node: OnnxNode): Lower {
  if (isQuant(node)) return lowerQuant;
  const lower =
    node.domain === "" && Object.hasOwn(standardOperators, node.opType) && standardOperators[node.opType];
  if (lower) return lower;
  throw nodeError(node, "unsupported-op", `Operator ${node.opType || "(unnamed)"} cannot be imported.`, {
    expected: [...Object.keys(standardOperators), "MatMul", "Constant", "Identity", "Quant"].join(", "),
    found: node.domain === "" ? node.opType : `${node.domain}.${node.opType}`,
    hint: hints[node.opType] ?? "Replace the operator before exporting, or cut the model before it.",
  });
}

/** The Quant on the model's input says how pixels become integers; its output is the Graph's input. */
function lowerInput(lowering: Lowering): {
  quants: Set<OnnxNode>;
  inputEncoding: InputEncoding;
  value: Value;
} {
  const { model } = lowering;
  const followers = readers(model, model.input.name);
  const other = followers.find((node) => !isQuant(node));
  if (other || followers.length === 0) {
    throw new ImportError("input-not-quantized", "The model's input is not quantised by a Quant node.", {
      place: other ? `node "${other.name}" (${other.opType})` : model.file,
      expected: "Quant as the only reader of the input",
      found: other?.opType ?? "nothing reads the input",
      hint: "Export the model with an input quantiser, so that the picture's grid is known.",
    });
  }
  const [first] = followers;
  const quant = quantParameters(model, first);
  const exponent = onlyExponent(first, quant);
  for (const node of followers.slice(1)) {
    const again = quantParameters(model, node);
    if (onlyExponent(node, again) === exponent && again.min === quant.min && again.max === quant.max)
      continue;
    throw nodeError(node, "input-quantized-twice", "The model's input is quantised in two different ways.", {
      found: `${followers.length} Quant nodes`,
      hint: "Let one Quant node feed both branches.",
    });
  }
  const shape = inputShape(model);
  const value = lowering.source(
    first.outputs[0] ?? "",
    {
      shape,
      exponents: Int32Array.of(exponent),
      zeroPoint: quant.zeroPoint,
      rank: model.input.dims.length === 2 ? 2 : 4,
    },
    quant,
  );
  for (const node of followers) lowering.bind(node.outputs[0] ?? "", value);
  const inputEncoding: InputEncoding = {
    kind: "normalize",
    scale: 1 / 255,
    mean: [0],
    std: [1],
    rounding: quant.rounding,
  };
  return { quants: new Set(followers), inputEncoding, value };
}

function inputShape(model: OnnxModel): Shape {
  const [batch = 1, ...sizes] = model.input.dims;
  const known = sizes.every((size) => size !== undefined);
  if (batch === 1 && known && sizes.length === 3) {
    const [channels, height, width] = sizes as number[];
    return [height, width, channels];
  }
  if (batch === 1 && known && sizes.length === 1) return [1, 1, sizes[0] as number];
  throw new ImportError("unsupported-input", "The shape of the model's input cannot be used.", {
    place: `${model.file}, input "${model.input.name}"`,
    expected: "[1, channels, height, width] or [1, features], all known",
    found: `[${model.input.dims.map((size) => size ?? "?").join(", ")}]`,
    hint: "Export the model with a fixed input size and batch 1.",
  });
}

function outputNode(model: OnnxModel): OnnxNode {
  return (
    model.nodes.find(({ outputs }) => outputs.includes(model.output)) ?? model.nodes[model.nodes.length - 1]
  );
}
