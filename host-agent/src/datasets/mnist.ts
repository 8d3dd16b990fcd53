/**
 * MNIST and its relatives in the IDX format (LeCun, Cortes and Burges, 1998), plain or gzip.
 *
 *   images   uint32 2051, count, rows, columns (big-endian), then count * rows * columns bytes
 *   labels   uint32 2049, count, then count bytes
 */
import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import { noSuchItem, type Split } from "./cifar10.js";
import { findDataFile, missingFile, readDataFile } from "./data-file.js";
import type { Dataset } from "./dataset.js";

const IMAGES_MAGIC = 2051;
const LABELS_MAGIC = 2049;
const MAX_SIDE = 4096;
const PREFIX: Record<Split, string> = { test: "t10k", train: "train" };
const DOWNLOAD = "Fetch the four IDX files of MNIST and give the folder they are in.";

export interface IdxImages {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** [count][rows][columns]. */
  readonly pixels: Uint8Array;
}

function refuse(code: string, path: string, offset: number, expected: string, found: string): DatasetError {
  return new DatasetError(code, `${basename(path)}: not a complete IDX file`, {
    place: `${path} byte ${offset}`,
    expected,
    found,
    hint: "The file is damaged, cut short or of another kind; fetch it again.",
  });
}

/** Reads the magic number and `sizes` sizes. */
function idxSizes(bytes: Uint8Array, path: string, magic: number, sizes: number): number[] {
  const headerBytes = 4 + 4 * sizes;
  if (bytes.length < headerBytes) {
    throw refuse(
      "truncated",
      path,
      bytes.length,
      `a header of ${headerBytes} bytes`,
      `${bytes.length} bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== magic) throw refuse("wrong-magic", path, 0, `${magic}`, `${found}`);
  return Array.from({ length: sizes }, (_, i) => view.getUint32(4 + 4 * i));
}

function checkLength(bytes: Uint8Array, path: string, headerBytes: number, data: number): void {
  if (bytes.length === headerBytes + data) return;
  throw refuse("wrong-length", path, headerBytes, `${data} bytes of data`, `${bytes.length - headerBytes}`);
}

/** @throws {DatasetError} `truncated`, `wrong-magic`, `wrong-shape`, `wrong-length`. */
export function parseIdxImages(bytes: Uint8Array, path: string): IdxImages {
  const [count, rows, columns] = idxSizes(bytes, path, IMAGES_MAGIC, 3);
  if (count < 1 || rows < 1 || columns < 1 || rows > MAX_SIDE || columns > MAX_SIDE) {
    throw refuse(
      "wrong-shape",
      path,
      4,
      `images of 1..${MAX_SIDE} pixels a side`,
      `${count} of ${rows}x${columns}`,
    );
  }
  checkLength(bytes, path, 16, count * rows * columns);
  return { count, rows, columns, pixels: bytes.subarray(16) };
}

/** Labels, one byte each. @throws {DatasetError} as parseIdxImages. */
export function parseIdxLabels(bytes: Uint8Array, path: string): Uint8Array {
  const [count] = idxSizes(bytes, path, LABELS_MAGIC, 1);
  checkLength(bytes, path, 8, count);
  return bytes.subarray(8);
}

/**
 * Opens a folder with `t10k-images-idx3-ubyte[.gz]` and `t10k-labels-idx1-ubyte[.gz]` (or `train-...`), or one image
 * file, then without labels. The images stay in memory (47 MB for the training set).
 */
export function openMnist(path: string, split: Split = "test"): Dataset {
  const prefix = PREFIX[split];
  const isFile = existsSync(path) && statSync(path).isFile();
  const imageNames = [`${prefix}-images-idx3-ubyte`, `${prefix}-images.idx3-ubyte`];
  const labelNames = [`${prefix}-labels-idx1-ubyte`, `${prefix}-labels.idx1-ubyte`];
  const imagesPath = isFile ? path : findDataFile(path, imageNames);
  if (imagesPath === undefined) throw missingFile(path, imageNames, DOWNLOAD);
  const labelsPath = isFile ? undefined : findDataFile(path, labelNames);
  if (!isFile && labelsPath === undefined) throw missingFile(path, labelNames, DOWNLOAD);
  const { count, rows, columns, pixels } = parseIdxImages(readDataFile(imagesPath), imagesPath);
  const labels = labelsPath === undefined ? undefined : parseIdxLabels(readDataFile(labelsPath), labelsPath);
  if (labels && labels.length !== count) {
    throw refuse(
      "wrong-length",
      labelsPath as string,
      4,
      `${count} labels, one per image`,
      `${labels.length}`,
    );
  }
  return {
    name: isFile ? `mnist:${path}` : `mnist:${path} (${split})`,
    count,
    async get(index) {
      if (index < 0 || index >= count) throw noSuchItem(path, index, count);
      const size = rows * columns;
      const data = pixels.slice(index * size, (index + 1) * size);
      const image = { kind: "pixels", height: rows, width: columns, channels: 1, data } as const;
      return { index, name: `${basename(imagesPath)} #${index}`, image, label: labels?.[index] };
    },
  };
}
