/**
 * LOAD: brings a tensor from DDR into the activation memory. Either words of I bytes as they are, or, with taps, packed
 * HWC bytes of which every window becomes one pixel's channels [tap][channel].
 */
import { type LoadCommand, memoryTensorBytes } from "@sluice/sdk/overlay";
import { requireCommand } from "../fault.js";
import { pixelAddress, placeTensor, type TensorView } from "../tensor-view.js";
import { readWindow, type SlidingWindow } from "../window.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { checkRegion, regionBytes } from "./region.js";

/** Bytes from the first to the last tap of a window that the tap reader can hold (program.ts). */
const LARGEST_TAP_SPAN = 8192;

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
      run: (_, frame) => copyWords(regionBytes(command, byteLength, frame, memory), target, context),
    };
  }
  const { inHeight, inWidth, inChannels } = command;
  const window = readWindow(command);
  requireCommand(inHeight > 0 && inWidth > 0 && inChannels > 0, "the source has no elements");
  requireCommand(window.dilationHeight === 1 && window.dilationWidth === 1, "taps with a dilation");
  const span = ((window.kernelHeight - 1) * inWidth + window.kernelWidth) * inChannels;
  requireCommand(span <= LARGEST_TAP_SPAN, "a window of taps spans too many source bytes");
  requireCommand(
    command.outChannels === window.taps * inChannels,
    "outChannels is not taps times inChannels",
  );
  const source = { height: inHeight, width: inWidth, channels: inChannels };
  const byteLength = inHeight * inWidth * inChannels;
  return {
    ...prepared,
    run: (_, frame) =>
      copyTaps(regionBytes(command, byteLength, frame, memory), source, window, target, context),
  };
}

/** DDR holds a pixel's words one after the other; the activation memory holds them `wordStride` apart. */
function copyWords(source: Uint8Array, target: TensorView, { engine }: PrepareContext): void {
  const { activation, geometry } = engine;
  const { inputs } = geometry;
  let next = 0;
  for (let y = 0; y < target.height; y += 1) {
    for (let x = 0; x < target.width; x += 1) {
      let at = pixelAddress(target, y, x, geometry);
      for (let word = 0; word < target.words; word += 1, at += target.wordStride) {
        for (let lane = 0; lane < inputs; lane += 1) activation[at + lane] = source[next + lane];
        next += inputs;
      }
    }
  }
}

interface PackedImage {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function copyTaps(
  source: Uint8Array,
  image: PackedImage,
  window: SlidingWindow,
  target: TensorView,
  { engine }: PrepareContext,
): void {
  const { activation, geometry } = engine;
  const { inputs } = geometry;
  const pixel = new Uint8Array(target.words * inputs);
  const pixelWords = (at: number): void => {
    for (let word = 0; word < target.words; word += 1) {
      const from = word * inputs;
      const to = at + word * target.wordStride;
      for (let lane = 0; lane < inputs; lane += 1) activation[to + lane] = pixel[from + lane];
    }
  };
  for (let y = 0; y < target.height; y += 1) {
    for (let x = 0; x < target.width; x += 1) {
      let next = 0;
      for (let ky = 0; ky < window.kernelHeight; ky += 1) {
        const row = y * window.strideHeight - window.padTop + ky * window.dilationHeight;
        for (let kx = 0; kx < window.kernelWidth; kx += 1) {
          const column = x * window.strideWidth - window.padLeft + kx * window.dilationWidth;
          const inside = row >= 0 && row < image.height && column >= 0 && column < image.width;
          const from = (row * image.width + column) * image.channels;
          for (let channel = 0; channel < image.channels; channel += 1) {
            pixel[next] = inside ? source[from + channel] : window.padValue;
            next += 1;
          }
        }
      }
      pixelWords(pixelAddress(target, y, x, geometry));
    }
  }
}
