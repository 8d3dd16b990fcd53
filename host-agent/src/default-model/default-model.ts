/** The model that a bare `deploy` runs, and its labelled images: files of the sdk package, made by its scripts. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";

export interface DefaultModel {
  /** Contents of the QONNX file. */
  readonly bytes: Uint8Array;
  /** Base name of the file. */
  readonly file: string;
  /** Where the file lies. */
  readonly path: string;
  /** A data set for openDataset(): a folder with a CIFAR-10 batch and its class names. */
  readonly dataset: string;
  /** The folder of that data set. */
  readonly datasetPath: string;
}

const FILE = "resnet8-shapes.onnx";

/**
 * @example const { bytes, file, dataset } = defaultModel(); importOnnx(bytes, { file }); openDataset(dataset);
 * @throws {DatasetError} `missing-file` when the installation is incomplete.
 */
export function defaultModel(): DefaultModel {
  const root = dirname(createRequire(import.meta.url).resolve("@sluice/sdk/package.json"));
  const datasetPath = join(root, "assets", "default");
  const path = join(datasetPath, FILE);
  try {
    const bytes = new Uint8Array(readFileSync(path));
    return { bytes, file: FILE, path, dataset: `cifar10:${datasetPath}`, datasetPath };
  } catch (cause) {
    throw new DatasetError("missing-file", "The default model is missing from this installation", {
      place: path,
      expected: "a readable file",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Install again, or give a model of your own: sluice deploy model.onnx --dataset ...",
      cause,
    });
  }
}
