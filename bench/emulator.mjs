// Frames per second of the emulated overlay, TypeScript and WASM engines side by side, on one core.
//   node bench/emulator.mjs [--seconds S] [--only NAME]
// Wall-clock rates suffer from whatever else the machine does; the rates per CPU second count this process only.
// Models are read from ../shared/models (or $SLUICE_SHARED/models); those that are missing are named and left out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlainEngine, WasmEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { codecByName } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
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

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs batches for a while to let the runtime optimise, then for `seconds` of CPU time. */
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
  const runFor = async (limit) => {
    const used = cpuSeconds();
    const start = performance.now();
    let count = 0;
    while (cpuSeconds() - used < limit) {
      await driver.run(frames, { deadlineMs });
      count += batch;
    }
    return { count, wall: (performance.now() - start) / 1000, cpu: cpuSeconds() - used };
  };
  await runFor(seconds / 2);
  const { count, wall, cpu } = await runFor(seconds);
  driver.unload();
  await device.close();
  return {
    framesPerSecond: count / wall,
    framesPerCpuSecond: count / cpu,
    firstMs,
  };
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
  const cell = (result, value) => (result ? value(result) : "-");
  const perSecond = ({ framesPerSecond }) => framesPerSecond.toFixed(1);
  const perCpuSecond = ({ framesPerCpuSecond }) => framesPerCpuSecond.toFixed(1);
  const gmacs = ({ framesPerCpuSecond }) => ((framesPerCpuSecond * macs) / 1e9).toFixed(2);
  rows.push({
    model: name,
    "MMAC/frame": (macs / 1e6).toFixed(2),
    "plain frames/s": cell(plain, perSecond),
    "wasm frames/s": cell(fast, perSecond),
    "plain frames/CPU s": cell(plain, perCpuSecond),
    "wasm frames/CPU s": cell(fast, perCpuSecond),
    "plain GMAC/CPU s": cell(plain, gmacs),
    "wasm GMAC/CPU s": cell(fast, gmacs),
    "wasm first frame ms": cell(fast, ({ firstMs }) => firstMs.toFixed(1)),
  });
}
console.table(rows);
