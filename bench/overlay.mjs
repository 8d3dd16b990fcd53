/**
 * Cycles on the Verilated overlay, stored and compressed weights side by side over the same 128-bit port; every layer and
 * every output is compared with the reference on the way.
 *
 *   node bench/overlay.mjs [--layers] [--ddr PERCENT] [--no-inflate] [--json FILE] [MODEL...]
 *
 * Needs `npm run build:rtl` and, for the inflate column, `node bitstreams/scripts/build-rtl.mjs p8i8o16 --inflate`.
 * `first` is the first START, which also builds the codec's tables; the other figures are of the second. `w-stall` counts cycles in
 * which the array waited for weights; `port` is the share of cycles in which the weight port moved a beat. DDR answers
 * after 60 cycles and, without --ddr, delivers a beat in every cycle; --ddr 75 leaves out every fourth one at random, as a memory
 * would that others use too. The ratio is compressed / stored: at most 1.00 means that decompression is free.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { codecByName } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry as geometry } from "@sluice/sdk/overlay";
import { lowRateModel } from "./rtl/low-rate-model.mjs";
import { builtLibrary, openOverlayRun } from "./rtl/overlay-run.mjs";
import { seededInput } from "./rtl/seeded-input.mjs";
import { sharedFile } from "./shared-data.mjs";

/** Cycles a frame may take; `inflate` with the thesis's decompressor. */
const models = [
  { file: "resnet8.onnx", target: 20_000, inflate: 110_000 },
  { file: "resnet20_a8w8b16.onnx", target: 60_000 },
  { file: "vww_96_int8.tflite", target: 40_000 },
  { file: "mobilenet_v1_vww_a8w8.onnx", target: 40_000 },
  { file: "mobilenet_v1_0.25_128_quant.tflite" },
  { file: "resnet20_rate_distortion_1.79bpw.npz" },
  { file: "resnet20_rate_distortion_1.37bpw.npz" },
];
const { values, positionals } = parseArgs({
  options: {
    layers: { type: "boolean" },
    ddr: { type: "string", default: "100" },
    "no-inflate": { type: "boolean", default: false },
    json: { type: "string" },
  },
  allowPositionals: true,
});
const chosen =
  positionals.length === 0
    ? models
    : positionals.map((file) => models.find((m) => m.file === file) ?? { file });
const codecs = [
  { name: "raw", library: builtLibrary(geometry) },
  { name: "ans", library: builtLibrary(geometry) },
  ...(values["no-inflate"] ? [] : [{ name: "deflate", library: builtLibrary(geometry, "inflate") }]),
];
const memory = { beatsPer1024: Math.round((1024 * Number(values.ddr)) / 100) };
const columns = [
  "first",
  "cycles",
  "target",
  "w-stall",
  "d-stall",
  "beats",
  "bytes/raw",
  "port %",
  "ratio",
  "kcyc/CPUs",
];
const row = (head, cells) =>
  console.log(
    `${head[0].padEnd(38)}${head[1].padEnd(8)}${cells.map((cell) => String(cell).padStart(10)).join("")}`,
  );

row(["model", "codec"], columns);
const results = [];
let failed = false;
for (const { file, target, inflate } of chosen) {
  const graph = file.endsWith(".npz")
    ? lowRateModel(file)
    : importModel(sharedFile("models", file), { file });
  let raw;
  for (const { name, library } of codecs) {
    const compiled = compile(graph, { geometry, codec: codecByName(name) });
    const run = openOverlayRun(graph, compiled, { geometry, library, memory });
    const first = await run.run(seededInput(graph, 0));
    const frame = await run.run(seededInput(graph, 1));
    await run.close();
    if (name === "raw") raw = frame;
    for (const result of [first, frame]) {
      if (result.wrongLayers.length === 0 && result.outputEqual && result.violation === "") continue;
      failed = true;
      console.log(
        `  NOT EQUAL: ${result.wrongLayers.join(", ")} ${result.outputEqual ? "" : "output"} ${result.violation}`,
      );
    }
    const limit = name === "deflate" ? inflate : target;
    const beats = frame.counters.reduce((sum, { weightBeats }) => sum + weightBeats, 0);
    const rawBeats = raw.counters.reduce((sum, { weightBeats }) => sum + weightBeats, 0);
    row(
      [file, name],
      [
        first.cycles,
        frame.cycles,
        limit ?? "",
        frame.stallWeights,
        frame.stallData,
        beats,
        `1/${(rawBeats / beats).toFixed(2)}`,
        ((100 * beats) / frame.cycles).toFixed(1),
        (frame.cycles / raw.cycles).toFixed(4),
        ((first.cycles + frame.cycles) / (first.seconds + frame.seconds) / 1000).toFixed(0),
      ],
    );
    const layers = compiled.layers.map(({ index, name: layer, kind, cycles: model }) => {
      const { cycles, stallWeights, weightBeats } = frame.counters[index];
      const stored = raw.counters[index];
      return {
        layer,
        kind,
        cycles,
        model: model.total,
        stallWeights,
        weightBeats,
        rawCycles: stored.cycles,
        rawStall: stored.stallWeights,
      };
    });
    results.push({
      file,
      codec: name,
      first: first.cycles,
      cycles: frame.cycles,
      rawCycles: raw.cycles,
      stallWeights: frame.stallWeights,
      beats,
      rawBeats,
      layers,
    });
    if (name === "ans") {
      for (const { layer, cycles, rawCycles, stallWeights, rawStall } of layers) {
        if (values.layers || rawStall > 32) {
          console.log(
            `    ${layer.slice(-44).padEnd(44)} ${rawStall > 32 ? "weight-bound" : "            "} stored ${rawCycles} (stall ${rawStall}), ans ${cycles} (stall ${stallWeights}): ${(cycles / rawCycles).toFixed(3)}`,
          );
        }
      }
    }
    if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
  }
}
process.exitCode = failed ? 1 : 0;
