/**
 * Post-training compression, row by row: float model in, integer model out, top-1 over the CIFAR-10 test set on the
 * emulated overlay (bit-exact with the integer reference). Calibration images come from the training batches only.
 *
 *   node bench/compress.mjs [--rows REGEXP] [--limit N] [--workers N] [--calibration N] [--draw N] [--set key=value,...]
 *
 * "reach" is the aim for the row; a row that misses it is printed as it is.
 */
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { WasmEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { defaultCodec } from "@sluice/sdk/codec";
import { compile, inputFrame, outputCodes } from "@sluice/sdk/compile";
import { importFloatModel } from "@sluice/sdk/import/float";
import { kv260Geometry } from "@sluice/sdk/overlay";
import { defaultPreprocessing, encodePixels, encodingTable } from "@sluice/sdk/preprocess";
import { codedSize, lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { cifarTestSet, cifarTrainingImages, sharedFile } from "./shared-data.mjs";

const resnet20 = {
  name: "ResNet-20",
  file: "resnet20_float.onnx",
  encoding: { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
const resnet8 = {
  name: "ResNet-8",
  file: "pretrainedResnet.tflite",
  encoding: { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
};
const rows = [
  [resnet20, "float", undefined, ""],
  [resnet20, "W8A8 free", { method: "nearest" }, ">= 91.6"],
  [resnet20, "W8A8 power of two", { method: "nearest", scales: "power-of-two" }, ">= 91.4"],
  [resnet20, "W4A8 nearest", { method: "nearest", bits: 4 }, ""],
  [resnet20, "W4A8 bias correction", { method: "bias-correction", bits: 4 }, ""],
  [resnet20, "W4A8 compensated", { method: "gram", bits: 4 }, ">= 91.5"],
  [resnet20, "W3A8 nearest", { method: "nearest", bits: 3 }, ""],
  [resnet20, "W3A8 bias correction", { method: "bias-correction", bits: 3 }, ""],
  [resnet20, "W3A8 compensated", { method: "gram", bits: 3 }, ">= 91.2"],
  [resnet20, "ternary A8 nearest", { method: "nearest", bits: 2 }, ""],
  [resnet20, "ternary A8 bias correction", { method: "bias-correction", bits: 2 }, ""],
  [resnet20, "ternary A8 compensated", { method: "gram", bits: 2 }, ">= 89.5"],
  [resnet20, "W8A4 compensated", { method: "gram", bits: 8, activationBits: 4 }, ">= 91.0"],
  [resnet20, "W4A4 compensated", { method: "gram", bits: 4, activationBits: 4 }, ">= 90.6"],
  [resnet20, "rate-distortion, drop <= 0.3", { lambda: 1e-5 }, "<= 1.85 b/w"],
  [resnet20, "rate-distortion, drop <= 1.0", { lambda: 4e-5 }, "<= 1.40 b/w"],
  [resnet8, "float", undefined, ""],
  [resnet8, "W8A8 free", { method: "nearest" }, "float - 0.2"],
  [resnet8, "W8A8 power of two", { method: "nearest", scales: "power-of-two" }, ""],
  [resnet8, "rate-distortion, drop <= 1.0", { lambda: 1e-4 }, "<= 2.0 b/w"],
];
const SIZE = 3072;
const BATCH = 64;

if (isMainThread) await main();
else if (workerData.graph) await workOnOverlay(workerData);
else workInFloat(workerData);

async function main() {
  const { values } = parseArgs({
    options: {
      rows: { type: "string", default: "" },
      limit: { type: "string", default: "10000" },
      workers: { type: "string", default: "2" },
      calibration: { type: "string", default: "1024" },
      draw: { type: "string", default: "1" },
      set: { type: "string", default: "" },
    },
  });
  const overrides = Object.fromEntries(
    values.set
      .split(",")
      .filter((text) => text !== "")
      .map((text) => text.split("="))
      .map(([key, value]) => [key, value === "true" || value === "false" ? value === "true" : Number(value)]),
  );
  const set = cifarTestSet(Number(values.limit));
  const count = Number(values.calibration);
  // The drop is shown where the same run measured the float model.
  const floatShares = new Map();
  const pixels = cifarTrainingImages(count, Number(values.draw));
  process.stdout.write(
    `${"model".padEnd(10)}${"setting".padEnd(30)}${"top-1 %".padStart(8)}${"+-".padStart(6)}${"drop".padStart(7)}` +
      `${"b/w".padStart(8)}${"bytes".padStart(9)}${"quant s".padStart(9)}${"eval s".padStart(8)}  reach\n`,
  );
  for (const [model, setting, options, reach] of rows) {
    if (!new RegExp(values.rows).test(`${model.name} ${setting}`)) continue;
    const start = performance.now();
    const bytes = sharedFile("models", model.file);
    const float = importFloatModel(bytes, { file: model.file });
    const { encoding } = model;
    let size;
    let job = { float, encoding };
    if (options) {
      const plan = quantizeModel(float, preprocess(pixels, encoding), count, {
        ...options,
        ...overrides,
        random: seeded(Number(values.draw)),
      });
      const inputEncoding = { kind: "normalize", ...encoding, rounding: "half-away" };
      const graph = lowerFloatGraph(float, plan, { inputEncoding });
      size = codedSize(float, plan, graph);
      job = { graph };
    }
    const quantized = performance.now();
    const correct = await accuracy(job, set, Number(values.workers));
    const seconds = (performance.now() - quantized) / 1000;
    const share = correct / set.count;
    const interval = 196 * Math.sqrt((share * (1 - share)) / set.count);
    if (!options) floatShares.set(model, share);
    const floatShare = floatShares.get(model);
    const drop = floatShare === undefined ? "" : (100 * (floatShare - share)).toFixed(2);
    process.stdout.write(
      `${model.name.padEnd(10)}${setting.padEnd(30)}${(100 * share).toFixed(2).padStart(8)}${interval.toFixed(2).padStart(6)}` +
        `${drop.padStart(7)}${(size?.bitsPerWeight.toFixed(3) ?? "32").padStart(8)}` +
        `${String(size ? size.weightBytes + size.sideBytes : "").padStart(9)}${((quantized - start) / 1000).toFixed(1).padStart(9)}` +
        `${seconds.toFixed(1).padStart(8)}  ${reach}\n`,
    );
  }
}

function preprocess(pixels, { scale, mean, std }) {
  return Float32Array.from(pixels, (pixel, index) => (pixel * scale - mean[index % 3]) / std[index % 3]);
}

/** mulberry32 */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function accuracy(job, set, workers) {
  const share = Math.ceil(set.count / workers);
  const counts = await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const data = { ...job, set, first: index * share, end: Math.min((index + 1) * share, set.count) };
      return new Promise((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: data });
        worker.once("message", resolve);
        worker.once("error", reject);
      });
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The compiled model on the emulated overlay: bit-exact with the reference, and faster. */
async function workOnOverlay({ graph, set, first, end }) {
  const preprocessing = defaultPreprocessing(graph);
  const table = encodingTable(preprocessing, graph);
  const compiled = compile(graph, { geometry: kv260Geometry, codec: defaultCodec });
  const device = new EmulatedDevice({
    geometry: kv260Geometry,
    engine: WasmEngine.create(kv260Geometry),
    turnMs: 50,
  });
  const driver = new OverlayDriver(device, { batchFrames: BATCH });
  driver.load(compiled.plan, compiled.sections);
  let correct = 0;
  for (let start = first; start < end; start += BATCH) {
    const count = Math.min(BATCH, end - start);
    const frames = Array.from({ length: count }, (_, index) => {
      const pixels = set.pixels.subarray((start + index) * SIZE, (start + index + 1) * SIZE);
      const stored = encodePixels(pixels, preprocessing, graph, table);
      const codes = Int8Array.from(stored, (value) => value - compiled.input.codeOffset);
      return inputFrame(codes, compiled.input, kv260Geometry);
    });
    const { outputs } = await driver.run(frames, { deadlineMs: 600_000 });
    const bytes = outputs.length / count;
    for (let index = 0; index < count; index += 1) {
      const frame = outputs.subarray(index * bytes, (index + 1) * bytes);
      const codes = outputCodes(frame, compiled.output, kv260Geometry);
      if (argmax(Int32Array.from(codes)) === set.labels[start + index]) correct += 1;
    }
  }
  parentPort.postMessage(correct);
}

function workInFloat({ float, encoding, set, first, end }) {
  const interpreter = createFloatInterpreter(float, { batch: BATCH });
  let correct = 0;
  for (let start = first; start < end; start += BATCH) {
    const count = Math.min(BATCH, end - start);
    const images = preprocess(set.pixels.subarray(start * SIZE, (start + count) * SIZE), encoding);
    const logits = interpreter.run(images, count);
    const classes = logits.length / count;
    for (let index = 0; index < count; index += 1) {
      const row = logits.subarray(index * classes, (index + 1) * classes);
      if (row.indexOf(Math.max(...row)) === set.labels[start + index]) correct += 1;
    }
  }
  parentPort.postMessage(correct);
}
