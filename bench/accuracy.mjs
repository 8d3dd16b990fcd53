/**
 * Top-1 of the reference over the CIFAR-10 test set, on several worker threads. Top-1 takes the lowest index among
 * equal maxima.
 *
 *   node bench/accuracy.mjs [--limit N] [--workers N] [model ...]      file names in the shared models folder
 */
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { importModel } from "@sluice/sdk/import";
import { defaultPreprocessing, encodePixels, encodingTable } from "@sluice/sdk/preprocess";
import { argmax, createReference } from "@sluice/sdk/reference";
import { cifarTestSet, sharedFile } from "./shared-data.mjs";

if (isMainThread) await main();
else work(workerData);

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      limit: { type: "string", default: "10000" },
      workers: { type: "string", default: "2" },
    },
  });
  const models =
    positionals.length > 0
      ? positionals
      : ["resnet8.onnx", "resnet20_a8w8b16.onnx", "pretrainedResnet_quant.tflite"];
  const workers = Number(values.workers);
  const set = cifarTestSet(Number(values.limit));
  process.stdout.write(
    `${"model".padEnd(34)}${"top-1".padStart(8)}${"images".padStart(8)}${"seconds".padStart(9)}${"images/s".padStart(10)}\n`,
  );
  for (const file of models) {
    const bytes = sharedFile("models", file);
    const start = performance.now();
    const share = Math.ceil(set.count / workers);
    const correct = await Promise.all(
      Array.from({ length: workers }, (_, index) =>
        inWorker({ file, bytes, set, first: index * share, end: Math.min((index + 1) * share, set.count) }),
      ),
    );
    const seconds = (performance.now() - start) / 1000;
    const total = correct.reduce((sum, count) => sum + count, 0);
    process.stdout.write(
      `${file.padEnd(34)}${String(total).padStart(8)}${String(set.count).padStart(8)}` +
        `${seconds.toFixed(1).padStart(9)}${(set.count / seconds).toFixed(1).padStart(10)}\n`,
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

function work({ file, bytes, set, first, end }) {
  const graph = importModel(bytes, { file });
  const preprocessing = defaultPreprocessing(graph);
  const table = encodingTable(preprocessing, graph);
  const reference = createReference(graph);
  let correct = 0;
  for (let image = first; image < end; image += 1) {
    const pixels = set.pixels.subarray(image * set.pixelsPerImage, (image + 1) * set.pixelsPerImage);
    const { output } = reference.run(encodePixels(pixels, preprocessing, graph, table));
    if (argmax(output) === set.labels[image]) correct += 1;
  }
  parentPort.postMessage(correct);
}
