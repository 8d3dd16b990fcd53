/**
 * LOAD: brings a tensor from DDR into the activation memory. Either words of I bytes as they are, or, with taps, packed
 * HWC bytes of which every window becomes one pixel's channels [tap][channel].
 */
import { type LoadCommand, memoryTensorBytes, TAP_SOURCE_BYTES } from "@sluice/sdk/overlay";
import { requireCommand } from "../fault.js";
import { placeTensor } from "../tensor-view.js";
import { readWindow } from "../window.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { checkRegion, regionBytes } from "./region.js";

export function prepareLoad(command: LoadCommand, context: PrepareContext): PreparedCommand {
  const { engine, memory } = context;
  const { geometry } = engine;
  checkRegion(command);
  const target = placeTensor(
    {
      base: command.out0Base,
      pitch: command.out0Pitch,
      height: command.outHeight,
      width: command.outWidth,
      channels: command.outChannels,
    },
    geometry,
  );
  const prepared = { command, outputs: [], slices: 1 };
  if (command.tapsEnable === 0) {
    const byteLength = memoryTensorBytes(target.height, target.width, target.channels, geometry);
    return {
      ...prepared,
      run: (_, frame) => engine.loadWords(regionBytes(command, byteLength, frame, memory), target),
    };
  }
  const { inHeight, inWidth, inChannels } = command;
  const window = readWindow(command);
  requireCommand(inHeight > 0 && inWidth > 0 && inChannels > 0, "the source has no elements");
  requireCommand(window.dilationHeight === 1 && window.dilationWidth === 1, "taps with a dilation");
  const span = window.kernelHeight * inWidth * inChannels;
  requireCommand(span <= TAP_SOURCE_BYTES, "a window of taps spans too many source bytes");
  requireCommand(
    command.outChannels === window.taps * inChannels,
    "outChannels is not taps times inChannels",
  );
  const taps = engine.taps({ height: inHeight, width: inWidth, channels: inChannels, window, target });
  const byteLength = inHeight * inWidth * inChannels;
  return {
    ...prepared,
    run: (_, frame) => taps(regionBytes(command, byteLength, frame, memory)),
  };
}
