/**
 * QONNX (Quant nodes with power-of-two scales) to a Graph that gives the same numbers, as a chain of small passes.
 * Each pass leaves the model computing what it computed before.
 */
import { createHash } from "node:crypto";
import { ImportError } from "../../errors.js";
import type { Graph } from "../../graph/types.js";
import { validateGraph } from "../../graph/validate.js";
import { lowerModel } from "./lower/index.js";
import { isQuant, type OnnxModel } from "./model.js";
import {
  constantNodes,
  foldConstantQuants,
  foldConstantTransposes,
  matMulToGemm,
  quantBeforeFlatten,
  removeDeadNodes,
  removeIdentities,
} from "./passes/index.js";
import { readModel } from "./read-model.js";

export interface ImportOptions {
  /** Name of the file, for messages and the Graph's source; a path is cut to its last part. */
  readonly file: string;
}

/** In order; each is tested on its own. */
export const onnxPasses: readonly ((model: OnnxModel) => void)[] = [
  constantNodes,
  removeIdentities,
  removeDeadNodes,
  foldConstantQuants,
  foldConstantTransposes,
  matMulToGemm,
  quantBeforeFlatten,
];

/**
 * @throws {ImportError} naming the node, tensor or file and the way out, when the file is damaged or uses something
 * that cannot be kept exact; {GraphError} when its shapes or ranges contradict each other.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions): Graph {
  const file = options.file.split(/[\\/]/).at(-1) ?? options.file;
  const model = readModel(bytes, file);
  if (!model.nodes.some(isQuant)) {
    throw new ImportError("not-quantized", "The model has no Quant nodes: it is not a QONNX model.", {
      place: file,
      expected: "QONNX (Quant nodes with power-of-two scales)",
      found: [...new Set(model.nodes.map(({ opType }) => opType))].slice(0, 12).join(", "),
      hint: "Quantise the model first, or give an int8 TFLite model.",
    });
  }
  for (const pass of onnxPasses) pass(model);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return validateGraph(lowerModel(model, { format: "qonnx", file, sha256 }));
}
