/** From pictures and tensors to the stored integers of the input tensor (Preprocessing, Graph.inputEncoding). */
import { DatasetError } from "../errors.js";
import type { Graph, Rounding } from "../graph/types.js";
import type { InputImage, PixelImage } from "./input-image.js";
import type { Preprocessing } from "./preprocessing.js";
import { resizeBilinear } from "./resize-bilinear.js";

/** Rounds a real number; ties as the mode says. */
function roundReal(value: number, rounding: Rounding): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  if (rounding === "half-up") return floor + 1;
  if (rounding === "half-even") return floor % 2 === 0 ? floor : floor + 1;
  return value < 0 ? floor : floor + 1;
}

/** The stored integer of every pixel value, [channels][256]: a pixel is encoded by one look-up. */
export function encodingTable(preprocessing: Preprocessing, graph: Graph): Int32Array {
  const { shape, min, max, scale, zeroPoint } = graph.tensors[graph.input];
  const channels = shape[2];
  const table = new Int32Array(channels * 256);
  const { encoding } = preprocessing;
  for (let c = 0; c < channels; c++) {
    for (let pixel = 0; pixel < 256; pixel++) {
      let stored = pixel + (min < 0 ? -128 : 0);
      if (encoding.kind === "normalize") {
        const mean = encoding.mean[encoding.mean.length === 1 ? 0 : c];
        const std = encoding.std[encoding.std.length === 1 ? 0 : c];
        const real = (pixel * encoding.scale - mean) / std / scale;
        stored = zeroPoint + roundReal(real, encoding.rounding);
      }
      table[c * 256 + pixel] = Math.min(max, Math.max(min, stored));
    }
  }
  return table;
}

/** Grey from RGB with the ITU-R BT.601 weights in thousandths, rounded half up; RGB from grey by repetition. */
export function convertColor(image: PixelImage, channels: 1 | 3): PixelImage {
  if (image.channels === channels) return image;
  const count = image.height * image.width;
  const data = new Uint8Array(count * channels);
  for (let i = 0; i < count; i++) {
    if (channels === 3) data.fill(image.data[i], i * 3, i * 3 + 3);
    else {
      const [r, g, b] = image.data.subarray(i * 3, i * 3 + 3);
      data[i] = Math.floor((299 * r + 587 * g + 114 * b + 500) / 1000);
    }
  }
  return { ...image, channels, data };
}

/** Encodes the inputs of one model; keeps the table between images. */
export interface InputEncoder {
  readonly preprocessing: Preprocessing;
  /**
   * The stored integers of one frame, [height][width][channels].
   *
   * @param place names the picture or tensor in errors.
   * @throws {DatasetError} `wrong-shape` or `out-of-range`.
   */
  encode(image: InputImage, place?: string): Int32Array;
}

/**
 * @example
 * const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
 * const output = reference.run(encoder.encode(image)).output;
 */
export function createInputEncoder(preprocessing: Preprocessing, graph: Graph): InputEncoder {
  const table = encodingTable(preprocessing, graph);
  return {
    preprocessing,
    encode(image, place = "input") {
      switch (image.kind) {
        case "pixels":
          return encodePixelImage(image, preprocessing, graph, table, place);
        case "stored":
          checkShape(image.shape, graph, place);
          return checkStored(image.data, graph, place);
        case "real":
          checkShape(image.shape, graph, place);
          return encodeReals(image.data, preprocessing, graph, place);
      }
    },
  };
}

/** Encodes pixels that already have the input's shape, [height][width][channels], by table look-up. */
export function encodePixels(
  pixels: Uint8Array,
  preprocessing: Preprocessing,
  graph: Graph,
  table: Int32Array = encodingTable(preprocessing, graph),
  place = "input",
): Int32Array {
  const { shape } = graph.tensors[graph.input];
  const [height, width, channels] = shape;
  if (pixels.length !== height * width * channels) {
    throw wrongShape(place, `${height}x${width}x${channels}`, `${pixels.length} values`);
  }
  const stored = new Int32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) stored[i] = table[(i % channels) * 256 + pixels[i]];
  return stored;
}

function encodePixelImage(
  image: PixelImage,
  preprocessing: Preprocessing,
  graph: Graph,
  table: Int32Array,
  place: string,
): Int32Array {
  const { color, resize } = preprocessing;
  const { height, width, channels, data } = image;
  if (data.length !== height * width * channels) {
    throw wrongShape(place, `${height * width * channels} values`, `${data.length}`);
  }
  const wanted = color === "rgb" ? 3 : color === "gray" ? 1 : graph.tensors[graph.input].shape[2];
  if (wanted !== 1 && wanted !== 3) {
    throw wrongShape(place, `a tensor with ${wanted} channels (.npy)`, "a picture");
  }
  const colored = convertColor(image, wanted);
  if (resize.method === "none" && (height !== resize.height || width !== resize.width)) {
    throw wrongShape(place, `${resize.height}x${resize.width}`, `${height}x${width}`);
  }
  const resized = resizeBilinear(colored.data, height, width, wanted, resize.height, resize.width);
  return encodePixels(resized, preprocessing, graph, table, place);
}

/** stored = clamp(zeroPoint + round(real / scale)), rounded as the model's own input quantiser does. */
function encodeReals(
  reals: Float32Array,
  { encoding }: Preprocessing,
  graph: Graph,
  place: string,
): Int32Array {
  const { min, max, scale, zeroPoint } = graph.tensors[graph.input];
  const rounding = encoding.kind === "normalize" ? encoding.rounding : "half-away";
  const stored = new Int32Array(reals.length);
  for (let i = 0; i < reals.length; i++) {
    if (Number.isNaN(reals[i])) {
      throw new DatasetError("out-of-range", `${place}: not a number`, {
        place: `${place} element ${i}`,
        expected: "a real number",
        found: "NaN",
        hint: "Remove NaN values before saving the array.",
      });
    }
    stored[i] = Math.min(max, Math.max(min, zeroPoint + roundReal(reals[i] / scale, rounding)));
  }
  return stored;
}

function checkStored(data: Int8Array | Int32Array, graph: Graph, place: string): Int32Array {
  const { min, max } = graph.tensors[graph.input];
  const at = data.findIndex((value) => value < min || value > max);
  if (at >= 0) {
    throw new DatasetError("out-of-range", `${place}: a value lies outside the model's input range`, {
      place: `${place} element ${at}`,
      expected: `${min}..${max}`,
      found: `${data[at]}`,
      hint: "Integer .npy tensors hold stored integers; save uint8 for pixels or float32 for real values.",
    });
  }
  return Int32Array.from(data);
}

function checkShape(shape: readonly number[], graph: Graph, place: string): void {
  const expected = graph.tensors[graph.input].shape;
  if (shape.length === 3 && expected.every((size, axis) => size === shape[axis])) return;
  throw wrongShape(place, `[${expected.join(", ")}] (height, width, channels)`, `[${shape.join(", ")}]`);
}

function wrongShape(place: string, expected: string, found: string): DatasetError {
  return new DatasetError("wrong-shape", `${place}: does not fit the model's input`, {
    place,
    expected,
    found,
    hint: "Give NHWC or HWC tensors of the model's input size, or pictures, which are resized.",
  });
}
