/** `sluice pack`: a model file becomes a `.sluice` package. */
import { codecChoice } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { geometryById } from "@sluice/sdk/overlay";
import { writePackage } from "@sluice/sdk/package";
import { defaultPreprocessing, overrideNormalization } from "@sluice/sdk/preprocess";
import type { Command } from "commander";
import { loadEarlierWeights, loadModel } from "../jobs/load-model.js";
import { bytes, percent } from "../report/text-table.js";
import { UsageError } from "./errors.js";
import { writeFileWhole, writeJson } from "./json-output.js";
import {
  addCompileOptions,
  addLikeOption,
  addPreprocessOptions,
  type CompileOptions,
  type PreprocessOptions,
} from "./model-options.js";

interface PackOptions extends CompileOptions, PreprocessOptions {
  readonly like?: string;
  readonly out?: string;
  readonly json?: string;
}

export function registerPack(program: Command): void {
  const command = program
    .command("pack")
    .description("Compile a model and write a .sluice package")
    .argument("<model>", "QONNX (.onnx) or TFLite (.tflite) file")
    .option("-o, --out <file>", "package to write (default: the model's name with .sluice)")
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -");
  addPreprocessOptions(addLikeOption(addCompileOptions(command)))
    .addHelpText(
      "after",
      `
Examples:
  sluice pack resnet8.onnx
  sluice pack model.onnx --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --out model.sluice
  sluice pack retrained.onnx --like model.sluice --out next.sluice     layers that stayed keep their bytes
  sluice pack model.tflite --codec raw --json -`,
    )
    .action((model: string, options: PackOptions) => pack(model, options));
}

function pack(path: string, options: PackOptions): void {
  const { graph, file, packed } = loadModel(path);
  if (packed) {
    throw new UsageError("already-packed", "This file is a package already.", {
      place: path,
      hint: "Deploy it as it is, or pack the original model file with other options.",
    });
  }
  const geometry = geometryById(options.geometry);
  const like = options.like === undefined ? undefined : loadEarlierWeights(options.like);
  const compiled = compile(graph, { geometry, ...codecChoice(options.codec), like });
  const contents = writePackage(
    compiled,
    graph,
    overrideNormalization(defaultPreprocessing(graph), options, graph),
  );
  const out = options.out ?? `${file.replace(/\.[^.]+$/, "")}.sluice`;
  writeFileWhole(out, contents);

  const raw = compiled.layers.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const compressed = compiled.layers.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
  const { cyclesPerFrame } = compiled.plan;
  writeJson(options.json, {
    model: file,
    out,
    bytes: contents.length,
    codec: compiled.codec,
    geometry: geometry.id,
    rawWeightBytes: raw,
    compressedWeightBytes: compressed,
    cyclesPerFrame,
    layers: compiled.layers,
    memory: compiled.memory,
    notes: compiled.notes,
  });
  if (options.json === "-") return;
  process.stdout.write(
    `${out}: ${bytes(contents.length)}, ${compiled.layers.length} layers, weights ${bytes(raw)} → ` +
      `${bytes(compressed)} (${percent(1 - compressed / raw)} saved with ${compiled.codec}), ` +
      `${cyclesPerFrame.toLocaleString("en")} cycles a frame by the model\n` +
      `next: sluice deploy ${out}\n`,
  );
}
