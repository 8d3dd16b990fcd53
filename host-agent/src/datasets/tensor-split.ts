/** Inputs that are no pictures: NumPy arrays `train.npy` and `test.npy`, with labels beside them where there are any. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import { npyElements, parseNpyHeader } from "@sluice/sdk/npy";
import type { Split } from "./cifar10.js";
import type { Dataset } from "./dataset.js";
import { openInputFiles } from "./input-files.js";

/** @throws {DatasetError} `missing-file`, `wrong-shape`, `wrong-labels` */
export function openTensorSplit(folder: string, split: Split): Dataset {
  const tensors = openInputFiles([join(folder, `${split}.npy`)]);
  const path = join(folder, `${split}-labels.npy`);
  const labels = existsSync(path) ? readLabels(path, tensors.count) : undefined;
  return {
    name: `npy:${folder} (${split})`,
    count: tensors.count,
    async get(index) {
      return { ...(await tensors.get(index)), label: labels?.[index] };
    },
  };
}

function readLabels(path: string, count: number): ArrayLike<number> {
  const bytes = new Uint8Array(readFileSync(path));
  const header = parseNpyHeader(bytes, basename(path));
  const labels = npyElements(header, bytes.subarray(header.dataOffset));
  const isGood =
    labels.length === count && labels.every((label: number) => Number.isInteger(label) && label >= 0);
  if (isGood) return labels;
  throw new DatasetError("wrong-labels", `${basename(path)}: labels do not fit the inputs`, {
    place: path,
    expected: `${count} class indices`,
    found: `${labels.length} values`,
    hint: "Save one whole number per item, as uint8 or int32.",
  });
}
