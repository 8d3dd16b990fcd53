/**
 * The Verilated overlay against the reference on real pictures: the CRC of every layer's outputs and every element of the
 * network's output. Results are kept per picture, so that a run that was cut short goes on where it stopped.
 *
 *   node bench/overlay-verify.mjs [--only TEXT] [--cifar N] [--results FILE] [--fresh]
 *
 * Default: 100 CIFAR-10 test pictures on ResNet-8 and ResNet-20, two photos on MobileNet v1 x0.5 @160 and v2 @224 (whose
 * activations do not fit on the chip: they are spilled to DDR). Memory answers at random times in every second picture.
 * Needs `npm run build:rtl`.
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { items, openDataset, openInputFiles } from "@sluice/host-agent/datasets";
import { ansCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry as geometry, regionCodes, unpackCommands } from "@sluice/sdk/overlay";
import { createInputEncoder, defaultPreprocessing } from "@sluice/sdk/preprocess";
import { builtLibrary, openOverlayRun } from "./rtl/overlay-run.mjs";
import { sharedFile, sharedPath } from "./shared-data.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    cifar: { type: "string", default: "100" },
    results: {
      type: "string",
      default: fileURLToPath(new URL("../bitstreams/build/overlay-verify.jsonl", import.meta.url)),
    },
    fresh: { type: "boolean" },
  },
});
const photos = ["grace_hopper.bmp", "parrot.jpg"].map((name) => sharedPath("data", "photos", name));
const cases = [
  { file: "resnet8.onnx", cifar: Number(values.cifar) },
  { file: "resnet20_a8w8b16.onnx", cifar: Number(values.cifar) },
  { file: "mobilenet_v1_0.5_160_quant.tflite", photos },
  { file: "mobilenet_v2_1.0_224_quant.tflite", photos },
].filter(({ file }) => values.only === undefined || file.includes(values.only));

/** Results are only worth keeping for the same simulator and the same program. */
function keyOf(library, compiled) {
  const hash = createHash("sha256").update(readFileSync(library));
  for (const { bytes } of compiled.sections) hash.update(bytes);
  return hash.digest("hex").slice(0, 16);
}

function knownResults() {
  if (values.fresh) rmSync(values.results, { force: true });
  if (!existsSync(values.results)) return new Map();
  const lines = readFileSync(values.results, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return new Map(lines.map((result) => [`${result.key} ${result.picture}`, result]));
}

async function picturesOf({ cifar, photos }) {
  if (photos) return items(await openInputFiles(photos));
  return items(await openDataset(`cifar10:${sharedPath("data", "cifar10")}`), cifar);
}

mkdirSync(dirname(values.results), { recursive: true });
const known = knownResults();
const library = builtLibrary(geometry);
let failed = 0;
for (const model of cases) {
  const graph = importModel(sharedFile("models", model.file), { file: model.file });
  const compiled = compile(graph, { geometry, codec: ansCodec });
  const key = keyOf(library, compiled);
  const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
  const commands = unpackCommands(compiled.sections.find(({ kind }) => kind === "program").bytes);
  const spills = commands.filter(
    ({ opcode, region }) => opcode === "STORE" && region === regionCodes.scratch,
  ).length;
  let pictures = 0;
  let layers = 0;
  let wrong = 0;
  let simulated = 0;
  let seconds = 0;
  let cycles = 0;
  for await (const { name, image } of await picturesOf(model)) {
    let result = known.get(`${key} ${name}`);
    if (result === undefined) {
      const memory = pictures % 2 === 1 ? { latency: 60, jitter: 40, busyPer1024: 100 } : {};
      const run = openOverlayRun(graph, compiled, { geometry, library, memory, seed: pictures + 1 });
      const frame = await run.run(encoder.encode(image, name));
      await run.close();
      result = {
        key,
        model: model.file,
        picture: name,
        cycles: frame.cycles,
        seconds: frame.seconds,
        layers: compiled.layers.length,
        wrongLayers: frame.wrongLayers,
        outputEqual: frame.outputEqual,
        violation: frame.violation,
      };
      appendFileSync(values.results, `${JSON.stringify(result)}\n`);
    }
    pictures += 1;
    layers += result.layers;
    simulated += result.cycles;
    seconds += result.seconds;
    cycles = Math.max(cycles, result.cycles);
    if (result.wrongLayers.length === 0 && result.outputEqual && result.violation === "") continue;
    wrong += 1;
    console.log(
      `  ${model.file} ${name}: ${result.wrongLayers.join(", ") || "layers equal"}; output ${result.outputEqual ? "equal" : "NOT equal"} ${result.violation}`,
    );
  }
  failed += wrong;
  console.log(
    `${model.file.padEnd(36)} ${pictures} pictures, ${layers} layer outputs, ${spills} stores to scratch a frame: ${wrong === 0 ? "all equal" : `${wrong} pictures differ`}; at most ${cycles} cycles, ${(simulated / seconds / 1000).toFixed(0)}k cycles/s`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;
