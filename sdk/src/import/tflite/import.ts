/**
 * An int8 or uint8 TensorFlow Lite model as a Graph that gives the bits of the reference kernels.
 *
 * Formulas: TensorFlow Lite's reference kernels and its "8-bit quantization specification". Every run-time tensor
 * keeps its name and its own integers (uint8 stays 0..255); an activation that computes in two steps adds a tensor
 * "NAME/accumulator" or "NAME/sum". QUANTIZE and DEQUANTIZE at the two ends fall away: the graph starts and ends
 * with integers. The graph's output is the tensor before SOFTMAX.
 */
import { createHash } from "node:crypto";
import { ImportError } from "../../errors.js";
import type { Graph, TensorId } from "../../graph/types.js";
import { validateGraph } from "../../graph/validate.js";
import { typeRange } from "./activation.js";
import { lowerConvolution, lowerFullyConnected, lowerMean } from "./convolution.js";
import { lowerActivation, lowerAdd, lowerRequantize } from "./elementwise.js";
import { Lowering } from "./lowering.js";
import { neededOperators, requireOne } from "./main-path.js";
import { readTfliteModel, type TfliteModel, type TfliteOperator } from "./model.js";
import { lowerPool } from "./pool.js";
import { softmaxOptions } from "./schema.js";
import { lowerConcatenation, lowerPad, lowerReshape } from "./shape.js";

type LowerOperator = (lowering: Lowering, operator: TfliteOperator) => void;

const lowerings: ReadonlyMap<string, LowerOperator> = new Map([
  ["ADD", lowerAdd],
  ["AVERAGE_POOL_2D", lowerPool],
  ["CONCATENATION", lowerConcatenation],
  ["CONV_2D", lowerConvolution],
  ["DEPTHWISE_CONV_2D", lowerConvolution],
  ["EXPAND_DIMS", lowerReshape],
  ["FULLY_CONNECTED", lowerFullyConnected],
  ["MAX_POOL_2D", lowerPool],
  ["MEAN", lowerMean],
  ["PAD", lowerPad],
  ["QUANTIZE", lowerRequantize],
  ["RELU", lowerActivation],
  ["RELU6", lowerActivation],
  ["RELU_N1_TO_1", lowerActivation],
  ["RESHAPE", lowerReshape],
  ["SQUEEZE", lowerReshape],
]);

export interface ImportOptions {
  /** Base name of the file; appears in the graph's source and in messages. */
  readonly file: string;
}

/**
 * @throws {ImportError} for a damaged file (with the byte offset), a float model, or an operator, type or shape that
 *   is not supported (with the operator's name and index).
 */
