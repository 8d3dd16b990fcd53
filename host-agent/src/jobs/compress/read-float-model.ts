/** A float model from disk: one file (ONNX, TFLite), or a TensorFlow.js model.json with its weight files beside it. */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ImportError } from "@sluice/sdk/errors.js";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { importFloatModel } from "@sluice/sdk/import/float";
import { importKerasLayers, kerasShardPaths } from "@sluice/sdk/import/keras";

const MAX_MODEL_BYTES = 2 ** 30;

/** @param path the file; of a TensorFlow.js model the model.json or its folder. @throws {ImportError} */
export function readFloatModel(path: string): FloatGraph {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const source = isFolder ? join(path, "model.json") : path;
  const file = basename(source);
  if (!/\.json$/i.test(file)) return importFloatModel(readPart(source), { file });
  const json = parseJson(readPart(source), file);
  const shards = kerasShardPaths(json, file).map((shard) => readPart(join(dirname(source), shard)));
  return importKerasLayers(json, shards, { file });
}

function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ImportError("malformed", "The model file is not JSON.", {
      place: file,
      expected: "a TensorFlow.js layers model",
      found: (cause as Error).message.slice(0, 200),
      hint: "Convert the model with tensorflowjs_converter --output_format=tfjs_layers_model.",
      cause,
    });
  }
}

function readPart(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MAX_MODEL_BYTES) return bytes;
    throw new ImportError("too-large", "The model file is too large.", {
      place: path,
      expected: `${MAX_MODEL_BYTES} bytes`,
    });
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    throw new ImportError("unreadable", "The model file cannot be read.", {
      place: path,
      found: (cause as Error).message,
      hint: "Check the path.",
      cause,
    });
  }
}
