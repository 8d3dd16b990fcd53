/** `sluice inspect`: what is in a package or would be in one. */
import { codecChoice } from "@sluice/sdk/codec";
import { type CompiledModel, compile, describeProgram } from "@sluice/sdk/compile";
import { geometryById } from "@sluice/sdk/overlay";
import { signerName } from "@sluice/sdk/package";
import type { Command } from "commander";
import { loadModel } from "../jobs/load-model.js";
import { bar, bytes, integer, layerTitle, percent, renderTable } from "../report/text-table.js";
import { writeJson } from "./json-output.js";
import { addCompileOptions, type CompileOptions } from "./model-options.js";

interface InspectOptions extends CompileOptions {
  readonly program?: boolean;
  readonly json?: string;
}

export function registerInspect(program: Command): void {
  const command = program
    .command("inspect")
    .description("Show the layers, sizes, cycles and memory of a model or package")
    .argument("<model>", "a .sluice package, or a model file, which is compiled for the purpose")
    .option("--program", "list the layer program command by command")
    .option("--json <file>", "write everything as JSON to a file, or to stdout with -");
  addCompileOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  sluice inspect model.sluice
  sluice inspect resnet8.onnx --program
  sluice inspect model.tflite --geometry p4i8o8 --json -`,
    )
    .action((model: string, options: InspectOptions) => inspect(model, options));
}

function inspect(path: string, options: InspectOptions): void {
  const { graph, packed } = loadModel(path);
  const compiled =
    packed?.compiled ??
    compile(graph, { geometry: geometryById(options.geometry), ...codecChoice(options.codec) });
  const { sections, ...facts } = compiled;
  writeJson(options.json, {
    ...facts,
    source: graph.source,
    signers: packed?.signed.signatures.map(({ signer }) => signerName(signer)) ?? [],
    sections: sections.map(({ kind, name, offset, bytes: { length } }) => ({
      kind,
      name,
      offset,
      bytes: length,
    })),
  });
  if (options.json === "-") return;
  const text = [header(compiled), layerTable(compiled), memoryTable(compiled)];
  for (const note of [...graph.notes, ...compiled.notes]) text.push(`note: ${note}`);
  for (const { signer } of packed?.signed.signatures ?? []) text.push(`signed by ${signerName(signer)}`);
  if (options.program) text.push(describeProgram(compiled));
  process.stdout.write(`${text.join("\n\n")}\n`);
}

function header({ name, codec, plan, input, output, layers }: CompiledModel): string {
  const raw = layers.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const packed = layers.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  return [
    `${name} for ${plan.geometry}: ${layers.length} layers, ${integer(macs)} multiply-accumulates a frame`,
    `input ${input.shape.join(" x ")}, output ${output.shape.join(" x ")}`,
    `weights ${bytes(raw)} → ${bytes(packed)} with ${codec} (${percent(1 - packed / raw)} saved)`,
    `${integer(plan.cyclesPerFrame)} cycles a frame by the cycle model`,
  ].join("\n");
}

function layerTable({ layers }: CompiledModel): string {
  const longest = Math.max(...layers.map(({ cycles }) => cycles.total), 1);
  const rows = layers.map((layer) => [
    String(layer.index),
    layerTitle(layer.name, 40),
    layer.kind,
    layer.shape.join("x"),
    layer.weightBytes ? `${bytes(layer.weightBytes)}` : "",
    layer.weightBytes ? `${bytes(layer.compressedBytes)}` : "",
    layer.weightBytes ? layer.codec : "",
    integer(layer.cycles.total),
    integer(layer.cycles.stallWeights),
    bar(layer.cycles.total / longest, 12),
  ]);
  return renderTable(
    [
      { title: "#", align: "right" },
      { title: "layer" },
      { title: "kind" },
      { title: "output" },
      { title: "weights", align: "right" },
      { title: "packed", align: "right" },
      { title: "codec" },
      { title: "cycles", align: "right" },
      { title: "stalled", align: "right" },
      { title: "" },
    ],
    rows,
  );
}

function memoryTable({ memory }: CompiledModel): string {
  const rows = memory.map(({ name, used, available, unit }) => [
    name,
    integer(used),
    integer(available),
    unit,
    bar(available ? used / available : 0, 20),
  ]);
  return renderTable(
    [
      { title: "memory" },
      { title: "used", align: "right" },
      { title: "of", align: "right" },
      { title: "" },
      { title: "" },
    ],
    rows,
  );
}
