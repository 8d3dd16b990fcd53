/** A float or QDQ ONNX model as a FloatGraph: constants folded, batch normalisations and shortcuts merged. */
import { createHash } from "node:crypto";
import { ImportError } from "../../../errors.js";
import type { FloatGraph } from "../../../graph/float.js";
import { validateFloatGraph } from "../../../graph/float-shape.js";
import { FloatGraphBuilder } from "../../float/builder.js";
import { simplifyFloatGraph } from "../../passes/index.js";
import { type Constant, nodeError, type OnnxNode } from "../model.js";
import { constantNodes, removeDeadNodes, removeIdentities } from "../passes/index.js";
import { readModel } from "../read-model.js";
import { foldConstant } from "./fold-constant.js";
import { OnnxFloatLowering } from "./lowering.js";
import { floatOperators } from "./operators.js";

/** Constant elements that folding may make, against the file's own size. */
const FOLDED_PER_BYTE = 16;

/**
 * The input is [1, channels, height, width] in the file and [height, width, channels] in the graph; a batch of
 * unknown size is taken as 1. QuantizeLinear and DequantizeLinear pairs become fake-quantize nodes.
 *
 * @throws {ImportError} for a damaged file, or naming the node that is not supported.
 * @example const graph = importOnnxFloat(readFileSync("resnet20_float.onnx"), { file: "resnet20_float.onnx" });
 */
export function importOnnxFloat(bytes: Uint8Array, { file }: { readonly file: string }): FloatGraph {
  const model = readModel(bytes, file);
  constantNodes(model);
  removeIdentities(model);
  removeDeadNodes(model);
  const builder = new FloatGraphBuilder(file);
  const lowering = new OnnxFloatLowering(model, builder);
  const input = addInput(lowering);
  let budget = FOLDED_PER_BYTE * bytes.length + 65_536;
  let logits: number | undefined;
  for (const node of model.nodes) {
    const folded = fold(lowering, node);
    if (folded) {
      budget -= folded.values.length;
      if (budget < 0) throw tooMuchFolding(node);
      model.constants.set(node.outputs[0] ?? "", folded);
      continue;
    }
    const lower =
      node.domain === "" && Object.hasOwn(floatOperators, node.opType) && floatOperators[node.opType];
    if (!lower) throw unsupported(node);
    if (logits !== undefined) throw afterSoftmax(node);
    if (node.opType === "Softmax") logits = lowering.activation(node).id;
    lower(lowering, node);
  }
  const last = lowering.lookup(model.output);
  if (last === undefined || builder.nodes.length === 0) {
    throw new ImportError("empty-model", `${file} computes nothing between its input and its output.`, {
      place: file,
      expected: "nodes that lead from the input to the output",
      found: `${builder.nodes.length} nodes`,
      hint: "Check the model's export.",
    });
  }
  const isQdq = builder.nodes.some(({ kind }) => kind === "fake-quantize");
  const graph = builder.build({
    name: file.replace(/\.onnx$/i, ""),
    source: {
      format: isQdq ? "onnx-qdq" : "onnx-float",
      file,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    },
    input,
    output: logits ?? last.id,
  });
  return validateFloatGraph(simplifyFloatGraph(graph));
}

function addInput(lowering: OnnxFloatLowering): number {
  const { model, builder } = lowering;
  const [batch = 1, ...sizes] = model.input.dims;
  const known = sizes.every((size) => size !== undefined) ? (sizes as number[]) : [];
  if (batch !== 1 || (known.length !== 3 && known.length !== 1)) {
    throw new ImportError("unsupported-input", "The shape of the model's input cannot be used.", {
      place: `${model.file}, input "${model.input.name}"`,
      expected: "[1, channels, height, width] or [1, features]; only the batch may be unknown",
      found: `[${model.input.dims.map((size) => size ?? "?").join(", ")}]`,
      hint: "Export the model with a fixed input size.",
    });
  }
  const [channels, height = 1, width = 1] = known;
  const id = builder.addTensor({ name: model.input.name, shape: [height, width, channels] });
  lowering.bind(model.input.name, { kind: "activation", id, rank: known.length === 3 ? 4 : 2 });
  return id;
}

/** The constant a node gives, where everything it reads is constant; Shape reads only dimensions. */
function fold(lowering: OnnxFloatLowering, node: OnnxNode): Constant | undefined {
  const { model } = lowering;
  if (node.opType === "Shape" && node.domain === "") {
    const activation = lowering.lookup(node.inputs[0] ?? "");
    const dims = activation ? lowering.dims(activation) : model.constants.get(node.inputs[0] ?? "")?.dims;
    return dims && { dims: [dims.length], values: Float64Array.from(dims), isInteger: true };
  }
  const constants = node.inputs.map((name) => (name === "" ? undefined : model.constants.get(name)));
  const allKnown = node.inputs.every((name, position) => name === "" || constants[position] !== undefined);
  return allKnown && node.inputs.length > 0 ? foldConstant(node, constants) : undefined;
}

/** QONNX marks what is quantised with operators of its own. */
const quantizedOperators: readonly string[] = ["Quant", "BipolarQuant", "Trunc"];

function unsupported(node: OnnxNode): ImportError {
  return nodeError(node, "unsupported-op", `Operator ${node.opType || "(unnamed)"} cannot be imported.`, {
    expected: Object.keys(floatOperators).join(", "),
    found: node.domain === "" ? node.opType : `${node.domain}.${node.opType}`,
    hint: quantizedOperators.includes(node.opType)
      ? "This model is quantised already and can be deployed as it is; to compress it, take the float model it was made from."
      : "Replace the operator before exporting, or cut the model before it.",
  });
}

function afterSoftmax(node: OnnxNode): ImportError {
  return nodeError(node, "unsupported-tail", "A node follows the softmax.", {
    expected: "Softmax as the last node",
    hint: "Cut the model before this node and compute the rest on the host.",
  });
}

function tooMuchFolding(node: OnnxNode): ImportError {
  return nodeError(node, "too-large", "Constant folding makes far more numbers than the file has.", {
    hint: "Simplify the model before importing it (constant folding at export).",
  });
}
