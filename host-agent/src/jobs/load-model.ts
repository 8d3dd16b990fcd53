/** A model as `deploy`, `pack`, `inspect` and `verify` take it: a model file, a package, or the default model. */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { EarlierWeights } from "@sluice/sdk/codec";
import type { CompiledModel } from "@sluice/sdk/compile";
import { ImportError, PackageError } from "@sluice/sdk/errors.js";
import type { Graph } from "@sluice/sdk/graph";
import { importModel } from "@sluice/sdk/import";
import { earlierWeights, isPackage, packageLimits, readPackage } from "@sluice/sdk/package";
import type { SignedPackage } from "../client/index.js";

export interface LoadedModel {
  /** Base name of the file. */
  readonly file: string;
  readonly graph: Graph;
  readonly importMs: number;
  /** Set when the file was a package: already compiled, with its own preprocessing. */
  readonly packed?: {
    readonly compiled: CompiledModel;
    readonly preprocessing: unknown;
    readonly bytes: Uint8Array;
    readonly signed: SignedPackage;
  };
}

/** @throws {ImportError} `unreadable`, `too-large` and what the importer says; {PackageError}. */
export function loadModel(path: string): LoadedModel {
  const started = performance.now();
  const bytes = readModelFile(path);
  const file = basename(path);
  if (isPackage(bytes)) {
    const { compiled, manifest, readGraph, ...signed } = readPackage(bytes);
    const graph = readGraph();
    const importMs = performance.now() - started;
    return {
      file,
      graph,
      importMs,
      packed: { compiled, preprocessing: manifest.preprocessing, bytes, signed },
    };
  }
  const graph = importModel(bytes, { file });
  return { file, graph, importMs: performance.now() - started };
}

/**
 * The weights of a package, for coding a model that differs little from it.
 * @throws as `loadModel`; {PackageError} `not-a-package`
 */
export function loadEarlierWeights(path: string): EarlierWeights {
  const { packed } = loadModel(path);
  if (packed) return earlierWeights(packed.compiled);
  throw new PackageError("not-a-package", "This is a model file; --like wants a package.", {
    place: path,
    expected: "a .sluice file that `sluice pack` or `sluice deploy --out` wrote",
    hint: "Pack the earlier model first: sluice pack MODEL --out earlier.sluice",
  });
}

function readModelFile(path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > packageLimits.fileBytes) {
      throw new ImportError("too-large", "The model file is larger than any the overlay can run.", {
        place: path,
        expected: `at most ${packageLimits.fileBytes} bytes`,
        found: `${size} bytes`,
        hint: "Check that this is the right file.",
      });
    }
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    throw new ImportError("unreadable", "The model file cannot be read.", {
      place: path,
      found: (cause as NodeJS.ErrnoException).code ?? String(cause),
      hint: "Give the path of a .onnx, .tflite or .sluice file; without one the default model is used.",
      cause,
    });
  }
}
