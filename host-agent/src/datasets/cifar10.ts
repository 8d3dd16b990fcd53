/**
 * CIFAR-10, binary version (Krizhevsky, 2009), and any set of ten or fewer classes stored the same way.
 *
 * A batch is records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue values, each plane row by
 * row for 32x32 pixels. Files may be plain or gzip. At most one inflated batch is held.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import { findDataFile, missingFile, readDataFile } from "./data-file.js";
import type { Dataset, DatasetItem } from "./dataset.js";

const SIDE = 32;
const PLANE = SIDE * SIDE;
export const CIFAR10_RECORD_BYTES = 1 + 3 * PLANE;
const MAX_META_BYTES = 4096;

const CIFAR10_CLASSES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

export type Split = "test" | "train";

const BATCHES: Record<Split, readonly string[]> = {
  test: ["test_batch.bin"],
  train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
};

/** @throws {DatasetError} `wrong-length` or `bad-label`, with the byte offset. */
export function checkCifar10Batch(bytes: Uint8Array, path: string, classes: number): void {
  const name = basename(path);
  if (bytes.length === 0 || bytes.length % CIFAR10_RECORD_BYTES !== 0) {
    throw new DatasetError("wrong-length", `${name}: not a whole number of CIFAR-10 records`, {
      place: `${path} byte ${bytes.length - (bytes.length % CIFAR10_RECORD_BYTES)}`,
      expected: `a multiple of ${CIFAR10_RECORD_BYTES} bytes`,
      found: `${bytes.length} bytes`,
      hint: 'Use the files of the "binary version", complete; the python version is another format.',
    });
  }
  for (let offset = 0; offset < bytes.length; offset += CIFAR10_RECORD_BYTES) {
    if (bytes[offset] < classes) continue;
    throw new DatasetError("bad-label", `${name}: a label is out of range`, {
      place: `${path} byte ${offset} (record ${offset / CIFAR10_RECORD_BYTES})`,
      expected: `0..${classes - 1}`,
      found: `${bytes[offset]}`,
      hint: "The file is damaged or no CIFAR-10 batch; fetch it again.",
    });
  }
}

/** One record as an RGB picture, [32][32][3]. */
export function cifar10Pixels(bytes: Uint8Array, record: number): Uint8Array {
  const start = record * CIFAR10_RECORD_BYTES + 1;
  const pixels = new Uint8Array(3 * PLANE);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < PLANE; i++) pixels[i * 3 + c] = bytes[start + c * PLANE + i];
  return pixels;
}

/** Class names beside the batches (`batches.meta.txt`, one a line), else those of CIFAR-10. */
function readClasses(directory: string): readonly string[] {
  const path = join(directory, "batches.meta.txt");
  if (!existsSync(path) || statSync(path).size > MAX_META_BYTES) return CIFAR10_CLASSES;
  const names = readFileSync(path, "utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return names.length >= 2 && names.length <= 256 ? names : CIFAR10_CLASSES;
}

/**
 * Opens a folder with `test_batch.bin[.gz]` or `data_batch_1..5.bin[.gz]` (those that are there), or one batch file.
 *
 * @throws {DatasetError} when nothing fits or a batch is damaged; every batch is checked when it is first read.
 */
export function openCifar10(path: string, split: Split = "test"): Dataset {
  const isFile = existsSync(path) && statSync(path).isFile();
  const directory = isFile ? dirname(path) : path;
  const names = BATCHES[split];
  const files = isFile
    ? [path]
    : names.map((name) => findDataFile(path, [name])).filter((file) => file !== undefined);
  if (files.length === 0) {
    throw missingFile(
      path,
      names,
      "Download and unpack CIFAR-10's binary version, and give the folder with the .bin files.",
    );
  }
  const classes = readClasses(directory);
  const load = (file: string): Uint8Array => {
    const bytes = readDataFile(file);
    checkCifar10Batch(bytes, file, classes.length);
    return bytes;
  };
  let held: { file: string; bytes: Uint8Array } | undefined;
  // Counting reads every batch once; only the last one stays.
  const ends: number[] = [];
  for (const file of files) {
    held = { file, bytes: load(file) };
    ends.push((ends.at(-1) ?? 0) + held.bytes.length / CIFAR10_RECORD_BYTES);
  }
  return {
    name: isFile ? `cifar10:${path}` : `cifar10:${path} (${split})`,
    count: ends.at(-1) as number,
    classes,
    async get(index): Promise<DatasetItem> {
      const batch = ends.findIndex((end) => index < end);
      if (batch < 0 || index < 0) throw noSuchItem(path, index, ends.at(-1) as number);
      const file = files[batch];
      if (held?.file !== file) held = { file, bytes: load(file) };
      const record = index - (batch === 0 ? 0 : ends[batch - 1]);
      const data = cifar10Pixels(held.bytes, record);
      return {
        index,
        name: `${basename(file)} #${record}`,
        image: { kind: "pixels", height: SIDE, width: SIDE, channels: 3, data },
        label: held.bytes[record * CIFAR10_RECORD_BYTES],
      };
    },
  };
}

/** The error of every data set for an index outside 0..count-1. */
export function noSuchItem(place: string, index: number, count: number): DatasetError {
  return new DatasetError("no-such-item", `${place}: has no item ${index}`, {
    place,
    expected: `0..${count - 1}`,
    found: `${index}`,
    hint: "Give a smaller --limit or index.",
  });
}
