/**
 * The steps of `deploy`, each a function over one growing context. The command line shows them as tasks; a service or
 * a test can call them one after the other.
 */
import { availableParallelism } from "node:os";
import { codecChoice, deflateCodec } from "@sluice/sdk/codec";
import { type CompiledModel, compile } from "@sluice/sdk/compile";
import { geometryById, type OverlayGeometry } from "@sluice/sdk/overlay";
import { decodeWeightSections, writePackage } from "@sluice/sdk/package";
import {
  checkPreprocessing,
  defaultPreprocessing,
  type NormalizationOverrides,
  overrideNormalization,
  type Preprocessing,
} from "@sluice/sdk/preprocess";
import type { BoardSession, InstallResult } from "./board-session.js";
import { checkLayers, type LayerCheck, type PreparedImage } from "./check-layers.js";
import { compareLogits, type LogitComparison } from "./compare-logits.js";
import type { DeployResult } from "./deploy-result.js";
import { type InputSource, prepareImages } from "./input-source.js";
import { type LoadedModel, loadEarlierWeights, loadModel } from "./load-model.js";
import { topPredictions } from "./predictions.js";
import { ReferencePool } from "./reference-pool.js";

export interface CompiledDeployment {
  readonly model: LoadedModel;
  readonly compiled: CompiledModel;
  readonly geometry: OverlayGeometry;
  readonly preprocessing: Preprocessing;
  readonly packageBytes: Uint8Array;
  readonly compileMs: number;
}

export interface Verification {
  readonly check: LayerCheck;
  readonly comparison: LogitComparison;
  readonly runMs: number;
}

export interface PrepareOptions extends NormalizationOverrides {
  readonly geometry: string;
  readonly codec: string;
  /** An earlier package of the model whose tables and streams stay where the weights did not change. */
  readonly like?: string;
}

/** Imports and compiles; a package is taken as it is. */
export function prepareDeployment(
  path: string,
  options: PrepareOptions,
  onProgress: (done: number) => void,
): CompiledDeployment {
  const model = loadModel(path);
  const started = performance.now();
  if (model.packed) {
    const { compiled, bytes } = model.packed;
    const geometry = geometryById(compiled.plan.geometry);
    const preprocessing = overrideNormalization(
      checkPreprocessing(model.packed.preprocessing, model.graph),
      options,
      model.graph,
    );
    return { model, compiled, geometry, preprocessing, packageBytes: bytes, compileMs: 0 };
  }
  const geometry = geometryById(options.geometry);
  const like = options.like === undefined ? undefined : loadEarlierWeights(options.like);
  const compiled = compile(model.graph, { geometry, ...codecChoice(options.codec), like, onProgress });
  const preprocessing = overrideNormalization(defaultPreprocessing(model.graph), options, model.graph);
  const packageBytes = writePackage(compiled, model.graph, preprocessing);
  return { model, compiled, geometry, preprocessing, packageBytes, compileMs: performance.now() - started };
}

export interface VerifyProgress {
  readonly onLayers: (images: number) => void;
  readonly onLogits: (done: number, correct: number, labelled: number) => void;
}

/**
 * Compares every layer on the first `layerImages` inputs and every logit on all of them. Stops after the layer check
 * when that already found a difference.
 */
export async function verifyOnBoard(
  session: BoardSession,
  deployment: CompiledDeployment,
  source: InputSource,
  layerImages: number,
  progress: VerifyProgress,
): Promise<Verification> {
  const { model, compiled, geometry } = deployment;
  const started = performance.now();
  const workers = Math.max(1, Math.min(availableParallelism(), source.count));
  const pool = new ReferencePool({ graph: model.graph, layers: compiled.layers, geometry }, workers);
  try {
    const first: PreparedImage[] = [];
    for await (const image of prepareImages(source, deployment, Math.min(layerImages, source.count)))
      first.push(image);
    const check = await checkLayers(
      session,
      pool,
      { graph: model.graph, compiled },
      first,
      progress.onLayers,
    );
    const images = check.divergence
      ? asyncItems(first.slice(0, check.images))
      : prepareImages(source, deployment);
    const total = check.divergence ? check.images : source.count;
    const comparison = await compareLogits(session, pool, compiled, images, total, progress.onLogits);
    return { check, comparison, runMs: performance.now() - started };
  } finally {
    await pool.close();
  }
}

