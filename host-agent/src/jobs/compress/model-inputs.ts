/** From the items of a data set to the inputs of a float model. */
import { DatasetError } from "@sluice/sdk/errors.js";
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import {
  createInputEncoder,
  defaultPreprocessing,
  type InputEncoder,
  type InputImage,
} from "@sluice/sdk/preprocess";
import type { Dataset } from "../../datasets/index.js";

const PROGRESS_EVERY = 32;

/**
 * From an item to the float model's input. Pictures get the integer encoder's own resizing and colour, then the
 * normalisation; real numbers are taken as they are.
 * @throws {DatasetError} `wrong-shape`
 */
export function floatInput(
  model: FloatGraph,
  encoding: InputEncoding,
): (image: InputImage, name: string) => Float32Array {
  const pixels = pixelEncoder(model);
  const { shape } = model.tensors[model.input];
  const normalize = normalization(encoding, shape[2]);
  return (image, name) => {
    if (image.kind !== "real") return normalize(pixels.encode(image, name));
    if (image.data.length === elementCount(shape)) return image.data;
    throw new DatasetError("wrong-shape", `${name}: does not fit the model's input`, {
      place: name,
      expected: `[${shape.join(", ")}]`,
      found: `[${image.shape.join(", ")}]`,
      hint: "Save one item of the model's input size after the other, channels last.",
    });
  };
}

function normalization(encoding: InputEncoding, channels: number): (pixels: Int32Array) => Float32Array {
  if (encoding.kind !== "normalize") return (pixels) => Float32Array.from(pixels);
  const { scale, mean, std } = encoding;
  const at = (list: readonly number[], channel: number): number => list[list.length === 1 ? 0 : channel];
  return (pixels) =>
    Float32Array.from(pixels, (pixel, index) => {
      const channel = index % channels;
      return (pixel * scale - at(mean, channel)) / at(std, channel);
    });
}

/** Pixels 0..255 of the model's input size, whatever the size of the picture. */
function pixelEncoder(model: FloatGraph): InputEncoder {
  const { shape, name } = model.tensors[model.input];
  const graph: Graph = {
    name: model.name,
    source: { format: "sluice", file: model.source.file, sha256: model.source.sha256 },
    tensors: [{ name, shape, min: 0, max: 255, scale: 1, zeroPoint: 0 }],
    nodes: [],
    input: 0,
    inputEncoding: { kind: "codes" },
    output: 0,
    notes: [],
  };
  return createInputEncoder(defaultPreprocessing(graph), graph);
}

/**
 * `count` positions spread evenly over a data set of `total` items; the seed moves the first one.
 * @param avoid positions that must not be among them
 */
export function spreadPositions(
  total: number,
  count: number,
  seed: number,
  avoid: ReadonlySet<number> = new Set(),
): number[] {
  const free = Array.from({ length: total }, (_, index) => index).filter((index) => !avoid.has(index));
  const wanted = Math.min(count, free.length);
  const spacing = free.length / Math.max(1, wanted);
  const offset = seededNumbers(seed)() * spacing;
  return Array.from(
    { length: wanted },
    (_, index) => free[Math.min(free.length - 1, Math.floor(offset + index * spacing))],
  );
}

/** The model's input for these items, one image after the other, and their labels where they have any. */
export async function readImages(
  model: FloatGraph,
  encoding: InputEncoding,
  dataset: Dataset,
  positions: readonly number[],
  onProgress: (done: number) => void,
): Promise<{ readonly images: Float32Array; readonly labels: readonly (number | undefined)[] }> {
  const size = elementCount(model.tensors[model.input].shape);
  const labels: (number | undefined)[] = [];
  const images = new Float32Array(size * positions.length);
  const toFloat = floatInput(model, encoding);
  for (const [index, position] of positions.entries()) {
    const item = await dataset.get(position);
    images.set(toFloat(item.image, item.name), index * size);
    labels.push(item.label);
    if (index % PROGRESS_EVERY === 0) onProgress(index / positions.length);
  }
  return { images, labels };
}

/** mulberry32: numbers in [0, 1) that the seed fixes. */
export function seededNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
