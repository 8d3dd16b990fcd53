/** Part of the cycle model (cycles.ts): LOAD and STORE. */
import { channelWords, pixelGroups } from "../overlay/activation-layout.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type LoadCommand, type StoreCommand, TAP_WIDE_STRIDE } from "../overlay/program.js";

/** Cycles of a transfer beside latency and words: its size, its first burst, the way of its last word. */
export const LOAD_OVERHEAD = 49;
export const STORE_OVERHEAD = 13;
/** Cycles from the source bytes of a window's last word to the word in the activation memory. */
export const TAP_DRAIN = 8;

export type LoadSize = Pick<
  LoadCommand,
  | "tapsEnable"
  | "inHeight"
  | "inWidth"
  | "inChannels"
  | "outHeight"
  | "outWidth"
  | "outChannels"
  | "kernelHeight"
  | "kernelWidth"
  | "strideWidth"
  | "padTop"
>;

export function loadCycles(size: LoadSize, geometry: OverlayGeometry): number {
  const { outHeight, outWidth, outChannels, inHeight, inWidth, inChannels } = size;
  if (!size.tapsEnable)
    return LOAD_OVERHEAD + wordCycles(outHeight * outWidth * channelWords(outChannels, geometry), geometry);
  const beats = (rows: number) => Math.ceil((rows * inWidth * inChannels) / geometry.dataPortBytes);
  const firstRows = Math.min(Math.max(size.kernelHeight - size.padTop, 0), inHeight);
  const groups = size.strideWidth * inChannels > TAP_WIDE_STRIDE ? outWidth : pixelGroups(outWidth, geometry);
  const row = groups * windowSteps(size, geometry);
  const arrival = Math.max(beats(firstRows) + outHeight * row, beats(inHeight) + row);
  return LOAD_OVERHEAD + geometry.memoryLatency + arrival + TAP_DRAIN;
}

/** Words that the rows of a window have bytes in: a word that two rows share counts for both. */
function windowSteps(size: LoadSize, { inputs }: OverlayGeometry): number {
  const run = size.kernelWidth * size.inChannels;
  let steps = 0;
  for (let row = 0; row < size.kernelHeight; row += 1)
    steps += Math.ceil((((row * run) % inputs) + run) / inputs);
  return steps;
}

export function storeCycles(command: StoreCommand, geometry: OverlayGeometry): number {
  const words = command.inHeight * command.inWidth * channelWords(command.inChannels, geometry);
  return STORE_OVERHEAD + wordCycles(words, geometry);
}

function wordCycles(words: number, { inputs, dataPortBytes, memoryLatency }: OverlayGeometry): number {
  return memoryLatency + Math.max(words, Math.ceil((words * inputs) / dataPortBytes));
}