async function* asyncItems<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The same weights as DEFLATE streams, so that the report can say what the codec gained over it. */
export function deflateBytes(compiled: CompiledModel): number {
  const layers = decodeWeightSections(compiled);
  return deflateCodec.encode(layers).streams.reduce((sum, stream) => sum + stream.length, 0);
}

export function deployResult(
  deployment: CompiledDeployment,
  session: BoardSession,
  install: InstallResult,
  uploadMs: number,
  verification: Verification,
  labels: readonly string[] | undefined,
  telemetry: DeployResult["telemetry"] = {},
): DeployResult {
  const { model, compiled, packageBytes, compileMs } = deployment;
  const { check, comparison } = verification;
  const sum = (field: "weightBytes" | "compressedBytes"): number =>
    uniqueLayers(compiled).reduce((total, layer) => total + layer[field], 0);
  const cyclesPerFrame = Math.round(comparison.cycles / Math.max(1, comparison.images));
  const { clockMHz } = session.description;
  const tables = compiled.sections.find(({ kind }) => kind === "tables")?.bytes.length ?? 0;
  return {
    model: model.file,
    board: session.description,
    package: {
      bytes: packageBytes.length,
      weights: sum("weightBytes"),
      codec: compiled.codec,
      compressedWeightBytes: sum("compressedBytes") + tables,
      rawWeightBytes: sum("weightBytes"),
      deflateWeightBytes: deflateBytes(compiled),
    },
    verdict: {
      bitExact: !check.divergence && !comparison.mismatch,
      images: comparison.images,
      layers: compiled.layers.length,
      layerImages: check.images,
      firstDivergence: check.divergence ?? logitDivergence(deployment, comparison),
    },
    accuracy:
      comparison.labelled > 0
        ? {
            top1: comparison.correct / comparison.labelled,
            images: comparison.labelled,
            correct: comparison.correct,
          }
        : undefined,
    latency: { cyclesPerFrame, clockMHz, milliseconds: cyclesPerFrame / (clockMHz * 1000) },
    layers: compiled.layers.map((layer) => ({
      name: layer.name,
      kind: layer.kind,
      cycles: check.readouts[layer.index].cycles,
      weightBytes: layer.weightBytes,
      compressedBytes: layer.compressedBytes,
      crc32c: check.readouts[layer.index].crcs[0].toString(16).padStart(8, "0"),
    })),
    timings: { importMs: model.importMs, compileMs, uploadMs, runMs: verification.runMs },
    uploadedBytes: install.bytesSent,
    telemetry,
    memory: compiled.memory,
    predictions: topPredictions(verification, labels),
    notes: compiled.notes,
  };
}

/** Bands of one layer share its weights; they count once. */
function uniqueLayers(compiled: CompiledModel): CompiledModel["layers"] {
  const seen = new Set<string>();
  return compiled.layers.filter(({ name, kind }) => {
    const key = `${kind} ${name}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** A logit differs although every layer checked was right: name the last layer and the element. */
function logitDivergence(
  { compiled }: CompiledDeployment,
  { mismatch, logits }: LogitComparison,
): DeployResult["verdict"]["firstDivergence"] {
  if (!mismatch) return undefined;
  const last = compiled.layers[compiled.layers.length - 1];
  return {
    layer: last.name,
    layerIndex: last.index,
    tensor: last.outputs[0].tensor,
    image: mismatch.image,
    element: [mismatch.image, 0, 0, mismatch.element],
    expected: mismatch.expected,
    found: mismatch.found,
    differing: 1,
    elements: logits.length,
    cause: "seen in the logits of this image; deploy it alone to find the layer",
  };
}
