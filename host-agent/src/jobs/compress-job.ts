/** `compress`: a float model and a data set become a package, with the accuracy of both measured. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { codecByName } from "@sluice/sdk/codec";
import { type CompiledModel, compile } from "@sluice/sdk/compile";
import { DatasetError, ImportError } from "@sluice/sdk/errors.js";
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { importFloatModel } from "@sluice/sdk/import/float";
import { geometryById } from "@sluice/sdk/overlay";
import { writePackage } from "@sluice/sdk/package";
import { createInputEncoder, defaultPreprocessing, type InputEncoder } from "@sluice/sdk/preprocess";
import {
  type CodedSize,
  codedSize,
  lowerFloatGraph,
  type QuantizationPlan,
  type QuantizeOptions,
  quantizeModel,
} from "@sluice/sdk/quantize";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { type Dataset, items, openDataset } from "../datasets/index.js";
import { ReferencePool } from "./reference-pool.js";

/** More calibration images than this gain nothing. */
export const MAX_CALIBRATION_IMAGES = 2_048;
const BATCH = 32;
/** Images a reference worker is given at once. */
const SHARE = 64;
const MAX_MODEL_BYTES = 2 ** 30;

export interface CompressRequest {
  readonly model: string;
  /** KIND:DIR with a training and a test split. */
  readonly dataset: string;
  readonly calibrationImages: number;
  readonly seed: number;
  readonly quantize: Omit<QuantizeOptions, "random" | "onProgress">;
  /** How pixels become the float model's input: (pixel * scale - mean) / std. */
  readonly normalization: {
    readonly scale: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
  readonly geometry: string;
  readonly codec: string;
  /** Test images; default all. */
  readonly limit?: number;
  readonly workers: number;
}

export interface CompressProgress {
  /** @param done 0..1 of the stage */
  readonly onStage: (stage: "calibrate" | "quantize" | "evaluate", done: number, detail: string) => void;
}

export interface Accuracy {
  /** Top-1 in 0..1 over the same images. */
  readonly float: number;
  readonly integer: number;
  /** Share of images on which both give the same class. */
  readonly agreement: number;
  readonly images: number;
  /** Half-width of the 95 % confidence interval of `integer`. */
  readonly interval: number;
}

export interface CompressResult {
  readonly file: string;
  readonly graph: Graph;
  readonly compiled: CompiledModel;
  readonly package: Uint8Array;
  readonly size: CodedSize;
  readonly accuracy: Accuracy;
  readonly calibrationImages: number;
}

/** @throws {ImportError}, {DatasetError}, {GraphError} or {CompileError}; nothing is written here. */
export async function compressModel(
  request: CompressRequest,
  progress: CompressProgress,
): Promise<CompressResult> {
  const file = basename(request.model);
  const training = openSplit(request.dataset, "train");
  const test = openSplit(request.dataset, "test");
  const model = importFloatModel(readModel(request.model), { file });
  const count = Math.min(request.calibrationImages, training.count, MAX_CALIBRATION_IMAGES);
  const encoding: InputEncoding = { kind: "normalize", ...request.normalization, rounding: "half-away" };
  const images = await readImages(model, encoding, training, count, request.seed, (done) =>
    progress.onStage("calibrate", done, training.name),
  );
  const plan: QuantizationPlan = quantizeModel(model, images, count, {
    inputRange: inputRange(request.normalization),
    ...request.quantize,
    random: seededNumbers(request.seed),
    onProgress: (done, layer) => progress.onStage("quantize", done, layer),
  });
  const graph = lowerFloatGraph(model, plan, { inputEncoding: encoding });
  const codec = codecByName(request.codec);
  const geometry = geometryById(request.geometry);
  const size = codedSize(model, plan, graph, codec);
  const compiled = compile(graph, { geometry, codec });
  const preprocessing = defaultPreprocessing(graph);
  const pool = new ReferencePool({ graph, layers: [], geometry }, request.workers);
  try {
    const accuracy = await measure(model, graph, encoding, test, request.limit, pool, (done) =>
      progress.onStage("evaluate", done, test.name),
    );
    return {
      file,
      graph,
      compiled,
      package: writePackage(compiled, graph, preprocessing),
      size,
      accuracy,
      calibrationImages: count,
    };
  } finally {
    await pool.close();
  }
}

/** Which classes a scale, mean and standard deviation leave neutral. */
export function isNeutral({ scale, mean, std }: CompressRequest["normalization"]): boolean {
  return scale === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
}

/** What pixels 0..255 become, over all channels. */
function inputRange({ scale, mean, std }: CompressRequest["normalization"]): [number, number] {
  const ends = mean.flatMap((value, channel) => {
    const deviation = std[std.length === 1 ? 0 : channel];
    return [-value / deviation, (255 * scale - value) / deviation];
  });
  return [Math.min(...ends), Math.max(...ends)];
}

function openSplit(specification: string, split: "train" | "test"): Dataset {
  if (specification.startsWith("images:")) {
    throw new DatasetError("no-training-split", "A folder of pictures has no training and test parts.", {
      place: "--dataset",
      expected: "cifar10:DIR or mnist:DIR with both parts",
      found: specification,
      hint: "Calibration must never see the test images, so the data set has to keep them apart.",
    });
  }
  const dataset = openDataset(specification, { split });
  if (/\.bin(\.gz)?$/.test(specification)) {
    throw new DatasetError("no-training-split", "One batch file cannot serve for calibration and test.", {
      place: "--dataset",
      expected: "the folder with all batches",
      found: specification,
      hint: "Give the folder that holds the file.",
    });
  }
  return dataset;
}

function readModel(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MAX_MODEL_BYTES) return bytes;
    throw new ImportError("too-large", "The model file is too large.", {
      place: path,
      expected: `${MAX_MODEL_BYTES} bytes`,
    });
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    throw new ImportError("unreadable", "The model file cannot be read.", {
      place: path,
      found: (cause as Error).message,
      hint: "Check the path.",
      cause,
    });
  }
}

