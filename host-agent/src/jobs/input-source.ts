/** The inputs of a deploy: a data set, files, the bundled set, or seeded random tensors when nothing was named. */
import { inputFrame } from "@sluice/sdk/compile";
import { DatasetError } from "@sluice/sdk/errors.js";
import type { Graph } from "@sluice/sdk/graph";
import { createInputEncoder } from "@sluice/sdk/preprocess";
import type { Dataset, DatasetItem } from "../datasets/index.js";
import { items, openDataset, openInputFiles } from "../datasets/index.js";
import type { PreparedImage } from "./check-layers.js";
import type { CompiledDeployment } from "./deploy-job.js";

export interface InputOptions {
  /** `cifar10:DIR`, `mnist:DIR` or `images:DIR`. */
  readonly dataset?: string;
  readonly inputs?: readonly string[];
  readonly limit?: number;
  /** Data set to use when neither is given. */
  readonly fallback?: string;
}

export interface InputSource {
  readonly name: string;
  readonly count: number;
  readonly classes?: readonly string[];
  readonly dataset: Dataset;
}

const RANDOM_INPUTS = 8;

/** @throws {DatasetError} when nothing is left to run, and whatever the data set says. */
export async function openInputs(graph: Graph, options: InputOptions): Promise<InputSource> {
  const dataset = await chooseDataset(graph, options);
  const count = Math.min(dataset.count, options.limit ?? dataset.count);
  if (count === 0) {
    throw new DatasetError("no-inputs", "There is no input to run.", {
      place: dataset.name,
      expected: "at least one image",
      hint: "Raise --limit, or give a data set that is not empty.",
    });
  }
  const bundled =
    options.dataset === undefined && options.inputs === undefined && options.fallback !== undefined;
  return {
    name: bundled ? "the bundled test images" : dataset.name,
    count,
    classes: dataset.classes,
    dataset,
  };
}

async function chooseDataset(graph: Graph, { dataset, inputs, fallback }: InputOptions): Promise<Dataset> {
  if (dataset !== undefined && inputs !== undefined) {
    throw new DatasetError("two-sources", "Give a data set or input files, not both.", {
      found: "--dataset and --inputs",
      hint: "Leave one of them out.",
    });
  }
  if (inputs !== undefined) return openInputFiles(inputs);
  if (dataset !== undefined) return openDataset(dataset);
  return fallback !== undefined ? openDataset(fallback) : randomInputs(graph);
}

/** Seeded tensors over the input's whole range: enough to compare bits with, not to measure accuracy. */
function randomInputs(graph: Graph): Dataset {
  const { shape, min, max } = graph.tensors[graph.input];
  const size = shape[0] * shape[1] * shape[2];
  return {
    name: "seeded random tensors (no data set given)",
    count: RANDOM_INPUTS,
    async get(index): Promise<DatasetItem> {
      // A linear congruential generator (Numerical Recipes constants); its high bits are random enough here.
      let state = (index + 1) * 2_654_435_761;
      const data = Int32Array.from({ length: size }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return min + Math.floor((state / 2 ** 32) * (max - min + 1));
      });
      return { index, name: `random ${index}`, image: { kind: "stored", shape, data } };
    },
  };
}

/** Reads, preprocesses and lays out the inputs in order. */
export async function* prepareImages(
  source: InputSource,
  { model, compiled, geometry, preprocessing }: CompiledDeployment,
  limit = source.count,
): AsyncGenerator<PreparedImage> {
  const encoder = createInputEncoder(preprocessing, model.graph);
  const { codeOffset } = compiled.input;
  for await (const { name, image, label } of items(source.dataset, Math.min(limit, source.count))) {
    const stored = encoder.encode(image, name);
    const codes = Int8Array.from(stored, (value) => value - codeOffset);
    yield { name, stored, frame: inputFrame(codes, compiled.input, geometry), label };
  }
}
