/** `--dataset KIND:PATH` as the command line takes it. */
import { DatasetError } from "@sluice/sdk/errors.js";
import { openCifar10, type Split } from "./cifar10.js";
import type { Dataset } from "./dataset.js";
import { openImageFolder } from "./image-folder.js";
import { openMnist } from "./mnist.js";

export interface OpenDatasetOptions {
  /** Which part of cifar10 and mnist; default "test". */
  readonly split?: Split;
}

const KINDS: Record<string, (path: string, options: OpenDatasetOptions) => Dataset> = {
  cifar10: (path, { split }) => openCifar10(path, split),
  mnist: (path, { split }) => openMnist(path, split),
  images: (path) => openImageFolder(path),
};

/**
 * @example const dataset = openDataset("cifar10:data/cifar10", { split: "test" });
 * @throws {DatasetError} `bad-dataset` for an unknown kind, else what the kind throws.
 */
export function openDataset(specification: string, options: OpenDatasetOptions = {}): Dataset {
  const [kind] = specification.split(":", 1);
  const path = specification.slice(kind.length + 1);
  if (!Object.hasOwn(KINDS, kind) || path === "") {
    throw new DatasetError("bad-dataset", `"${specification}" names no data set`, {
      place: "--dataset",
      expected: "cifar10:DIR, mnist:DIR or images:DIR",
      found: specification,
      hint: "For example --dataset cifar10:data/cifar-10-batches-bin",
    });
  }
  return KINDS[kind](path, options);
}
