/** LOAD and STORE commands for whole buffers, bands of rows, and window-expanding loads of the input frame. */
import type { Window } from "../graph/types.js";
import { channelWords } from "../overlay/activation-layout.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type LoadCommand, regionCodes, type StoreCommand } from "../overlay/program.js";
import { ddrRowBytes, type RowRange } from "./bands.js";
import { type ActivationBuffer, type Stored, unitWindow } from "./engine-layer.js";

export interface TransferContext {
  readonly geometry: OverlayGeometry;
  /** The input tensor's own buffer: its shape is the input frame's. */
  readonly input: ActivationBuffer;
  /** The input frame is packed HWC bytes. */
  readonly packed: boolean;
  readonly scratch: ReadonlyMap<ActivationBuffer, number>;
}

/** Rows of a buffer from DDR to activation row `base`; `layer` is the one that waits for them. */
export function loadRows(
  context: TransferContext,
  buffer: ActivationBuffer,
  rows: RowRange,
  base: number,
  layer: number,
): LoadCommand {
  if (buffer.origin === "taps") return loadWindows(context, buffer, rows, base, layer);
  const { packed, geometry, scratch } = context;
  const fromInput = buffer.origin === "input";
  const height = rows.end - rows.first;
  return {
    opcode: "LOAD",
    layer,
    region: fromInput ? regionCodes.input : regionCodes.scratch,
    tapsEnable: fromInput && packed ? 1 : 0,
    inHeight: height,
    inWidth: buffer.width,
    inChannels: buffer.channels,
    outHeight: height,
    outWidth: buffer.width,
    outChannels: buffer.channels,
    out0Base: base,
    out0Pitch: buffer.words,
    ...windowFields(unitWindow, 0),
    offset: (fromInput ? 0 : scratch.get(buffer)!) + rows.first * ddrRowBytes(buffer, packed, geometry),
  };
}

function loadWindows(
  { input }: TransferContext,
  buffer: ActivationBuffer,
  rows: RowRange,
  base: number,
  layer: number,
): LoadCommand {
  const { window, padValue } = buffer.taps!;
  const { kernel, stride, dilation, padding } = window;
  const top = rows.first * stride[0] - padding.top;
  const bottom = (rows.end - 1) * stride[0] - padding.top + (kernel[0] - 1) * dilation[0] + 1;
  const first = Math.min(Math.max(top, 0), input.height - 1);
  const end = Math.max(Math.min(bottom, input.height), first + 1);
  return {
    opcode: "LOAD",
    layer,
    region: regionCodes.input,
    tapsEnable: 1,
    inHeight: end - first,
    inWidth: input.width,
    inChannels: input.channels,
    outHeight: rows.end - rows.first,
    outWidth: buffer.width,
    outChannels: buffer.channels,
    out0Base: base,
    out0Pitch: buffer.words,
    ...windowFields({ ...window, padding: { ...padding, top: first - top } }, padValue),
    offset: first * input.width * input.channels,
  };
}

/** Rows of a whole buffer to its scratch place. `base` is the activation row of `rows.first`. */
export function storeScratch(
  { geometry, packed, scratch }: TransferContext,
  buffer: ActivationBuffer,
  rows: RowRange,
  base: number,
  layer: number,
): StoreCommand {
  return {
    opcode: "STORE",
    layer,
    region: regionCodes.scratch,
    inBase: base,
    inPitch: buffer.words,
    inHeight: rows.end - rows.first,
    inWidth: buffer.width,
    inChannels: buffer.channels,
    offset: scratch.get(buffer)! + rows.first * ddrRowBytes(buffer, packed, geometry),
  };
}

/** Rows of the graph's output to the output frame. */
export function storeOutput(
  { geometry }: TransferContext,
  output: Stored,
  rows: RowRange,
  base: number,
  layer: number,
): StoreCommand {
  const [, width, channels] = output.shape;
  const rowBytes = width * channelWords(channels, geometry) * geometry.inputs;
  return {
    opcode: "STORE",
    layer,
    region: regionCodes.output,
    inBase: base + output.firstWord,
    inPitch: output.buffer.words,
    inHeight: rows.end - rows.first,
    inWidth: width,
    inChannels: channels,
    offset: rows.first * rowBytes,
  };
}

/** The fields every window has; a command's bottom and right padding follow from its output size. */
export function windowFields({ kernel, stride, dilation, padding }: Window, padValue: number) {
  return {
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideHeight: stride[0],
    strideWidth: stride[1],
    dilationHeight: dilation[0],
    dilationWidth: dilation[1],
    padTop: padding.top,
    padLeft: padding.left,
    padValue,
  };
}
