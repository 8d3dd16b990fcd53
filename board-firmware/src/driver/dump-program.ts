/**
 * A layer dump without hardware of its own: the program cut after the layer's command, plus a STORE of the tensor that
 * command wrote. Everything the layer depends on has then run exactly as in a whole frame.
 */
import { DeviceError } from "@sluice/sdk/errors.js";
import {
  type Command,
  type ComputeCommand,
  channelWords,
  memoryTensorBytes,
  type OverlayGeometry,
  regionCodes,
  type StoreCommand,
} from "@sluice/sdk/overlay";

export interface DumpProgram {
  readonly commands: readonly Command[];
  readonly source: ComputeCommand;
  /** Bytes the STORE writes at `offset` of the output region. */
  readonly byteLength: number;
}

function isCompute(command: Command): command is ComputeCommand {
  return (
    command.opcode === "CONV" ||
    command.opcode === "DEPTHWISE" ||
    command.opcode === "POOL" ||
    command.opcode === "ADD"
  );
}

/** @throws {DeviceError} `no-such-layer`, `no-such-output` */
export function cutProgram(
  program: readonly Command[],
  layer: number,
  output: 0 | 1,
  offset: number,
  geometry: OverlayGeometry,
): DumpProgram {
  const index = program.findIndex((command) => isCompute(command) && command.layer === layer);
  const source = program[index];
  if (source === undefined || !isCompute(source)) {
    const layers = program.filter(isCompute).map((command) => command.layer);
    throw new DeviceError("no-such-layer", "The loaded program has no such layer.", {
      expected: layers.length > 0 ? `0..${Math.max(...layers)}` : "a program with layers",
      found: String(layer),
      hint: "`sluice inspect` lists a package's layers.",
    });
  }
  if (output === 1 && source.output1Enable === 0) {
    throw new DeviceError("no-such-output", "This layer has one output only.", {
      place: `layer ${layer}`,
      expected: "output 0",
      found: "output 1",
    });
  }
  const store: StoreCommand = {
    opcode: "STORE",
    layer,
    region: regionCodes.output,
    inBase: output === 0 ? source.out0Base : source.out1Base,
    inPitch: output === 0 ? source.out0Pitch : source.out1Pitch,
    inHeight: source.outHeight,
    inWidth: source.outWidth,
    inChannels: source.outChannels,
    offset,
  };
  return {
    commands: [...program.slice(0, index + 1), store, { opcode: "END" }],
    source,
    byteLength: memoryTensorBytes(source.outHeight, source.outWidth, source.outChannels, geometry),
  };
}

/** Drops the padding channels of a tensor in DDR words. */
export function wordsToCodes(
  bytes: Uint8Array,
  pixels: number,
  channels: number,
  geometry: OverlayGeometry,
): Int8Array {
  const pixelBytes = channelWords(channels, geometry) * geometry.inputs;
  const codes = new Int8Array(pixels * channels);
  const words = new Int8Array(bytes.buffer, bytes.byteOffset, pixels * pixelBytes);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const start = pixel * pixelBytes;
    codes.set(words.subarray(start, start + channels), pixel * channels);
  }
  return codes;
}
