/** The weights of every engine layer, decoded from the very image that the board will read. */
import type { EarlierLayer, EarlierWeights } from "../codec/encode-like.js";
import { codecById } from "../codec/registry.js";
import type { WeightLayout } from "../codec/types.js";
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
export function decodeWeightSections(image: ImageView): EarlierLayer[] {
  const geometry = geometryById(image.plan.geometry);
  const program = image.sections.find((section) => section.kind === "program");
  if (!program) throw missing("program");
  const tables = tablesOf(image);
  const decoded = new Map<string, EarlierLayer>();
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
    const codec = codecById(command.codec);
    const weights = codec.openDecoder(tables).decode(stream, layout);
    decoded.set(name, { name, layout, weights, stream: { codec, bytes: stream } });
  }
  return [...decoded.values()];
}

/**
 * What `compile` takes as `like`: a model that is a little different then keeps what has not changed.
 * @throws as `decodeWeightSections`
 */
export function earlierWeights(image: ImageView): EarlierWeights {
  return { tables: tablesOf(image), layers: decodeWeightSections(image) };
}

function tablesOf({ sections }: ImageView): Uint8Array {
  return sections.find(({ kind }) => kind === "tables")?.bytes ?? new Uint8Array(0);
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
