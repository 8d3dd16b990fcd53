// Frames per second of the emulated overlay, TypeScript and WASM engines side by side, on one core.
//   node bench/emulator.mjs [--seconds S] [--only NAME]
// Models are read from ../shared/models (or $SLUICE_SHARED/models); those that are missing are named and left out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlainEngine, WasmEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { codecByName } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importTflite as importModel } from "@sluice/sdk/import/tflite/import.js";
import { kv260Geometry } from "@sluice/sdk/overlay";

const models = [
  "resnet8.onnx",
  "resnet20_a8w8b16.onnx",
  "pretrainedResnet_quant.tflite",
  "vww_96_int8.tflite",
  "mobilenet_v1_vww_a8w8.onnx",
  "mobilenet_v1_0.25_128_quant.tflite",
  "mobilenet_v2_1.0_224_quant.tflite",
  "mobilenet_v2_a8w6b32.onnx",
];

const shared = process.env.SLUICE_SHARED ?? fileURLToPath(new URL("../../shared", import.meta.url));

function option(name, fallback) {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
}
const seconds = Number(option("--seconds", "2"));
const only = option("--only", "");

/** Runs batches until the time is over; the first one prepares the model and is not counted. */
async function measure(compiled, engine) {
  const device = new EmulatedDevice({ geometry: kv260Geometry, engine, turnMs: 50 });
  const driver = new OverlayDriver(device, { batchFrames: 64 });
  driver.load(compiled.plan, compiled.sections);
  const { inputFrameBytes } = compiled.plan;
  const frame = Uint8Array.from({ length: inputFrameBytes }, (_, index) => (index * 37) & 0xff);
  const deadlineMs = 600_000;
  const first = performance.now();
  await driver.run([frame], { deadlineMs });
  const firstMs = performance.now() - first;
  const batch = Math.max(1, Math.min(64, Math.floor((seconds * 250) / firstMs)));
  const frames = Array.from({ length: batch }, () => frame);
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    await driver.run(frames, { deadlineMs });
    count += batch;
  }
  const elapsed = performance.now() - start;
  driver.unload();
  await device.close();
  return { framesPerSecond: (count * 1000) / elapsed, firstMs };
}

const rows = [];
for (const name of models.filter((model) => model.includes(only))) {
  const path = join(shared, "models", name);
  if (!existsSync(path)) {
    console.log(`${name}: left out, there is no ${path}`);
    continue;
  }
  const graph = importModel(readFileSync(path), { file: name });
  const compiled = compile(graph, { geometry: kv260Geometry, codec: codecByName("deflate") });
  const macs = compiled.layers.reduce((sum, layer) => sum + layer.macs, 0);
  const wasm = WasmEngine.create(kv260Geometry);
  const fast = wasm && (await measure(compiled, wasm));
  const plain = await measure(compiled, new PlainEngine(kv260Geometry));
  const rate = (result) => (result ? result.framesPerSecond.toFixed(1) : "-");
  const gmacs = (result) => (result ? ((result.framesPerSecond * macs) / 1e9).toFixed(2) : "-");
  rows.push({
    model: name,
    "MMAC/frame": (macs / 1e6).toFixed(2),
    "plain frames/s": rate(plain),
    "wasm frames/s": rate(fast),
    ratio: fast ? (fast.framesPerSecond / plain.framesPerSecond).toFixed(1) : "-",
    "plain GMAC/s": gmacs(plain),
    "wasm GMAC/s": gmacs(fast),
    "wasm first frame ms": fast ? fast.firstMs.toFixed(1) : "-",
  });
}
console.table(rows);
