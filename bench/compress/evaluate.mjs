/** Right answers over the CIFAR-10 test set: of the float model, and of the compiled model on the emulated overlay. */
import { WasmEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { defaultCodec } from "@sluice/sdk/codec";
import { compile, inputFrame, outputCodes } from "@sluice/sdk/compile";
import { kv260Geometry } from "@sluice/sdk/overlay";
import { defaultPreprocessing, encodePixels, encodingTable } from "@sluice/sdk/preprocess";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { preprocess } from "./models.mjs";

const BATCH = 64;

/** Bit-exact with the integer reference, and faster. */
export async function correctOnOverlay(graph, set) {
  let correct = 0;
  await runOnOverlay(graph, set, (codes, image) => {
    if (argmax(Int32Array.from(codes)) === set.labels[image]) correct += 1;
  });
  return correct;
}

/** Real logits of every image, one after the other. */
export async function logitsOnOverlay(graph, set) {
  const { scale, zeroPoint, shape } = graph.tensors[graph.output];
  const classes = shape[0] * shape[1] * shape[2];
  const logits = new Float32Array(set.count * classes);
  await runOnOverlay(graph, set, (codes, image) => {
    codes.forEach((code, index) => {
      logits[image * classes + index] = (code - zeroPoint) * scale;
    });
  });
  return logits;
}

/** Hands the output of every image, as integers, to `take`. */
async function runOnOverlay(graph, set, take) {
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
  for (let start = 0; start < set.count; start += BATCH) {
    const count = Math.min(BATCH, set.count - start);
    const frames = Array.from({ length: count }, (_, index) => {
      const stored = encodePixels(pixelsOf(set, start + index, 1), preprocessing, graph, table);
      const codes = Int8Array.from(stored, (value) => value - compiled.input.codeOffset);
      return inputFrame(codes, compiled.input, kv260Geometry);
    });
    const { outputs } = await driver.run(frames, { deadlineMs: 600_000 });
    const bytes = outputs.length / count;
    for (let index = 0; index < count; index += 1) {
      const frame = outputs.subarray(index * bytes, (index + 1) * bytes);
      take(outputCodes(frame, compiled.output, kv260Geometry), start + index);
    }
  }
}

export function correctInFloat(model, encoding, set) {
  const logits = logitsInFloat(model, encoding, set);
  const classes = logits.length / set.count;
  let correct = 0;
  for (let image = 0; image < set.count; image += 1) {
    const row = logits.subarray(image * classes, (image + 1) * classes);
    if (argmax(row) === set.labels[image]) correct += 1;
  }
  return correct;
}

/** Logits of every image, one after the other. */
export function logitsInFloat(model, encoding, set) {
  const interpreter = createFloatInterpreter(model, { batch: BATCH });
  const { shape } = model.tensors[model.output];
  const classes = shape[0] * shape[1] * shape[2];
  const result = new Float32Array(set.count * classes);
  for (let start = 0; start < set.count; start += BATCH) {
    const count = Math.min(BATCH, set.count - start);
    const logits = interpreter.run(preprocess(pixelsOf(set, start, count), encoding), count);
    result.set(logits.subarray(0, count * classes), start * classes);
  }
  return result;
}

function pixelsOf({ pixels, pixelsPerImage }, first, count) {
  return pixels.subarray(first * pixelsPerImage, (first + count) * pixelsPerImage);
}
