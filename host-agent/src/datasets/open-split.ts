/**
 * The training or the test part of a data set that has both, kind given (`cifar10:DIR`) or found from the files in it
 * (`DIR`). Pictures have parts where the folder has subfolders `train` and `test`, tensors where it has `train.npy` and
 * `test.npy` ([N, height, width, channels]; labels, if any, as [N] in `train-labels.npy` and `test-labels.npy`).
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import type { Split } from "./cifar10.js";
import { findDataFile } from "./data-file.js";
import type { Dataset } from "./dataset.js";
import { openDataset } from "./open-dataset.js";
import { openTensorSplit } from "./tensor-split.js";

const CIFAR10_FILES = ["test_batch.bin", ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`)];
const MNIST_FILES = ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"];

/**
 * @throws {DatasetError} `no-training-split` where the parts are not kept apart, else what the data set's kind throws
 * @example const training = openSplit("data/cifar10", "train");
 */
export function openSplit(specification: string, split: Split): Dataset {
  const kind = /^(cifar10|mnist|images|npy):/.exec(specification)?.[1];
  const path = kind ? specification.slice(kind.length + 1) : specification;
  const found = kind ?? kindOfFolder(path);
  if (found === "images") {
    if (isFolder(join(path, "train")) && isFolder(join(path, "test"))) {
      return openDataset(`images:${join(path, split)}`);
    }
    throw noParts(
      "A folder of pictures has no training and test parts.",
      "subfolders train and test in it",
      specification,
    );
  }
  if (found === "npy") return openTensorSplit(path, split);
  if (existsSync(path) && statSync(path).isFile()) {
    throw noParts(
      "One file cannot serve for calibration and for the test.",
      "the folder with all files",
      specification,
    );
  }
  return openDataset(`${found}:${path}`, { split });
}

function kindOfFolder(path: string): "cifar10" | "mnist" | "images" | "npy" {
  if (isFolder(path)) {
    if (findDataFile(path, CIFAR10_FILES)) return "cifar10";
    if (findDataFile(path, MNIST_FILES)) return "mnist";
    if (isFolder(join(path, "train"))) return "images";
    if (existsSync(join(path, "train.npy"))) return "npy";
  }
  throw new DatasetError("bad-dataset", `"${path}" is no data set with a training and a test part`, {
    place: "--dataset",
    expected:
      "a folder with CIFAR-10 or MNIST files, with pictures under train and test, or with train.npy and test.npy",
    found: path,
    hint: "For example --dataset data/cifar-10-batches-bin; cifar10:, mnist:, images: or npy: in front says the kind.",
  });
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function noParts(message: string, expected: string, found: string): DatasetError {
  return new DatasetError("no-training-split", message, {
    place: "--dataset",
    expected,
    found,
    hint: "Calibration must never see the test images, so the data set has to keep them apart.",
  });
}
