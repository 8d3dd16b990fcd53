/** From the items of a data set to the inputs of a float model. */
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { createInputEncoder, defaultPreprocessing, type InputEncoder } from "@sluice/sdk/preprocess";
import type { Dataset } from "../../datasets/index.js";

const PROGRESS_EVERY = 32;

/** The float input of pictures: the integer encoder's own resizing and colour on codes, then the normalisation. */
export function floatEncoder(
  model: FloatGraph,
  encoding: InputEncoding,
): (pixels: Int32Array) => Float32Array {
  const channels = model.tensors[model.input].shape[2];
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
export function pixelEncoder(model: FloatGraph): InputEncoder {
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

/** The model's input for these items, one image after the other. */
export async function readImages(
  model: FloatGraph,
  encoding: InputEncoding,
  dataset: Dataset,
  positions: readonly number[],
  onProgress: (done: number) => void,
): Promise<Float32Array> {
  const size = elementCount(model.tensors[model.input].shape);
  const images = new Float32Array(size * positions.length);
  const pixels = pixelEncoder(model);
  const toFloat = floatEncoder(model, encoding);
  for (const [index, position] of positions.entries()) {
    const item = await dataset.get(position);
    images.set(toFloat(pixels.encode(item.image, item.name)), index * size);
    if (index % PROGRESS_EVERY === 0) onProgress(index / positions.length);
  }
  return images;
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
