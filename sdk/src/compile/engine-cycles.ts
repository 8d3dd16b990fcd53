/** Part of the cycle model (cycles.ts): tiles and blocks of compute commands. */
import { deflateCodec } from "../codec/deflate.js";
import { rawCodec } from "../codec/raw.js";
import { channelWords, pixelGroups } from "../overlay/activation-layout.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { ComputeCommand } from "../overlay/program.js";
import type { WeightTile } from "./weight-ring.js";

/** Cycles from the last step of a command's last block to its end, beside the block's beats and its CRC: array and lanes. */
export const COMPUTE_DRAIN = 42;
/** Cycles from a step to the array's operands; I + 5 later the block is complete. */
const WINDOW_FETCH = 9;
/** Cycles from a channel's parameters to their use: they are scaled on the way. */
const PARAMETER_SCALING = 4;
/** Cycles the inflate core spends on the codes of a dynamic block. */
export const INFLATE_BLOCK = 720;

interface Tile {
  /** Steps of a block. */
  readonly reads: number;
  /** Cycles a block takes to be requantised. */
  readonly beats: number;
  readonly blocks: number;
  readonly weights?: WeightTile;
}

export function tilesOf(command: ComputeCommand, geometry: OverlayGeometry): Tile[] {
  const width = engineTile(geometry);
  const windowed = command.opcode !== "ADD";
  const taps = windowed ? command.kernelHeight * command.kernelWidth : 2;
  const passes = windowed ? readPasses(command.strideWidth, geometry) : 1;
  const dense = command.opcode === "CONV";
  const blocks = blocksOf(command, geometry);
  const beats = blockBeats(command, geometry);
  return Array.from({ length: Math.ceil(command.outChannels / width) }, (_, index) => {
    const outputs = Math.min(width, command.outChannels - index * width);
    const words = channelWords(outputs, geometry);
    const reads = taps * passes * (dense ? channelWords(command.inChannels, geometry) : words);
    if (command.opcode !== "CONV" && command.opcode !== "DEPTHWISE") return { reads, beats, blocks };
    const inputs = dense ? command.inChannels : 1;
    const share = outputs / command.outChannels;
    const cycles =
      decodeCycles(command, outputs, taps * inputs, share * command.weightsBytes, geometry) +
      (command.codec === deflateCodec.id
        ? Math.ceil(share * inflateCodes(command.outChannels * taps * inputs))
        : 0);
    // A depthwise tap lies on the diagonals of O / I lines.
    const lines = taps * channelWords(dense ? inputs : width, geometry);
    return { reads, beats, blocks, weights: { lines, cycles } };
  });
}

/** Cycles from a step to the block that it completes. */
export function blockLatency({ inputs }: OverlayGeometry): number {
  return WINDOW_FETCH + inputs + 5;
}

/** Cycles to load a tile's channel parameters, one channel a cycle. POOL and ADD have one record for all tiles. */
export function parameterCycles({ opcode }: ComputeCommand, geometry: OverlayGeometry, tile = 0): number {
  if (opcode === "CONV" || opcode === "DEPTHWISE") return engineTile(geometry) + PARAMETER_SCALING;
  return tile === 0 ? 1 + PARAMETER_SCALING : 1;
}

/** From the last step of the last block to the end of the command. */
export function drainCycles(command: ComputeCommand, geometry: OverlayGeometry): number {
  const { outChannels, outWidth } = command;
  const width = engineTile(geometry);
  const lastWords = channelWords(outChannels - (Math.ceil(outChannels / width) - 1) * width, geometry);
  const lastColumns = outWidth - (pixelGroups(outWidth, geometry) - 1) * geometry.pixels;
  // The CRC takes as many words a cycle as the requantiser writes.
  const pixelsPerCycle = Math.max(1, geometry.requantizeLanes / geometry.inputs / lastWords);
  return COMPUTE_DRAIN + blockBeats(command, geometry) + Math.ceil(lastColumns / pixelsPerCycle);
}

export interface ConvolutionSize {
  readonly taps: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly strideWidth: number;
}

/** Array cycles of a whole dense convolution, weights and parameters always ready. */
export function convolutionCycles(size: ConvolutionSize, geometry: OverlayGeometry): number {
  const tiles = Math.ceil(size.outChannels / engineTile(geometry));
  const reads = size.taps * channelWords(size.inChannels, geometry) * readPasses(size.strideWidth, geometry);
  return tiles * blocksOf(size, geometry) * Math.max(reads, blockBeats(size, geometry));
}

/** Cycles to make lines of a tile's weights: row by row, a row being a tap and input channel of the tile's outputs. */
function decodeCycles(
  { codec, opcode }: ComputeCommand & { readonly codec: number },
  outputs: number,
  rows: number,
  bytes: number,
  geometry: OverlayGeometry,
): number {
  const port = bytes / geometry.weightPortBytes;
  if (codec === deflateCodec.id) return Math.ceil(Math.max(port, outputs * rows));
  const decoding = codec === rawCodec.id ? 1 : Math.ceil(outputs / geometry.decoderLanes);
  const writing = opcode === "DEPTHWISE" ? channelWords(outputs, geometry) : 1;
  return Math.ceil(Math.max(port, rows * Math.max(decoding, writing, checkCycles(outputs, geometry))));
}

/** The CRC of a row: at once if it is full, else a byte a cycle but for eight of them. */
function checkCycles(outputs: number, geometry: OverlayGeometry): number {
  if (outputs === engineTile(geometry)) return 1;
  return outputs < 8 ? outputs : outputs - 7;
}

/** Symbols of a DEFLATE block at the memory level that zlib and pako default to. */
const DEFLATE_BLOCK_SYMBOLS = 16_384;

/** Cycles the inflate core takes to read the code tables of a layer's blocks, mostly literals. */
function inflateCodes(weights: number): number {
  return Math.ceil(weights / DEFLATE_BLOCK_SYMBOLS) * INFLATE_BLOCK;
}

function blocksOf(size: { outHeight: number; outWidth: number }, geometry: OverlayGeometry): number {
  return size.outHeight * pixelGroups(size.outWidth, geometry);
}

/** The same for every block of a command; twice as many where halves of a block write two outputs. */
function blockBeats(
  size: { outChannels: number; outWidth: number; output1Enable?: number },
  geometry: OverlayGeometry,
): number {
  const words = channelWords(Math.min(size.outChannels, engineTile(geometry)), geometry);
  const pixelsPerBeat = Math.max(1, geometry.requantizeLanes / geometry.inputs);
  const halves = Math.ceil(Math.min(size.outWidth, geometry.pixels) / pixelsPerBeat);
  return words * (halves === 1 && size.output1Enable ? 2 : halves);
}

/** Reads it takes to collect P pixels a stride apart from P banks. */
function readPasses(stride: number, { pixels }: OverlayGeometry): number {
  return stride === 1 || stride === 2 || stride === 4 ? Math.min(stride, pixels) : pixels;
}
