/**
 * A TensorFlow.js layers model (`model.json`): the Keras topology, and where each weight lies in the shards.
 * Topologies of Keras 2 and Keras 3 both occur; they differ in how layers name their inputs.
 */
import { z } from "zod";
import { ImportError } from "../../errors.js";

const layerSchema = z.object({
  class_name: z.string().max(200),
  name: z.string().max(1000).optional(),
  config: z.record(z.string(), z.unknown()),
  inbound_nodes: z.array(z.unknown()).optional(),
});

const weightSchema = z.object({
  name: z.string().max(1000),
  shape: z
    .array(
      z
        .number()
        .int()
        .min(0)
        .max(2 ** 28),
    )
    .max(8),
  dtype: z.string(),
  quantization: z
    .object({ dtype: z.string(), scale: z.number().optional(), min: z.number().optional() })
    .optional(),
});

const modelSchema = z.object({
  format: z.string().optional(),
  modelTopology: z.record(z.string(), z.unknown()),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })),
});

export type KerasLayer = z.infer<typeof layerSchema>;
export type WeightEntry = z.infer<typeof weightSchema>;

export interface KerasModel {
  /** In the file's order. */
  readonly layers: readonly KerasLayer[];
  /** Sequential models chain their layers; functional ones name their inputs. */
  readonly sequential: boolean;
  /** Layer names of a functional model's ends. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly weights: readonly WeightEntry[];
}

const MAX_LAYERS = 10_000;

/**
 * The weight files a `model.json` lists, in order; they lie beside it.
 * @throws {ImportError} `bad-path` for one that would lie elsewhere
 */
export function kerasShardPaths(json: unknown, file: string): string[] {
  const parsed = modelSchema.safeParse(json);
  if (!parsed.success) throw malformed(file, parsed.error.issues[0]);
  const paths = parsed.data.weightsManifest.flatMap((group) => group.paths);
  const outside = paths.find((path) => /^[\\/]|^[a-z]+:|(^|[\\/])\.\.([\\/]|$)/i.test(path));
  if (outside === undefined) return paths;
  throw new ImportError("bad-path", "A weight file lies outside the model's folder.", {
    place: `${file}, weightsManifest`,
    expected: "paths beside model.json",
    found: outside.slice(0, 200),
    hint: "Keep model.json and its weight files in one folder.",
  });
}

/** @throws {ImportError} naming the field that is missing or wrong. */
export function readKerasModel(json: unknown, file: string): KerasModel {
  const parsed = modelSchema.safeParse(json);
  if (!parsed.success) throw malformed(file, parsed.error.issues[0]);
  const { format, modelTopology, weightsManifest } = parsed.data;
  if (format !== undefined && format !== "layers-model") {
    throw new ImportError("unsupported-format", `${file} is a TensorFlow.js ${format}.`, {
      place: `${file}, format`,
      expected: "layers-model",
      found: format,
      hint: "Save the Keras model with tensorflowjs_converter --output_format=tfjs_layers_model.",
    });
  }
  const topology = asRecord(modelTopology.model_config ?? modelTopology);
  const className = String(topology.class_name);
  const config = topology.config;
  const list = Array.isArray(config) ? config : asRecord(config).layers;
  const layers = z.array(layerSchema).max(MAX_LAYERS).safeParse(list);
  if (!layers.success) throw malformed(file, layers.error.issues[0]);
  if (!["Sequential", "Functional", "Model"].includes(className)) {
    throw new ImportError("unsupported-model", `${file} is a ${className.slice(0, 100)} model.`, {
      place: `${file}, modelTopology`,
      expected: "Sequential or Functional",
      found: className.slice(0, 100),
      hint: "Subclassed models have no topology; build the model with the functional interface.",
    });
  }
  const ends = Array.isArray(config) ? {} : asRecord(config);
  return {
    layers: layers.data,
    sequential: className === "Sequential",
    inputs: endNames(ends.input_layers),
    outputs: endNames(ends.output_layers),
    weights: weightsManifest.flatMap(({ weights }) => weights),
  };
}

/** Names of the layers whose results a functional layer reads. */
export function inboundLayers(layer: KerasLayer, file: string): string[] {
  const calls = layer.inbound_nodes ?? [];
  if (calls.length > 1) {
    throw new ImportError("shared-layer", `Layer "${layerName(layer)}" is used more than once.`, {
      place: `${file}, layer "${layerName(layer)}" (${layer.class_name})`,
      expected: "one use",
      found: `${calls.length}`,
      hint: "Give every place a layer of its own.",
    });
  }
  const [call] = calls;
  const names: string[] = [];
  if (Array.isArray(call)) {
    // Keras 2: [[layer, node, tensor, arguments], ...]
    for (const input of call) if (Array.isArray(input) && typeof input[0] === "string") names.push(input[0]);
  } else collectHistory(call, names, 0);
  return names;
}

export function layerName(layer: KerasLayer): string {
  const { name } = layer.config;
  return layer.name ?? (typeof name === "string" ? name : layer.class_name);
}

/** Keras 3: tensors anywhere in the arguments carry { keras_history: [layer, node, tensor] }. */
function collectHistory(value: unknown, names: string[], depth: number): void {
  if (depth > 8 || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collectHistory(item, names, depth + 1);
    return;
  }
  const { keras_history: history } = value as Record<string, unknown>;
  if (Array.isArray(history) && typeof history[0] === "string") names.push(history[0]);
  else for (const item of Object.values(value)) collectHistory(item, names, depth + 1);
}

/** [["layer", 0, 0], ...] or ["layer", 0, 0]. */
function endNames(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  if (typeof value[0] === "string") return [value[0]];
  return value.flatMap((end) => (Array.isArray(end) && typeof end[0] === "string" ? [end[0]] : []));
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function malformed(
  file: string,
  issue: { readonly path: readonly PropertyKey[]; readonly message: string },
): ImportError {
  return new ImportError("malformed-json", `${file} is not a TensorFlow.js layers model.`, {
    place: `${file}, ${issue.path.map(String).join(".") || "top level"}`,
    expected: "modelTopology and weightsManifest as tensorflowjs_converter writes them",
    found: issue.message,
    hint: "Give the model.json of a layers model.",
  });
}