export function importTflite(bytes: Uint8Array, { file }: ImportOptions): Graph {
  const model = readTfliteModel(bytes, file);
  const [inputIndex] = requireOne(model, "input", model.inputs);
  const [outputIndex] = requireOne(model, "output", model.outputs);
  const operators = neededOperators(model, outputIndex);
  const lowering = new Lowering(model);
  let output = -1;
  let finished = false;
  let input = -1;

  for (const operator of operators) {
    if (finished) throw afterTheEnd(lowering, operator);
    if (input < 0 && operator.inputs.includes(inputIndex)) {
      input = addGraphInput(lowering, operator, inputIndex);
      if (isBoundaryQuantize(model, operator)) continue;
    }
    if (operator.op === "DEQUANTIZE" || operator.op === "SOFTMAX") {
      output = endOfIntegers(lowering, operator);
      // A DEQUANTIZE may still be followed by a floating-point SOFTMAX, which reads its result.
      finished = operator.op === "SOFTMAX" || operator.outputs.includes(outputIndex);
      continue;
    }
    const lower = lowerings.get(operator.op);
    if (lower === undefined) throw unsupported(lowering, operator);
    lower(lowering, operator);
  }
  const last = lowering.produced.get(outputIndex);
  if (output < 0) output = last ?? -1;
  if (input < 0 || output < 0 || lowering.nodes.length === 0) {
    throw new ImportError("empty-model", `${file} computes nothing between its input and its output.`, {
      place: file,
      expected: "operators that lead from the input to the output",
      found: `${operators.length} such operators`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const format =
    lowering.tensors[output].min < 0 || isInt8(model, operators) ? "tflite-int8" : "tflite-uint8";
  const graph: Graph = {
    name: file.replace(/\.tflite$/, ""),
    source: { format, file, sha256: createHash("sha256").update(bytes).digest("hex") },
    tensors: lowering.tensors,
    nodes: lowering.nodes,
    input,
    inputEncoding: { kind: "codes" },
    output,
    notes: [...lowering.notes],
  };
  validateGraph(graph);
  return graph;
}

function isBoundaryQuantize(model: TfliteModel, operator: TfliteOperator): boolean {
  return operator.op === "QUANTIZE" && model.tensors[operator.inputs[0]]?.type === "FLOAT32";
}

/** The graph's first tensor: the model's input, or what a QUANTIZE makes of a floating-point input. */
function addGraphInput(lowering: Lowering, operator: TfliteOperator, inputIndex: number): TensorId {
  const quantizes = isBoundaryQuantize(lowering.model, operator);
  if (quantizes) {
    lowering.notes.add(
      "The model takes floating-point input and quantises it itself; here the input is the quantised tensor, so " +
        "give the model's own scaling as preprocessing where a pixel is not the stored code.",
    );
  }
  const activation = quantizes
    ? lowering.output(operator)
    : lowering.activation(operator, lowering.model.tensors[inputIndex]);
  return lowering.addOutput(activation, typeRange(activation.type));
}

/** DEQUANTIZE or SOFTMAX: the integer tensor they read is the graph's output. */
function endOfIntegers(lowering: Lowering, operator: TfliteOperator): TensorId {
  const source = lowering.operand(operator, 0);
  const id = lowering.produced.get(source.index);
  if (id === undefined) return lowering.input(operator).id;
  const [outputIndex] = operator.outputs;
  if (operator.op === "DEQUANTIZE") {
    if (outputIndex !== undefined) lowering.produced.set(outputIndex, id);
    return id;
  }
  const { shape } = lowering.tensors[id];
  const softmax = lowering.addTensor({
    name: lowering.model.tensors[outputIndex]?.name ?? "softmax",
    shape,
    // The host computes probabilities in floating point; integers of 1/256 are the nominal grid.
    min: 0,
    max: 255,
    scale: 1 / 256,
    zeroPoint: 0,
  });
  lowering.nodes.push({
    kind: "softmax",
    name: lowering.nodeName(lowering.tensors[softmax].name),
    sourceOp: operator.op,
    inputs: [id],
    output: softmax,
    beta: requireBeta(lowering, operator),
  });
  return id;
}

function requireBeta(lowering: Lowering, operator: TfliteOperator): number {
  const beta = operator.options?.float32(softmaxOptions.beta) ?? 0;
  if (Number.isFinite(beta) && beta > 0) return beta;
  throw lowering.fail(operator, "bad-softmax", `beta is ${beta}.`, {
    expected: "a finite number above 0",
    found: String(beta),
    hint: "The file is corrupted; export it again.",
  });
}

function afterTheEnd(lowering: Lowering, operator: TfliteOperator): ImportError {
  return lowering.fail(operator, "unsupported-tail", "follows the end of the integer part of the model.", {
    expected: "SOFTMAX or DEQUANTIZE as the last operator",
    found: operator.op,
    hint: "Cut the model before this operator and compute the rest on the host.",
  });
}

function unsupported(lowering: Lowering, operator: TfliteOperator): ImportError {
  return lowering.fail(operator, "unsupported-operator", "is not supported.", {
    expected: [...lowerings.keys(), "SOFTMAX", "DEQUANTIZE"].join(", "),
    found: operator.op,
    hint: "Replace the layer by supported ones, or cut the model before it and compute the rest on the host.",
  });
}

function isInt8(model: TfliteModel, operators: readonly TfliteOperator[]): boolean {
  return operators.some(({ outputs }) => model.tensors[outputs[0]]?.type === "INT8");
}
