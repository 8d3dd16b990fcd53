/** The model and data that a bare `sluice deploy` runs: committed files of the SDK. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface DefaultModel {
  readonly modelPath: string;
  /** As `--dataset` takes it. */
  readonly dataset: string;
}

export function defaultModel(): DefaultModel {
  const sdk = dirname(createRequire(import.meta.url).resolve("@sluice/sdk/package.json"));
  const folder = join(sdk, "assets", "default");
  return { modelPath: join(folder, "resnet8-shapes.onnx"), dataset: `cifar10:${folder}` };
}