/** The float input of pictures: the integer encoder's own resizing and colour on codes, then the normalisation. */
function floatEncoder(model: FloatGraph, encoding: InputEncoding): (pixels: Int32Array) => Float32Array {
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

/** `count` pictures spread evenly over the data set; the seed moves the first one. */
async function readImages(
  model: FloatGraph,
  encoding: InputEncoding,
  dataset: Dataset,
  count: number,
  seed: number,
  onProgress: (done: number) => void,
): Promise<Float32Array> {
  const size = elementCount(model.tensors[model.input].shape);
  const images = new Float32Array(size * count);
  const pixels = pixelEncoder(model);
  const toFloat = floatEncoder(model, encoding);
  const spacing = dataset.count / count;
  const offset = seededNumbers(seed)() * spacing;
  for (let index = 0; index < count; index += 1) {
    const item = await dataset.get(Math.min(dataset.count - 1, Math.floor(offset + index * spacing)));
    images.set(toFloat(pixels.encode(item.image, item.name)), index * size);
    if (index % BATCH === 0) onProgress(index / count);
  }
  return images;
}

async function measure(
  model: FloatGraph,
  graph: Graph,
  encoding: InputEncoding,
  dataset: Dataset,
  limit: number | undefined,
  pool: ReferencePool,
  onProgress: (done: number) => void,
): Promise<Accuracy> {
  const total = Math.min(limit ?? dataset.count, dataset.count);
  const interpreter = createFloatInterpreter(model, { batch: BATCH });
  const stored = createInputEncoder(defaultPreprocessing(graph), graph);
  const pixels = pixelEncoder(model);
  const toFloat = floatEncoder(model, encoding);
  const size = elementCount(model.tensors[model.input].shape);
  const classes = elementCount(model.tensors[model.output].shape);
  const labels: (number | undefined)[] = [];
  const floatClasses: number[] = [];
  const integerClasses: number[] = [];
  const batch = new Float32Array(SHARE * size);
  let codes = new Int32Array(SHARE * size);
  let filled = 0;
  const pending: Promise<void>[] = [];
  const flush = (): void => {
    const first = labels.length - filled;
    for (let start = 0; start < filled; start += BATCH) {
      const images = Math.min(BATCH, filled - start);
      const logits = interpreter.run(batch.subarray(start * size, (start + images) * size), images);
      for (let image = 0; image < images; image += 1) {
        floatClasses.push(argmax(logits.subarray(image * classes, (image + 1) * classes)));
      }
    }
    const images = filled;
    pending.push(
      pool.run(codes.subarray(0, filled * size), filled, false).then(({ outputs }) => {
        for (let image = 0; image < images; image += 1) {
          integerClasses[first + image] = argmax(outputs.subarray(image * classes, (image + 1) * classes));
        }
      }),
    );
    codes = new Int32Array(SHARE * size);
    filled = 0;
  };
  for await (const { image, name, label, index } of items(dataset, total)) {
    batch.set(toFloat(pixels.encode(image, name)), filled * size);
    codes.set(stored.encode(image, name), filled * size);
    labels.push(label);
    filled += 1;
    if (filled < SHARE) continue;
    flush();
    onProgress(index / total);
    // The queue stays short, so memory does too.
    if (pending.length > 2 * pool.size) await pending.shift();
  }
  if (filled > 0) flush();
  await Promise.all(pending);
  const shareOf = (test: (index: number) => boolean): number =>
    labels.reduce((sum: number, _, index) => sum + (test(index) ? 1 : 0), 0) / Math.max(1, total);
  const integer = shareOf((index) => integerClasses[index] === labels[index]);
  return {
    float: shareOf((index) => floatClasses[index] === labels[index]),
    integer,
    agreement: shareOf((index) => floatClasses[index] === integerClasses[index]),
    images: total,
    interval: 1.96 * Math.sqrt((integer * (1 - integer)) / Math.max(1, total)),
  };
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
