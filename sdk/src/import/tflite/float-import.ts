/**
 * A TensorFlow Lite model in real numbers: float32 models, float16 and dynamic-range models (their stored weights are
 * made real again), and quantised models read as the real numbers their integers stand for.
 */
import { createHash } from "node:crypto";
import { ImportError } from "../../errors.js";
import type { FloatGraph, QuantizationGrid } from "../../graph/float.js";
import { validateFloatGraph } from "../../graph/float-shape.js";
import type { TensorId } from "../../graph/types.js";
import { FloatGraphBuilder } from "../float/builder.js";
import { simplifyFloatGraph } from "../passes/index.js";
import { typeRange } from "./activation.js";
import { type FloatLowering, floatLowerings } from "./float-operators.js";
import { neededOperators, requireOne } from "./main-path.js";
import { readTfliteModel, type TfliteOperator, type TfliteTensor } from "./model.js";
import { OperatorAccess } from "./operator-access.js";

/**
 * @throws {ImportError} for a damaged file, or an operator, type or shape that is not supported.
 */
export function importTfliteFloat(bytes: Uint8Array, { file }: { readonly file: string }): FloatGraph {
  const model = readTfliteModel(bytes, file);
  const [inputIndex] = requireOne(model, "input", model.inputs);
  const [outputIndex] = requireOne(model, "output", model.outputs);
  const access = new OperatorAccess(model);
  const builder = new FloatGraphBuilder(file);
  const produced = new Map<number, TensorId>();
  const operators = neededOperators(model, outputIndex);
  let logits: TensorId | undefined;

  const lowering: FloatLowering = {
    access,
    builder,
    input(operator, position = 0) {
      const source = access.operand(operator, position);
      const id = produced.get(source.index);
      if (id !== undefined) return id;
      throw access.fail(
        operator,
        "unproduced-operand",
        `input ${position} ("${source.name}") is not computed.`,
        {
          expected: "the model's input or the result of an earlier operator",
          found: `tensor ${source.index}`,
          hint: "Only weights, biases and per-channel factors may be constants here.",
        },
      );
    },
    outputTensor(operator) {
      const source = model.tensors[operator.outputs[0] ?? -1];
      if (operator.outputs.length === 1 && !produced.has(source.index)) return source;
      throw access.fail(operator, "bad-outputs", "must write one tensor that nothing wrote before.", {
        found: `[${operator.outputs.slice(0, 8)}]`,
        hint: "The file is corrupted; export it again.",
      });
    },
    finish(operator, id) {
      const source = lowering.outputTensor(operator);
      const shape = access.shape(operator, source);
      if (shape.join() !== builder.shape(id).join()) {
        throw access.fail(operator, "shape-mismatch", "the output shape does not follow from the inputs.", {
          expected: `[${builder.shape(id)}]`,
          found: `[${shape}]`,
          hint: "The file is corrupted; export it again.",
        });
      }
      produced.set(source.index, id);
    },
    quantization: gridOf,
    isComputed: (source) => produced.has(source.index),
  };

  let input = -1;
  for (const operator of operators) {
    if (input < 0 && operator.inputs.includes(inputIndex)) {
      const source = model.tensors[inputIndex];
      input = builder.addTensor({
        name: source.name,
        shape: access.shape(operator, source),
        quantization: gridOf(source),
      });
      produced.set(inputIndex, input);
    }
    if (isConstantDequantize(operator, model.tensors, produced)) continue;
    const lower = floatLowerings.get(operator.op);
    if (lower === undefined) throw unsupported(access, operator);
    if (logits !== undefined) throw afterSoftmax(access, operator);
    if (operator.op === "SOFTMAX") logits = lowering.input(operator);
    lower(lowering, operator);
  }
  const output = logits ?? produced.get(outputIndex);
  if (input < 0 || output === undefined || builder.nodes.length === 0) {
    throw new ImportError("empty-model", `${file} computes nothing between its input and its output.`, {
      place: file,
      expected: "operators that lead from the input to the output",
      found: `${operators.length} such operators`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const graph = builder.build({
    name: file.replace(/\.tflite$/, ""),
    source: { format: "tflite-float", file, sha256: createHash("sha256").update(bytes).digest("hex") },
    input,
    output,
  });
  return validateFloatGraph(simplifyFloatGraph(graph));
}

/** Float16 models store weights behind a DEQUANTIZE; the readers of such weights look through it. */
function isConstantDequantize(
  operator: TfliteOperator,
  tensors: readonly TfliteTensor[],
  produced: ReadonlyMap<number, TensorId>,
): boolean {
  const [source] = operator.inputs;
  return operator.op === "DEQUANTIZE" && !produced.has(source) && tensors[source]?.data !== undefined;
}

function gridOf({ type, scales, zeroPoints }: TfliteTensor): QuantizationGrid | undefined {
  if ((type !== "INT8" && type !== "UINT8") || scales.length !== 1) return undefined;
  return { scale: scales[0], zeroPoint: zeroPoints[0], ...typeRange(type) };
}

function unsupported(access: OperatorAccess, operator: TfliteOperator): ImportError {
  return access.fail(operator, "unsupported-operator", "is not supported.", {
    expected: [...floatLowerings.keys()].join(", "),
    found: operator.op,
    hint: "Replace the layer by supported ones, or cut the model before it and compute the rest on the host.",
  });
}

function afterSoftmax(access: OperatorAccess, operator: TfliteOperator): ImportError {
  return access.fail(operator, "unsupported-tail", "follows the softmax.", {
    expected: "SOFTMAX as the last operator",
    found: operator.op,
    hint: "Cut the model before this operator and compute the rest on the host.",
  });
}
