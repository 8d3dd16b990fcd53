/**
 * Cycles per frame by the cycle model, for real models, codecs and numbers of decoder lanes, side by side.
 *
 *   node bench/cycle-model.mjs [--rtl] [MODEL...]     default: the models of the shared folder (SLUICE_SHARED)
 *
 * `--rtl` runs the Verilated overlay as well (`npm run build:rtl`) and prints how far the model is from it: per model, and the
 * layers that are off by more than 2 %.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { ansCodec, rawCodec, weightCodecs } from "@sluice/sdk/codec";
import { compile, programCycles } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry, unpackCommands } from "@sluice/sdk/overlay";
import { sharedFile } from "./shared-data.mjs";

const defaults = [
  "resnet8.onnx",
  "pretrainedResnet_quant.tflite",
  "resnet20_a8w8b16.onnx",
  "vww_96_int8.tflite",
  "mobilenet_v1_0.25_128_quant.tflite",
  "mobilenet_v2_1.0_224_quant.tflite",
];
const words = process.argv.slice(2);
const given = words.filter((word) => word !== "--rtl").map((path) => [basename(path), readFileSync(path)]);
const models = given.length > 0 ? given : defaults.map((file) => [file, sharedFile("models", file)]);
const LANES = [1, 4, 8, 16, 32];

const line = (cells) =>
  process.stdout.write(
    `${cells.map((cell, at) => `${cell}`.padStart(at < 2 ? 0 : 10).padEnd(at === 0 ? 36 : at === 1 ? 9 : 0)).join(" ")}\n`,
  );
process.stdout.write(
  `Cycles per frame on ${kv260Geometry.id} by the cycle model; lanes count for entropy codecs only\n`,
);
if (words.includes("--rtl")) {
  await compareWithRtl();
  process.exit();
}
line(["model", "codec", "weights", "stored", ...LANES.map((lanes) => `${lanes} lanes`), "stall@16", "ms@16"]);
for (const [file, bytes] of models) {
  const graph = importModel(bytes, { file });
  for (const codec of weightCodecs) {
    const compiled = compile(graph, { geometry: kv260Geometry, codec });
    const commands = unpackCommands(compiled.sections.find(({ kind }) => kind === "program").bytes);
    const byLanes = LANES.map((decoderLanes) => programCycles(commands, { ...kv260Geometry, decoderLanes }));
    const sum = (field) => compiled.layers.reduce((total, layer) => total + layer[field], 0);
    const sixteen = byLanes[LANES.indexOf(16)];
    const ms = sixteen.total / kv260Geometry.clockMHz / 1000;
    line([
      file,
      codec.name,
      sum("weightBytes"),
      sum("compressedBytes"),
      ...byLanes.map(({ total }) => total),
      sixteen.stallWeights,
      ms.toFixed(3),
    ]);
  }
}

async function compareWithRtl() {
  const { openOverlayRun } = await import("./rtl/overlay-run.mjs");
  const { seededInput } = await import("./rtl/seeded-input.mjs");
  const percent = (measured, model) => 100 * (model / measured - 1);
  line(["model", "codec", "RTL", "model", "off by", "layers", "in 2 %", "worst"]);
  for (const [file, bytes] of models) {
    const graph = importModel(bytes, { file });
    for (const codec of [rawCodec, ansCodec]) {
      const compiled = compile(graph, { geometry: kv260Geometry, codec });
      const run = openOverlayRun(graph, compiled);
      // The first START builds tables; the model is about those that follow.
      await run.run(seededInput(graph, 0));
      const { cycles, counters } = await run.run(seededInput(graph, 1));
      await run.close();
      const model = compiled.plan.cyclesPerFrame;
      const layers = compiled.layers.map(({ index, name, kind, cycles: { total } }) => {
        const measured = counters[index].cycles;
        return { name, kind, measured, total, off: percent(measured, total) };
      });
      const far = layers.filter(({ off }) => Math.abs(off) > 2);
      const worst = layers.reduce((a, b) => (Math.abs(b.off) > Math.abs(a.off) ? b : a));
      line([
        file,
        codec.name,
        cycles,
        model,
        `${percent(cycles, model).toFixed(2)} %`,
        layers.length,
        layers.length - far.length,
        `${worst.off.toFixed(1)} %`,
      ]);
      for (const { name, kind, measured, total, off } of far) {
        process.stdout.write(
          `    ${kind.padEnd(16)} RTL ${measured}, model ${total}: ${off.toFixed(1)} %  ${name.slice(0, 60)}\n`,
        );
      }
    }
  }
}
