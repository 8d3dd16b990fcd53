/** The weights of every engine layer, decoded from the very image that the board will read. */
import { codecById } from "../codec/registry.js";
import type { LayerWeights, WeightLayout } from "../codec/types.js";
import type { CompiledModel } from "../compile/types.js";
import { PackageError } from "../errors.js";
import { geometryById, type OverlayGeometry } from "../overlay/geometry.js";
import { type ConvCommand, type DepthwiseCommand, unpackCommands } from "../overlay/program.js";
import { fromDemandOrder } from "../overlay/weight-order.js";

export type ImageView = Pick<CompiledModel, "plan" | "sections">;

/**
 * What each weight section holds, in demand order; bands of one layer share a section and are decoded once.
 * @throws {PackageError} `missing-section`; {CodecError} for a damaged stream.
 */
export function decodeWeightSections(image: ImageView): LayerWeights[] {
  const geometry = geometryById(image.plan.geometry);
  const program = image.sections.find((section) => section.kind === "program");
  if (!program) throw missing("program");
  const tables = image.sections.find((section) => section.kind === "tables")?.bytes ?? new Uint8Array(0);
  const decoded = new Map<string, LayerWeights>();
  for (const command of unpackCommands(program.bytes)) {
    if (command.opcode !== "CONV" && command.opcode !== "DEPTHWISE") continue;
    const end = command.weightsOffset + command.weightsBytes;
    const section = image.sections.find(
      ({ kind, offset, bytes }) =>
        kind === "weights" && offset <= command.weightsOffset && end <= offset + bytes.length,
    );
    if (!section) throw missing(`weights of layer ${command.layer}`);
    const { name } = section;
    if (decoded.has(name)) continue;
    const layout = commandWeightLayout(command, geometry);
    const stream = section.bytes.subarray(command.weightsOffset - section.offset, end - section.offset);
    const weights = codecById(command.codec).openDecoder(tables).decode(stream, layout);
    decoded.set(name, { name, layout, weights });
  }
  return [...decoded.values()];
}

/**
 * OHWI weights by the name of their section.
 * @throws as `decodeWeightSections`
 */
export function decodeLayerWeights(image: ImageView): Map<string, Int8Array> {
  return new Map(
    decodeWeightSections(image).map(({ name, layout, weights }) => [name, fromDemandOrder(weights, layout)]),
  );
}

function commandWeightLayout(
  command: ConvCommand | DepthwiseCommand,
  geometry: OverlayGeometry,
): WeightLayout {
  const depthwise = command.opcode === "DEPTHWISE";
  return {
    outputs: command.outChannels,
    inputs: depthwise ? 1 : command.inChannels,
    kernelHeight: command.kernelHeight,
    kernelWidth: command.kernelWidth,
    outputTile: depthwise ? geometry.depthwiseChannels : geometry.outputs,
  };
}

function missing(what: string): PackageError {
  return new PackageError("missing-section", `The package has no section for the ${what}.`, {
    hint: "Pack the model again.",
  });
}
