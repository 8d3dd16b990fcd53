/**
 * What the overlay read and wrote, compared after every batch. The KV260's DDR has no error correction, and a forgotten
 * or failed cache maintenance looks the same: the overlay computed from other bytes than the host meant.
 *
 * Reading back after the run is enough: a byte that changes stays changed until somebody writes it.
 */
import type { ImageSection } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import {
  type Command,
  type ComputeCommand,
  engineOrderCrc,
  engineTile,
  memoryTensorBytes,
  type OverlayGeometry,
  regionCodes,
  type StoreCommand,
} from "@sluice/sdk/overlay";
import { wordsToCodes } from "./dump-program.js";

const HINT =
  "Deploy again. If it comes again, suspect the board's memory or its cache maintenance: run `sluice-board doctor`.";

/** @throws {DeviceError} `image-damaged` naming the section. `image` is the overlay's, after toHost(). */
export function checkImage(sections: readonly ImageSection[], image: Uint8Array, cause?: unknown): void {
  for (const { name, kind, offset, bytes } of sections) {
    const found = image.subarray(offset, offset + bytes.length);
    if (Buffer.compare(bytes, found) === 0) continue;
    const at = bytes.findIndex((byte, index) => byte !== found[index]);
    throw new DeviceError("image-damaged", "The model's image in DDR is not what was written there.", {
      place: `${kind} section "${name}", byte ${at} of ${bytes.length}`,
      expected: hexByte(bytes[at]),
      found: hexByte(found[at]),
      hint: HINT,
      details: { kind, section: name, byte: at },
      cause,
    });
  }
}

/** @throws {DeviceError} `input-damaged`. `input` is the overlay's, after toHost(). */
export function checkInput(frames: readonly Uint8Array[], input: Uint8Array, stride: number): void {
  for (const [index, frame] of frames.entries()) {
    const found = input.subarray(index * stride, index * stride + frame.length);
    if (Buffer.compare(frame, found) === 0) continue;
    const at = frame.findIndex((byte, position) => byte !== found[position]);
    throw new DeviceError("input-damaged", "The overlay read another input than the one it was given.", {
      place: `frame ${index} of the batch, byte ${at} of ${frame.length}`,
      expected: hexByte(frame[at]),
      found: hexByte(found[at]),
      hint: HINT,
    });
  }
}

/** A tensor that a STORE copied to DDR, and the command that computed it. */
export interface StoredTensor {
  readonly store: StoreCommand;
  readonly source: ComputeCommand;
  readonly output: 0 | 1;
}

/** The stored tensors that are still in DDR when the program ends, as far as one command computed all of each. */
export function storedTensors(program: readonly Command[], geometry: OverlayGeometry): StoredTensor[] {
  const stores = program.flatMap((command, index) =>
    command.opcode === "STORE" ? [{ command, index }] : [],
  );
  const range = ({ inHeight, inWidth, inChannels, offset }: StoreCommand) =>
    [offset, offset + memoryTensorBytes(inHeight, inWidth, inChannels, geometry)] as const;
  return stores.flatMap(({ command: store, index }, position) => {
    const [first, end] = range(store);
    const overwritten = stores.slice(position + 1).some(({ command: later }) => {
      const [laterFirst, laterEnd] = range(later);
      return later.region === store.region && laterFirst < end && first < laterEnd;
    });
    const source = overwritten ? undefined : sourceOf(program.slice(0, index), store);
    return source ? [{ store, ...source }] : [];
  });
}

/** The last command that wrote the tensor a STORE reads, where it computed exactly this tensor. */
function sourceOf(
  before: readonly Command[],
  { inBase, inHeight, inWidth, inChannels }: StoreCommand,
): Pick<StoredTensor, "source" | "output"> | undefined {
  for (const source of [...before].reverse()) {
    if (source.opcode === "STORE" || source.opcode === "END") continue;
    if (source.opcode === "LOAD") {
      if (source.out0Base === inBase) return undefined;
      continue;
    }
    const output = source.out0Base === inBase ? 0 : 1;
    if (output === 1 && !(source.output1Enable === 1 && source.out1Base === inBase)) continue;
    const { outHeight, outWidth, outChannels } = source;
    const whole = outHeight === inHeight && outWidth === inWidth && outChannels === inChannels;
    return whole ? { source, output } : undefined;
  }
  return undefined;
}

/**
 * Holds a stored tensor of the last frame to the CRC that the overlay took while it computed it.
 *
 * @param memory the store's region of that frame, the overlay's, after toHost()
 * @param crc LAYER_CRC0 or LAYER_CRC1 of the source's layer
 * @throws {DeviceError} `output-damaged`, `spill-damaged`
 */
export function checkStored(
  { store, source }: StoredTensor,
  memory: Uint8Array,
  crc: number,
  geometry: OverlayGeometry,
): void {
  const { outHeight: height, outWidth: width, outChannels: channels } = source;
  const bytes = memoryTensorBytes(height, width, channels, geometry);
  const words = memory.subarray(store.offset, store.offset + bytes);
  const codes = wordsToCodes(words, height * width, channels, geometry);
  const found = engineOrderCrc(codes, { height, width, channels, tile: engineTile(geometry) }, geometry);
  if (found === crc) return;
  const isOutput = store.region === regionCodes.output;
  throw new DeviceError(
    isOutput ? "output-damaged" : "spill-damaged",
    isOutput
      ? "The output in DDR is not what the overlay computed."
      : "Activations that were put aside in DDR are not what the overlay computed.",
    {
      place: `${isOutput ? "output" : "spilled tensor"} of layer ${source.layer}, last frame of the batch`,
      expected: `CRC-32C ${hexWord(crc)}`,
      found: hexWord(found),
      hint: HINT,
    },
  );
}

const hexByte = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;
const hexWord = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;
