/** `compress`: a float model and a data set become a package, with the accuracy of both measured. */
import { basename, resolve } from "node:path";
import { codecByName, type WeightCodec } from "@sluice/sdk/codec";
import { type CompiledModel, compile } from "@sluice/sdk/compile";
import { DatasetError } from "@sluice/sdk/errors.js";
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { dropFakeQuantization } from "@sluice/sdk/import/passes";
import { geometryById, type OverlayGeometry } from "@sluice/sdk/overlay";
import { writePackage } from "@sluice/sdk/package";
import { type PlannedModel, planModel, type Target } from "@sluice/sdk/planner";
import { defaultPreprocessing } from "@sluice/sdk/preprocess";
import {
  type CodedSize,
  codedSize,
  lowerFloatGraph,
  type QuantizeOptions,
  quantizeModel,
  type Restructuring,
  restructure,
} from "@sluice/sdk/quantize";
import type { Dataset } from "../datasets/index.js";
import { openSplit } from "../datasets/index.js";
import { floatTop1 } from "./compress/float-classifier.js";
import { HeldOut } from "./compress/held-out.js";
import { type Accuracy, measureAccuracy } from "./compress/measure-accuracy.js";
import { readImages, seededNumbers, spreadPositions } from "./compress/model-inputs.js";
import { readFloatModel } from "./compress/read-float-model.js";
import { ReferencePool } from "./reference-pool.js";

/** More calibration images than this gain nothing. */
export const MAX_CALIBRATION_IMAGES = 2_048;
/** Training images on which plans are verified. */
export const HELD_OUT_IMAGES = 2_000;

export interface CompressRequest {
  readonly model: string;
  /** A folder or KIND:DIR with a training and a test part. */
  readonly dataset: string;
  readonly calibrationImages: number;
  readonly seed: number;
  /** One method for all layers. */
  readonly quantize: Omit<QuantizeOptions, "random" | "onProgress">;
  /** Layers factored or filters taken out before anything is quantised. */
  readonly restructuring?: Restructuring;
  /** The planner chooses instead. */
  readonly targets?: readonly Target[];
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
  readonly onStage: (stage: string, done: number, detail: string) => void;
  /** The float model itself is wrong on most of a few training images that it was given as they are. */
  readonly onPoorModel?: (top1: number, images: number) => void;
}

export interface CompressResult {
  readonly file: string;
  readonly graph: Graph;
  readonly compiled: CompiledModel;
  readonly package: Uint8Array;
  readonly size: CodedSize;
  readonly accuracy: Accuracy;
  readonly calibrationImages: number;
  /** What was read: "cifar10:data (train)" and "... (test)". */
  readonly datasets: { readonly training: string; readonly test: string };
  /** Where the planner chose. */
  readonly planned?: PlannedModel;
  readonly heldOutImages?: number;
}

const FIRST_LOOK_IMAGES = 128;
/** Top-1 below which inputs without a scale and mean are suspected. */
export const POOR_TOP1 = 0.5;

/** What both ways of compressing begin with. */
interface Prepared {
  readonly model: FloatGraph;
  readonly encoding: InputEncoding;
  readonly training: Dataset;
  readonly images: Float32Array;
  readonly positions: readonly number[];
  readonly geometry: OverlayGeometry;
  readonly codec: WeightCodec;
}

interface Compressed {
  readonly graph: Graph;
  readonly size: CodedSize;
  readonly compiled: CompiledModel;
  readonly planned?: PlannedModel;
  readonly heldOutImages?: number;
}

/** @throws {ImportError}, {DatasetError}, {GraphError}, {PlanError} or {CompileError}; nothing is written here. */
export async function compressModel(
  request: CompressRequest,
  progress: CompressProgress,
): Promise<CompressResult> {
  // Names first: a mistake in one should not wait for the calibration.
  const geometry = geometryById(request.geometry);
  const codec = codecByName(request.codec);
  const file = basename(resolve(request.model));
  const training = openSplit(request.dataset, "train");
  const test = openSplit(request.dataset, "test");
  // What a QDQ file's own grids left in the weights stays; its activations are calibrated anew.
  const model = dropFakeQuantization(readFloatModel(request.model));
  const count = Math.min(request.calibrationImages, training.count, MAX_CALIBRATION_IMAGES);
  const encoding: InputEncoding = { kind: "normalize", ...request.normalization, rounding: "half-away" };
  const positions = spreadPositions(training.count, count, request.seed);
  const { images, labels } = await readImages(model, encoding, training, positions, (done) =>
    progress.onStage("calibrate", done, training.name),
  );
  if (isNeutral(request.normalization)) {
    const few = labels.slice(0, FIRST_LOOK_IMAGES);
    const top1 = floatTop1(model, images, few);
    if (top1 !== undefined && top1 < POOR_TOP1) progress.onPoorModel?.(top1, few.length);
  }
  const prepared: Prepared = { model, encoding, training, images, positions, geometry, codec };
  const made = request.targets
    ? await compressByPlan(request, request.targets, prepared, progress)
    : compressByMethod(request, prepared, progress);
  const { graph, compiled } = made;
  const pool = new ReferencePool({ graph, layers: [], geometry }, request.workers);
  try {
    const accuracy = await measureAccuracy(model, graph, encoding, test, request.limit, pool, (done) =>
      progress.onStage("evaluate", done, test.name),
    );
    return {
      ...made,
      file,
      package: writePackage(compiled, graph, defaultPreprocessing(graph)),
      accuracy,
      calibrationImages: count,
      datasets: { training: training.name, test: test.name },
    };
  } finally {
    await pool.close();
  }
}

function compressByMethod(
  { quantize, seed, normalization, restructuring }: CompressRequest,
  { model: original, images, positions, encoding, geometry, codec }: Prepared,
  progress: CompressProgress,
): Compressed {
  const model = restructuring ? restructure(original, images, positions.length, restructuring) : original;
  const plan = quantizeModel(model, images, positions.length, {
    inputRange: inputRange(normalization),
    ...quantize,
    random: seededNumbers(seed),
    onProgress: (done, layer) => progress.onStage("quantize", done, layer),
  });
  const graph = lowerFloatGraph(model, plan, { inputEncoding: encoding });
  return {
    graph,
    size: codedSize(original, plan, graph, codec),
    compiled: compile(graph, { geometry, codec }),
  };
}

async function compressByPlan(
  { seed, workers }: CompressRequest,
  targets: readonly Target[],
  { model, images, positions, training, encoding, geometry, codec }: Prepared,
  progress: CompressProgress,
): Promise<Compressed> {
  const others = spreadPositions(training.count, HELD_OUT_IMAGES, seed, new Set(positions));
  if (others.length === 0) {
    throw new DatasetError("no-held-out-images", "Calibration takes every training image.", {
      place: "--calibration",
      expected: `fewer than ${training.count}, so that plans can be verified on the others`,
      found: String(positions.length),
      hint: "Give a smaller --calibration.",
    });
  }
  const held = await HeldOut.read(model, encoding, training, others, { geometry, workers });
  const planned = await planModel(model, images, positions.length, targets, {
    inputEncoding: encoding,
    geometry,
    codec,
    random: seededNumbers(seed),
    measure: (graph) => held.measure(graph),
    onProgress: progress.onStage,
  });
  const { graph, size, compiled } = planned.best;
  return { graph, size, compiled, planned, heldOutImages: held.count };
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
