/** `sluice codec`: what each weight codec makes of a model, layer by layer and in total, every round trip checked. */
import { type CodecReport, reportCodecs, weightsOfGraph } from "@sluice/sdk/codec";
import { geometryById } from "@sluice/sdk/overlay";
import type { Command } from "commander";
import { loadModel } from "../jobs/load-model.js";
import { integer, layerTitle, renderTable } from "../report/text-table.js";
import { writeJson } from "./json-output.js";

interface CodecOptions {
  readonly geometry: string;
  readonly json?: string;
}

export function registerCodecCommand(program: Command): void {
  program
    .command("codec")
    .description("Compare the weight codecs on models: bits per weight, entropy, gzip, block memory")
    .argument("<model...>", "model files or .sluice packages")
    .option("--geometry <id>", "overlay geometry whose tiles order the weights", "p8i8o16")
    .option("--json <file>", "write everything as JSON to a file, or to stdout with -")
    .addHelpText(
      "after",
      `
All columns but BRAM are bits per weight (8 = stored); every codec is given the same bytes and decodes them again.
BRAM counts blocks of 4,608 bytes for each layer, stored and compressed; the totals add one decoder.

Examples:
  sluice codec resnet8.onnx
  sluice codec *.tflite --json report.json`,
    )
    .action((models: string[], options: CodecOptions) => compareCodecs(models, options));
}

function compareCodecs(models: readonly string[], options: CodecOptions): void {
  const { outputs } = geometryById(options.geometry);
  const reports = models.map((path) => {
    const { file, graph } = loadModel(path);
    const report = reportCodecs(weightsOfGraph(graph, outputs));
    if (options.json !== "-") process.stdout.write(`${modelText(file, report)}\n\n`);
    return { file, ...report };
  });
  writeJson(options.json, reports);
}

const NAME_WIDTH = 32;

function modelText(file: string, report: CodecReport): string {
  const codecs = report.totals.map(({ codec }) => codec);
  const rate = (bits: number): string => bits.toFixed(3);
  const rows = report.layers.map((layer) => [
    layerTitle(layer.name, NAME_WIDTH),
    integer(layer.weights),
    rate(layer.entropy),
    rate((layer.gzipBytes * 8) / layer.weights),
    ...codecs.map((codec) => rate((layer.bytes[codec] * 8) / layer.weights)),
    `${layer.bramStored} → ${layer.bramCompressed}`,
  ]);
  const compressed = report.layers.reduce((sum, layer) => sum + layer.bramCompressed, 0);
  const total = [
    "total, tables included",
    integer(report.weights),
    rate(report.entropy),
    rate(report.gzip),
    ...report.totals.map(({ bitsPerWeight }) => rate(bitsPerWeight)),
    `${report.bramStored} → ${compressed}`,
  ];
  const saved = [
    "saved against 8 bits",
    "",
    percentSaved(report.entropy),
    percentSaved(report.gzip),
    ...report.totals.map(({ bitsPerWeight }) => percentSaved(bitsPerWeight)),
    "",
  ];
  const decoder = report.totals.find(({ codec }) => codec === "ans");
  const titles = ["layer", "weights", "entropy", "gzip -9", ...codecs, "BRAM"];
  const columns = titles.map((title, index) => ({ title, align: index === 0 ? "left" : "right" }) as const);
  const lines = [file, renderTable(columns, [...rows, total, saved])];
  if (decoder) {
    lines.push(
      `One pair of ans lanes takes ${decoder.decoderBram} BRAM for its tables (${decoder.tableBytes} bytes in DDR).`,
    );
  }
  return lines.join("\n");
}

function percentSaved(bits: number): string {
  return `${(100 - bits * 12.5).toFixed(1)} %`;
}
