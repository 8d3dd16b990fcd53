/**
 * Top-1 of float models over the CIFAR-10 test set in the float interpreter, on several worker threads. Top-1 takes
 * the lowest index among equal maxima.
 *
 *   node bench/float-accuracy.mjs [--limit N] [--workers N]
 */
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { importFloatModel } from "@sluice/sdk/import/float";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { cifarTestSet, sharedFile } from "./shared-data.mjs";

/** What each model was trained on: (pixel * scale - mean) / std. */
const models = [
  {
    file: "resnet20_float.onnx",
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  { file: "pretrainedResnet.tflite", scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
];
const BATCH = 32;

if (isMainThread) await main();
else work(workerData);

async function main() {
  const { values } = parseArgs({
    options: {
      limit: { type: "string", default: "10000" },
      workers: { type: "string", default: "2" },
    },
  });
  const workers = Number(values.workers);
  const set = cifarTestSet(Number(values.limit));
  process.stdout.write(
    `${"model".padEnd(34)}${"top-1".padStart(8)}${"images".padStart(8)}${"%".padStart(8)}${"seconds".padStart(9)}\n`,
  );
  for (const model of models) {
    const bytes = sharedFile("models", model.file);
    const start = performance.now();
    const share = Math.ceil(set.count / workers);
    const correct = await Promise.all(
      Array.from({ length: workers }, (_, index) =>
        inWorker({ model, bytes, set, first: index * share, end: Math.min((index + 1) * share, set.count) }),
      ),
    );
    const seconds = (performance.now() - start) / 1000;
    const total = correct.reduce((sum, count) => sum + count, 0);
    process.stdout.write(
      `${model.file.padEnd(34)}${String(total).padStart(8)}${String(set.count).padStart(8)}` +
        `${((100 * total) / set.count).toFixed(2).padStart(8)}${seconds.toFixed(1).padStart(9)}\n`,
    );
  }
}

function inWorker(data) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function work({ model, bytes, set, first, end }) {
  const interpreter = createFloatInterpreter(importFloatModel(bytes, { file: model.file }), { batch: BATCH });
  const size = set.pixelsPerImage;
  const images = new Float32Array(BATCH * size);
  let correct = 0;
  for (let start = first; start < end; start += BATCH) {
    const count = Math.min(BATCH, end - start);
    for (let index = 0; index < count * size; index += 1) {
      const channel = index % 3;
      images[index] =
        (set.pixels[start * size + index] * model.scale - model.mean[channel]) / model.std[channel];
    }
    const logits = interpreter.run(images, count);
    const classes = logits.length / count;
    for (let index = 0; index < count; index += 1) {
      const row = logits.subarray(index * classes, (index + 1) * classes);
      if (row.indexOf(Math.max(...row)) === set.labels[start + index]) correct += 1;
    }
  }
  parentPort.postMessage(correct);
}
