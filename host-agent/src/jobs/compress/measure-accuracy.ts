/** Accuracy over a data set, with the integer pipeline that the board runs (bit-exact with its reference). */
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { createInputEncoder, defaultPreprocessing } from "@sluice/sdk/preprocess";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { type Dataset, items } from "../../datasets/index.js";
import { wilsonInterval } from "../../report/wilson-interval.js";
import type { ReferencePool } from "../reference-pool.js";
import { floatInput } from "./model-inputs.js";

const BATCH = 32;
/** Images a reference worker is given at once. */
const SHARE = 64;

export interface Accuracy {
  /** Top-1 in 0..1 over the same images. */
  readonly float: number;
  readonly integer: number;
  /** Share of images on which both give the same class. */
  readonly agreement: number;
  readonly images: number;
  /** No item had a label: the float model's own class counted as right. */
  readonly unlabelled: boolean;
  /** Power of the float model's outputs over that of the difference, in decibels. */
  readonly sqnr: number;
  /** 95 % Wilson interval of `integer`. */
  readonly interval: readonly [number, number];
}

/** Top-1 of the float model and of the integers the board runs, over the same `limit` items (default: all). */
export async function measureAccuracy(
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
  const toFloat = floatInput(model, encoding);
  const size = elementCount(model.tensors[model.input].shape);
  const classes = elementCount(model.tensors[model.output].shape);
  const { scale, zeroPoint } = graph.tensors[graph.output];
  let signal = 0;
  let noise = 0;
  const labels: (number | undefined)[] = [];
  const floatClasses: number[] = [];
  const integerClasses: number[] = [];
  const batch = new Float32Array(SHARE * size);
  let codes = new Int32Array(SHARE * size);
  let filled = 0;
  const pending: Promise<void>[] = [];
  const flush = (): void => {
    const first = labels.length - filled;
    const real = new Float32Array(filled * classes);
    for (let start = 0; start < filled; start += BATCH) {
      const images = Math.min(BATCH, filled - start);
      const logits = interpreter.run(batch.subarray(start * size, (start + images) * size), images);
      real.set(logits.subarray(0, images * classes), start * classes);
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
        real.forEach((value, index) => {
          signal += value ** 2;
          noise += (value - (outputs[index] - zeroPoint) * scale) ** 2;
        });
      }),
    );
    codes = new Int32Array(SHARE * size);
    filled = 0;
  };
  for await (const { image, name, label, index } of items(dataset, total)) {
    batch.set(toFloat(image, name), filled * size);
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
  const unlabelled = labels.every((label) => label === undefined);
  const expected = unlabelled ? floatClasses : labels;
  const integer = shareOf((index) => integerClasses[index] === expected[index]);
  return {
    float: shareOf((index) => floatClasses[index] === expected[index]),
    integer,
    agreement: shareOf((index) => floatClasses[index] === integerClasses[index]),
    images: total,
    unlabelled,
    sqnr: 10 * Math.log10(signal / Math.max(noise, 1e-30)),
    interval: wilsonInterval(integer, total),
  };
}
