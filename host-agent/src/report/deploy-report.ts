/** The report a person reads after `deploy`: what was saved, what it costs, how fast, how right. */
import type { DeployResult } from "../jobs/deploy-result.js";
import { style } from "./style.js";
import { bar, bytes, integer, layerTitle, percent, renderTable } from "./text-table.js";

const NAME_WIDTH = 34;
const BAR_WIDTH = 16;

export function renderDeployReport(result: DeployResult): string {
  const parts = [layerTable(result), summary(result), verdict(result)];
  return `\n${parts.join("\n\n")}\n`;
}

function layerTable({ layers }: DeployResult): string {
  const longest = Math.max(...layers.map(({ cycles }) => cycles), 1);
  const rows = layers.map((layer) => [
    layerTitle(layer.name, NAME_WIDTH),
    layer.kind,
    layer.weightBytes === 0 ? "" : bytes(layer.weightBytes),
    layer.weightBytes === 0 ? "" : bytes(layer.compressedBytes),
    layer.weightBytes === 0 ? "" : ((layer.compressedBytes * 8) / layer.weightBytes).toFixed(2),
    integer(layer.cycles),
    bar(layer.cycles / longest, BAR_WIDTH),
    layer.crc32c,
  ]);
  return renderTable(
    [
      { title: "layer" },
      { title: "kind" },
      { title: "weights", align: "right" },
      { title: "packed", align: "right" },
      { title: "bits/w", align: "right" },
      { title: "cycles", align: "right" },
      { title: "" },
      { title: "CRC-32C" },
    ],
    rows,
  );
}

function summary(result: DeployResult): string {
  const { package: packed, latency, accuracy, memory, board, timings } = result;
  const saved = 1 - packed.compressedWeightBytes / packed.rawWeightBytes;
  const bits = (count: number): string => ((count * 8) / packed.weights).toFixed(2);
  const lines: [string, string][] = [
    ["Model", `${result.model}, ${integer(packed.weights)} weights`],
    ["Board", `${board.kind} (${board.device}) over ${board.link}`],
    [
      "Weights",
      `${bytes(packed.rawWeightBytes)} → ${bytes(packed.compressedWeightBytes)} with ${packed.codec}: ` +
        `${percent(saved)} saved, ${bits(packed.compressedWeightBytes)} bits/weight ` +
        `(DEFLATE ${bits(packed.deflateWeightBytes)}, stored ${bits(packed.rawWeightBytes)})`,
    ],
    ["Package", `${bytes(packed.bytes)}; ${bytes(result.uploadedBytes)} had to be uploaded`],
    [
      "Latency",
      `${integer(latency.cyclesPerFrame)} cycles a frame = ${latency.milliseconds.toFixed(3)} ms at ` +
        `${latency.clockMHz} MHz (${latencySource(board.device)})`,
    ],
    ["Energy", energyLine(result.telemetry)],
    ["Memory", memory.map((use) => memoryUse(use)).join("\n")],
  ];
  if (accuracy) {
    lines.push([
      "Accuracy",
      `${percent(accuracy.top1, 2)} top-1 (${integer(accuracy.correct)} of ${integer(accuracy.images)} images)`,
    ]);
  }
  for (const { input, top } of result.predictions) {
    const [best] = top;
    lines.push(["Top-1", `${input}: ${best.label} (logit ${best.logit})`]);
  }
  lines.push([
    "Time",
    `import ${timings.importMs.toFixed(0)} ms, compile ${timings.compileMs.toFixed(0)} ms, ` +
      `upload ${timings.uploadMs.toFixed(0)} ms, run ${(timings.runMs / 1000).toFixed(1)} s`,
  ]);
  for (const note of result.notes) lines.push(["Note", note]);
  return lines
    .map(
      ([title, text]) => `${style("bold", title.padEnd(10))}${text.split("\n").join(`\n${" ".repeat(10)}`)}`,
    )
    .join("\n");
}

function memoryUse(use: DeployResult["memory"][number]): string {
  const share = use.available === 0 ? 0 : use.used / use.available;
  return (
    `${use.name.padEnd(16)}${bar(share, BAR_WIDTH)} ${integer(use.used)} of ${integer(use.available)} ${use.unit}` +
    ` (${percent(share)})`
  );
}

function latencySource(device: string): string {
  if (device === "kv260") return "counted on the board";
  if (device === "rtl") return "counted in RTL simulation";
  return "cycle model; not measured on silicon";
}

function verdict({
  verdict: { bitExact, images, layers, layerImages, firstDivergence },
}: DeployResult): string {
  if (bitExact) {
    const title = style(["bold", "green"], "BIT-EXACT");
    return (
      `${title}  every logit of ${integer(images)} image${images === 1 ? "" : "s"} and all ${layers} layers of ` +
      `${integer(layerImages)} equal the reference`
    );
  }
  const title = style(["bold", "red"], "NOT BIT-EXACT");
  if (!firstDivergence)
    return `${title}  the logits differ, but no layer's output does: the link or the host`;
  const { layer, tensor, element, expected, found, differing, elements, cause } = firstDivergence;
  return [
    `${title}  first divergence in layer "${layer}"`,
    `  tensor    ${tensor}`,
    `  element   (n, y, x, channel) = (${element.join(", ")})`,
    `  expected  ${expected}`,
    `  found     ${found}`,
    `  extent    ${integer(differing)} of ${integer(elements)} elements differ`,
    `  likely    ${cause}`,
  ].join("\n");
}

/** Energy per inference above idle, or why there is no figure; then power and temperature where they were measured. */
function energyLine(telemetry: DeployResult["telemetry"]): string {
  const value = (name: string): string | undefined => {
    const reading = telemetry[name];
    return reading?.available ? `${reading.value.toPrecision(3)} ${reading.unit}` : undefined;
  };
  const energy = telemetry["energy per inference"];
  const low = value("energy per inference, 95 % low");
  const high = value("energy per inference, 95 % high");
  const missing = energy?.available === false ? energy.reason : "not available: the board does not say";
  const parts = [
    energy?.available
      ? `${value("energy per inference")} an inference above ${value("idle power")} idle (95 %: ${low} to ${high})`
      : missing,
  ];
  const [power, temperature] = [value("power"), value("temperature")];
  if (power) parts.push(`power ${power}`);
  if (temperature) parts.push(`temperature ${temperature}`);
  return parts.join("; ");
}
