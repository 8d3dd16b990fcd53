/** A listing of a compiled model for people: commands with what they read, write and cost. */
import { type Command, unpackCommands } from "../overlay/program.js";
import type { CompiledModel, LayerInfo } from "./types.js";

export function describeProgram(compiled: CompiledModel): string {
  const program = compiled.sections.find((section) => section.kind === "program")!;
  const commands = unpackCommands(program.bytes);
  const { plan } = compiled;
  const lines = [
    `${compiled.name} for ${plan.geometry}: ${commands.length} commands, ${plan.layerCount} layers, ` +
      `${plan.cyclesPerFrame} cycles per frame`,
    `image ${plan.imageBytes} bytes, scratch ${plan.scratchBytes} bytes, ` +
      `frames ${plan.inputFrameBytes} in, ${plan.outputFrameBytes} out`,
  ];
  const byCommand = new Map(compiled.layers.map((layer) => [layer.command, layer]));
  commands.forEach((command, index) => {
    lines.push(`${String(index).padStart(4)}  ${describeCommand(command)}`);
    const layer = byCommand.get(index);
    if (layer) lines.push(...describeLayer(layer).map((text) => `        ${text}`));
  });
  return `${lines.join("\n")}\n`;
}

function describeCommand(command: Command): string {
  switch (command.opcode) {
    case "END":
      return "END";
    case "LOAD": {
      const size = `${command.outHeight}x${command.outWidth}x${command.outChannels}`;
      const windows = command.tapsEnable ? `, windows ${command.kernelHeight}x${command.kernelWidth}` : "";
      return `LOAD      ${size} from ${regionName(command.region)}+${command.offset} to row ${command.out0Base}${windows}`;
    }
    case "STORE": {
      const size = `${command.inHeight}x${command.inWidth}x${command.inChannels}`;
      return `STORE     ${size} from row ${command.inBase} to ${regionName(command.region)}+${command.offset}`;
    }
    default: {
      const from = `${command.inHeight}x${command.inWidth}x${command.inChannels} @${command.inBase}`;
      const second = command.opcode === "ADD" ? ` + @${command.in1Base}` : "";
      const also = command.output1Enable ? ` and @${command.out1Base}` : "";
      const to = `${command.outHeight}x${command.outWidth}x${command.outChannels} @${command.out0Base}${also}`;
      return `${command.opcode.padEnd(9)} ${from}${second} -> ${to}${describeWindow(command)}`;
    }
  }
}

function describeWindow(command: Command): string {
  if (!("kernelHeight" in command)) return "";
  const kernel = `${command.kernelHeight}x${command.kernelWidth}`;
  const stride =
    command.strideHeight * command.strideWidth > 1 ? `/${command.strideHeight},${command.strideWidth}` : "";
  return kernel === "1x1" && stride === "" ? "" : `, window ${kernel}${stride}`;
}

function describeLayer(layer: LayerInfo): string[] {
  const { cycles } = layer;
  const band =
    layer.rows[0] === 0 && layer.rows[1] === layer.shape[0] ? "" : `, rows ${layer.rows.join("..")}`;
  const weights =
    layer.weightBytes > 0
      ? `, ${layer.weightBytes} weights in ${layer.compressedBytes} bytes (${layer.codec})`
      : "";
  return [
    `layer ${layer.index} ${layer.kind} "${layer.name}"${band}${weights}`,
    `${cycles.total} cycles: ${cycles.compute} compute, ${cycles.stallWeights} waiting for weights, ` +
      `${cycles.stallData} moving data`,
    ...layer.outputs.map(
      ({ tensor, codeOffset }) => `= ${tensor}${codeOffset === 0 ? "" : ` - ${codeOffset}`}`,
    ),
  ];
}

function regionName(region: number): string {
  return ["input", "output", "scratch"][region] ?? String(region);
}
