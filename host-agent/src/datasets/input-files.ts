/**
 * `--inputs FILE...`: pictures, and .npy tensors in NHWC (a batch) or HWC (one input).
 *
 *   uint8     pixels 0..255, preprocessed as pictures are (1 or 3 channels; other sizes are resized)
 *   int8, int32   stored integers of the input tensor, taken as they are
 *   float32   real values, quantised by the input's scale and zero point
 *
 * One item of a tensor file is read at a time.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import { NPY_HEADER_LIMIT, type NpyHeader, npyElements, parseNpyHeader } from "@sluice/sdk/npy";
import type { InputImage } from "@sluice/sdk/preprocess";
import { noSuchItem } from "./cifar10.js";
import type { Dataset } from "./dataset.js";
import { PICTURE_PATTERN, readPicture } from "./picture.js";

/** Largest single input: 64 MiB. */
const MAX_ITEM_BYTES = 2 ** 26;

interface Source {
  readonly path: string;
  readonly count: number;
  read(index: number): Promise<InputImage>;
}

function withFile<T>(path: string, use: (descriptor: number) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw new DatasetError("missing-file", `${basename(path)}: cannot be read`, {
      place: path,
      expected: "a readable file",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Check the path after --inputs.",
      cause,
    });
  }
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readAt(descriptor: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const got = readSync(descriptor, bytes, done, length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}

function tensorImage(
  header: NpyHeader,
  shape: readonly [number, number, number],
  bytes: Uint8Array,
  path: string,
): InputImage {
  const data = npyElements(header, bytes);
  if (data instanceof Float32Array) return { kind: "real", shape, data };
  if (!(data instanceof Uint8Array)) return { kind: "stored", shape, data };
  const [height, width, channels] = shape;
  if (channels === 1 || channels === 3) return { kind: "pixels", height, width, channels, data };
  throw new DatasetError("wrong-shape", `${basename(path)}: pixels need 1 or 3 channels`, {
    place: path,
    expected: "uint8 [N, height, width, 1 or 3]",
    found: `[${header.shape.join(", ")}]`,
    hint: "For other data save int8 (stored integers) or float32 (real values), channels last.",
  });
}

function openTensorFile(path: string): Source {
  const name = basename(path);
  const { header, size } = withFile(path, (descriptor) => {
    const { size } = fstatSync(descriptor);
    return { header: parseNpyHeader(readAt(descriptor, 0, Math.min(size, NPY_HEADER_LIMIT)), name), size };
  });
  const { shape, itemBytes, dataOffset } = header;
  const [count, ...item] = shape.length === 3 ? [1, ...shape] : shape;
  const itemSize = item.reduce((product, side) => product * side, itemBytes);
  if (item.length !== 3 || count < 1 || itemSize < 1 || itemSize > MAX_ITEM_BYTES) {
    throw new DatasetError("wrong-shape", `${name}: not a batch of inputs`, {
      place: path,
      expected: `[N, height, width, channels] or [height, width, channels], at most ${MAX_ITEM_BYTES} bytes each`,
      found: `[${shape.join(", ")}]`,
      hint: "Save the array channels last, for example numpy.transpose(x, (0, 2, 3, 1)) from NCHW.",
    });
  }
  if (size !== dataOffset + count * itemSize) {
    throw new DatasetError("npy-length", `${name}: the data does not fill the shape`, {
      place: `${path} byte ${dataOffset}`,
      expected: `${count * itemSize} bytes of data`,
      found: `${size - dataOffset} bytes`,
      hint: "The file is cut short or has something appended; write it again.",
    });
  }
  return {
    path,
    count,
    async read(index) {
      const bytes = withFile(path, (descriptor) =>
        readAt(descriptor, dataOffset + index * itemSize, itemSize),
      );
      if (bytes.length !== itemSize) throw noSuchItem(path, index, count); // it shrank meanwhile
      return tensorImage(header, item as [number, number, number], bytes, path);
    },
  };
}

function openSource(path: string): Source {
  if (/\.npy$/i.test(path)) return openTensorFile(path);
  if (PICTURE_PATTERN.test(path)) {
    if (!existsSync(path)) withFile(path, () => undefined); // throws missing-file before anything runs
    return { path, count: 1, read: () => readPicture(path) };
  }
  throw new DatasetError("unknown-input", `${basename(path)}: what kind of file is this?`, {
    place: path,
    expected: ".npy, .png, .jpg, .jpeg, .bmp or .gif",
    found: basename(path),
    hint: "Rename it by its kind; for data sets use --dataset cifar10:DIR, mnist:DIR or images:DIR.",
  });
}

/** Opens the files of `--inputs` as one unlabelled data set, in the order given. */
export function openInputFiles(paths: readonly string[]): Dataset {
  const sources = paths.map(openSource);
  const count = sources.reduce((sum, source) => sum + source.count, 0);
  return {
    name: paths.length === 1 ? basename(paths[0]) : `${paths.length} input files`,
    count,
    async get(index) {
      let first = 0;
      for (const source of sources) {
        if (index >= 0 && index < first + source.count) {
          const local = index - first;
          const name = source.count === 1 ? basename(source.path) : `${basename(source.path)} #${local}`;
          return { index, name, image: await source.read(local) };
        }
        first += source.count;
      }
      throw noSuchItem("--inputs", index, count);
    },
  };
}
