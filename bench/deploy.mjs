/**
 * The main job's numbers: deploys real models through the command line, on the emulated board in a process of its own,
 * and prints accuracy over all 10,000 CIFAR-10 test images, the verdict, and how long a validation takes.
 *
 *   node bench/deploy.mjs [--shared ../shared] [--limit N]
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    shared: { type: "string", default: process.env.SLUICE_SHARED ?? "../shared" },
    limit: { type: "string" },
  },
});
const models = join(values.shared, "models");
const data = join(values.shared, "data");
if (!existsSync(models)) {
  console.log(`bench/deploy: skipped, there are no models in ${models} (give --shared DIR)`);
  process.exit(0);
}

const limit = values.limit ? ["--limit", values.limit] : [];
const cifar = ["--dataset", `cifar10:${join(data, "cifar10")}`, ...limit];
const photos = (size) => ["--inputs", join(values.shared, "golden", `photos_${size}.npy`)];
const named = (size) => [...photos(size), "--labels", join(models, "imagenet_labels.txt")];
const runs = [
  { model: undefined, inputs: [] },
  { model: "resnet8.onnx", inputs: cifar, expected: 8_906 },
  { model: "resnet20_a8w8b16.onnx", inputs: cifar, expected: 9_177 },
  { model: "pretrainedResnet_quant.tflite", inputs: cifar, expected: 8_707 },
  { model: "vww_96_int8.tflite", inputs: photos(96) },
  { model: "mobilenet_v1_vww_a8w8.onnx", inputs: photos(96) },
  { model: "mobilenet_v1_0.25_128_quant.tflite", inputs: named(128) },
  { model: "mobilenet_v2_1.0_224_quant.tflite", inputs: named(224), expected: "military uniform" },
  { model: "mobilenet_v2_a8w6b32.onnx", inputs: photos(224) },
];

const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
const rows = [];
try {
  for (const { model, inputs, expected } of runs) {
    const json = join(folder, "result.json");
    const file = model === undefined ? [] : [join(models, model)];
    const started = performance.now();
    execFileSync(
      process.execPath,
      ["host-agent/bin/sluice.js", "deploy", ...file, "--device", "emulated", ...inputs, "--json", json],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const seconds = (performance.now() - started) / 1000;
    const result = JSON.parse(readFileSync(json, "utf8"));
    const { verdict, accuracy, predictions, latency, timings } = result;
    rows.push({
      model: result.model,
      "bit-exact": verdict.bitExact,
      layers: verdict.layers,
      images: verdict.images,
      "correct / first": accuracy?.correct ?? predictions[0]?.top[0].label ?? "",
      expected: values.limit && typeof expected === "number" ? "" : (expected ?? ""),
      "cycles/frame": latency.cyclesPerFrame,
      "saved %": (100 * (1 - result.package.compressedWeightBytes / result.package.rawWeightBytes)).toFixed(
        1,
      ),
      "run s": (timings.runMs / 1000).toFixed(1),
      "all s": seconds.toFixed(1),
    });
    console.log(`${result.model}: ${seconds.toFixed(1)} s`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  `\n${availableParallelism()} cores, Node ${process.versions.node}; times include start-up, import and upload`,
);
console.table(rows);
