/** A TensorFlow.js (Keras) layers model as a FloatGraph. */
import { createHash } from "node:crypto";
import { ImportError } from "../../errors.js";
import type { FloatGraph } from "../../graph/float.js";
import { validateFloatGraph } from "../../graph/float-shape.js";
import type { Shape, TensorId } from "../../graph/types.js";
import { FloatGraphBuilder } from "../float/builder.js";
import { simplifyFloatGraph } from "../passes/index.js";
import { type KerasLowering, kerasLayers, layerError } from "./layers.js";
import { inboundLayers, type KerasLayer, type KerasModel, layerName, readKerasModel } from "./model-json.js";
import { readKerasWeights } from "./weights.js";

export interface KerasImportOptions {
  /** Base name of the model.json, for messages. */
  readonly file: string;
}

/**
 * @param json the parsed `model.json`.
 * @param shards the files its weightsManifest lists, in that order.
 * @throws {ImportError} naming the field, weight or layer that is wrong or not supported.
 * @example const graph = importKerasLayers(JSON.parse(text), [shard1, shard2], { file: "model.json" });
 */
export function importKerasLayers(
  json: unknown,
  shards: readonly Uint8Array[],
  { file }: KerasImportOptions,
): FloatGraph {
  const model = readKerasModel(json, file);
  const builder = new FloatGraphBuilder(file);
  const weights = readKerasWeights(model.weights, shards, file);
  const lowering: KerasLowering = { file, builder, weights };
  const results = new Map<string, TensorId>();
  const input = addInput(lowering, model, results);
  let last = input;
  for (const layer of orderedLayers(model, file)) {
    if (lowering.logits !== undefined) {
      throw layerError(lowering, layer, "unsupported-tail", "follows the softmax.", {
        expected: "the softmax as the last layer",
        hint: "Cut the model before this layer and compute the rest on the host.",
      });
    }
    const lower = Object.hasOwn(kerasLayers, layer.class_name) && kerasLayers[layer.class_name];
    if (!lower) {
      throw layerError(lowering, layer, "unsupported-layer", `${layer.class_name} is not supported.`, {
        expected: Object.keys(kerasLayers).join(", "),
        found: layer.class_name,
        hint: "Replace the layer by supported ones.",
      });
    }
    const inputs = model.sequential
      ? [last]
      : inboundLayers(layer, file).map((name) => results.get(name) as TensorId);
    if (inputs.length === 0) {
      throw layerError(lowering, layer, "missing-input", "reads nothing.", {
        hint: "Check the model's topology.",
      });
    }
    last = lower(lowering, layer, inputs);
    results.set(layerName(layer), last);
  }
  if (builder.nodes.length === 0) {
    throw new ImportError("empty-model", `${file} has no layer that computes anything.`, { place: file });
  }
  const output = lowering.logits ?? (model.sequential ? last : (results.get(model.outputs[0]) as TensorId));
  const hash = createHash("sha256").update(JSON.stringify(json));
  for (const shard of shards) hash.update(shard);
  const graph = builder.build({
    name: file.replace(/\.json$/i, ""),
    source: { format: "tfjs-layers", file, sha256: hash.digest("hex") },
    input,
    output,
  });
  return validateFloatGraph(simplifyFloatGraph(graph));
}

function addInput(lowering: KerasLowering, model: KerasModel, results: Map<string, TensorId>): TensorId {
  const { file, builder } = lowering;
  const inputs = model.layers.filter(({ class_name: kind }) => kind === "InputLayer");
  const source = inputs[0] ?? (model.sequential ? model.layers[0] : undefined);
  const given = source?.config.batch_input_shape ?? source?.config.batch_shape;
  const [batch, ...sizes] = Array.isArray(given) ? given : [];
  const known = sizes.every((size) => Number.isInteger(size));
  if (
    source === undefined ||
    inputs.length > 1 ||
    (batch !== null && batch !== 1) ||
    !known ||
    ![1, 3].includes(sizes.length)
  ) {
    throw new ImportError("unsupported-input", `${file} must have one input of a fixed size.`, {
      place: file,
      expected: "one input [null, height, width, channels] or [null, features]",
      found: `${inputs.length} input layers, ${JSON.stringify(given)?.slice(0, 100)}`,
      hint: "Save the model with a fixed input size.",
    });
  }
  const shape: Shape = sizes.length === 3 ? [sizes[0], sizes[1], sizes[2]] : [1, 1, sizes[0]];
  const id = builder.addTensor({ name: inputs.length > 0 ? layerName(source) : "input", shape });
  if (inputs.length > 0) results.set(layerName(source), id);
  return id;
}

/** The layers the output depends on, each after those it reads. */
function orderedLayers(model: KerasModel, file: string): KerasLayer[] {
  const computing = model.layers.filter(({ class_name: kind }) => kind !== "InputLayer");
  if (model.sequential) return computing;
  if (model.outputs.length !== 1) {
    throw new ImportError("unsupported-output", `${file} must have one output.`, {
      place: file,
      expected: "one output layer",
      found: `${model.outputs.length}`,
    });
  }
  const byName = new Map(model.layers.map((layer) => [layerName(layer), layer]));
  const ordered = new Map<string, KerasLayer>();
  const visiting = new Set<string>();
  // An explicit stack: a damaged file could nest deeper than the call stack.
  const stack: { readonly name: string; readonly entered: boolean }[] = [
    { name: model.outputs[0], entered: false },
  ];
  while (stack.length > 0) {
    const { name, entered } = stack.pop() as { name: string; entered: boolean };
    const layer = byName.get(name);
    if (layer === undefined || (visiting.has(name) && !entered && !ordered.has(name))) {
      throw new ImportError("bad-topology", `Layer "${name}" is unknown or depends on itself.`, {
        place: `${file}, layer "${name}"`,
        hint: "The topology is damaged; save the model again.",
      });
    }
    if (ordered.has(name) || layer.class_name === "InputLayer") continue;
    if (entered) {
      ordered.set(name, layer);
      continue;
    }
    visiting.add(name);
    stack.push({ name, entered: true });
    for (const input of inboundLayers(layer, file)) {
      if (!ordered.has(input)) stack.push({ name: input, entered: false });
    }
  }
  return [...ordered.values()];
}
