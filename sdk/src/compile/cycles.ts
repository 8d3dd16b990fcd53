/**
 * The cycle model: what one frame of a layer program costs on a geometry. A pure function of the commands, so that the
 * compiler reports and the emulator charges the same numbers.
 *
 * Commands run one after the other; only the weight decoder runs ahead, across layers, into the free half of the
 * weight tile buffer. Per command, with G = output rows * ceil(output width / P) pixel groups:
 *   CONV       per tile of O outputs: G * max(reads, P * O / R), reads = taps * ceil(inputs / I) * conflicts
 *   DEPTHWISE  per tile of O channels: G * max(taps * O / I * conflicts, P * O / R)
 *   POOL       G * channel words * max(taps * conflicts, P * I / R)
 *   ADD        G * channel words * max(2 reads, P * I / R)
 *   LOAD       latency + max(bytes / port, words assembled when windows are expanded)
 *   STORE      latency + bytes / port
 *   each       a fixed overhead for fetching, decoding and draining the pipeline
 * conflicts = gcd(horizontal stride, P): neighbouring outputs read pixels a stride apart, and pixels that fall into one
 * memory bank are read one after the other. R is the number of requantisation lanes.
 *
 * Decoding a tile takes max(weights / rate, its share of the stream / port), rate being the port for stored weights,
 * one per cycle for DEFLATE, and one per lane for entropy codes; a stream's first tile also waits for DDR. Tile n
 * starts to decode when tile n - 1 has been decoded and tile n - 2 has been used.
 */
import { deflateCodec } from "../codec/deflate.js";
import { rawCodec } from "../codec/raw.js";
import { channelWords, pixelGroups } from "../overlay/activation-layout.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import type {
  AddCommand,
  Command,
  ConvCommand,
  DepthwiseCommand,
  LoadCommand,
  PoolCommand,
  StoreCommand,
} from "../overlay/program.js";
import type { LayerCycles } from "./types.js";

/** Cycles to fetch and decode a command and to drain the arithmetic pipeline behind it. */
export const COMMAND_OVERHEAD = 40;

export interface ProgramCycles {
  /** Of one frame. */
  readonly total: number;
  readonly stallWeights: number;
  readonly stallData: number;
  readonly weightBeats: number;
  /** By layer index; a layer's transfers are charged to it. */
  readonly layers: readonly LayerCycles[];
}

export function programCycles(commands: readonly Command[], geometry: OverlayGeometry): ProgramCycles {
  const layers: { -readonly [Field in keyof LayerCycles]: number }[] = [];
  const decoder = new DecoderTimeline();
  let now = 0;
  for (const command of commands) {
    if (command.opcode === "END") break;
    while (layers.length <= command.layer) {
      layers.push({ total: 0, compute: 0, stallWeights: 0, stallData: 0, weightBeats: 0 });
    }
    const cycles = layers[command.layer];
    const began = now;
    if (command.opcode === "LOAD" || command.opcode === "STORE") {
      const moving =
        command.opcode === "LOAD" ? loadCycles(command, geometry) : storeCycles(command, geometry);
      now += COMMAND_OVERHEAD + moving;
      cycles.stallData += now - began;
    } else if (command.opcode === "CONV" || command.opcode === "DEPTHWISE") {
      now += COMMAND_OVERHEAD;
      cycles.compute += COMMAND_OVERHEAD;
      for (const tile of weightTiles(command, geometry)) {
        const ready = decoder.decode(tile.decode);
        const start = Math.max(now, ready);
        cycles.stallWeights += start - now;
        cycles.compute += tile.compute;
        now = start + tile.compute;
        decoder.used(now);
      }
      cycles.weightBeats += Math.ceil(command.weightsBytes / geometry.weightPortBytes);
    } else {
      now += COMMAND_OVERHEAD + passCycles(command, geometry);
      cycles.compute += now - began;
    }
    cycles.total += now - began;
  }
  const sum = (field: keyof LayerCycles) => layers.reduce((total, layer) => total + layer[field], 0);
  return {
    total: now,
    stallWeights: sum("stallWeights"),
    stallData: sum("stallData"),
    weightBeats: sum("weightBeats"),
    layers,
  };
}

/** When tiles are decoded and when the halves of the tile buffer become free again. */
class DecoderTimeline {
  #ready = 0;
  /** When the previous two tiles had been used. */
  #freed: [older: number, newer: number] = [0, 0];

  /** Decodes the next tile as early as possible; returns when it is ready. */
  decode(cycles: number): number {
    this.#ready = Math.max(this.#ready, this.#freed[0]) + cycles;
    return this.#ready;
  }

  used(at: number): void {
    this.#freed = [this.#freed[1], at];
  }
}

interface TileCost {
  readonly decode: number;
  readonly compute: number;
}

function weightTiles(command: ConvCommand | DepthwiseCommand, geometry: OverlayGeometry): TileCost[] {
  const tile = engineTile(geometry);
  const taps = command.kernelHeight * command.kernelWidth;
  const depthwise = command.opcode === "DEPTHWISE";
  const inputs = depthwise ? 1 : command.inChannels;
  const compute = depthwise
    ? // A depthwise tap of O channels needs O / I rows of the activation memory, one a cycle.
      tileCycles({ ...command, taps, inChannels: tile }, geometry)
    : tileCycles({ ...command, taps }, geometry);
  const total = command.outChannels * taps * inputs;
  return Array.from({ length: Math.ceil(command.outChannels / tile) }, (_, index) => {
    const outputs = Math.min(tile, command.outChannels - index * tile);
    const weights = outputs * taps * inputs;
    const bytes = (command.weightsBytes * weights) / total;
    const latency = index === 0 ? geometry.memoryLatency : 0;
    return { compute, decode: latency + decodeCycles(command.codec, weights, bytes, geometry) };
  });
}

export interface ConvolutionSize {
  readonly taps: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly strideWidth: number;
}

/** Array cycles of a whole dense convolution, weights always ready. */
export function convolutionCycles(size: ConvolutionSize, geometry: OverlayGeometry): number {
  return Math.ceil(size.outChannels / engineTile(geometry)) * tileCycles(size, geometry);
}

function tileCycles(size: ConvolutionSize, geometry: OverlayGeometry): number {
  const reads =
    size.taps * channelWords(size.inChannels, geometry) * bankConflicts(size.strideWidth, geometry);
  const writes = Math.ceil((geometry.pixels * engineTile(geometry)) / geometry.requantizeLanes);
  return groupsOf(size, geometry) * Math.max(reads, writes);
}

function decodeCycles(codec: number, weights: number, bytes: number, geometry: OverlayGeometry): number {
  const port = bytes / geometry.weightPortBytes;
  const rate =
    codec === rawCodec.id ? geometry.weightPortBytes : codec === deflateCodec.id ? 1 : geometry.decoderLanes;
  return Math.ceil(Math.max(port, weights / rate));
}

function passCycles(command: PoolCommand | AddCommand, geometry: OverlayGeometry): number {
  const words = channelWords(command.outChannels, geometry);
  const writes = Math.ceil((geometry.pixels * geometry.inputs) / geometry.requantizeLanes);
  const reads =
    command.opcode === "ADD"
      ? 2
      : command.kernelHeight * command.kernelWidth * bankConflicts(command.strideWidth, geometry);
  return groupsOf(command, geometry) * words * Math.max(reads, writes);
}

export type LoadSize = Pick<
  LoadCommand,
  "tapsEnable" | "inHeight" | "inWidth" | "inChannels" | "outHeight" | "outWidth" | "outChannels"
>;

export function loadCycles(size: LoadSize, geometry: OverlayGeometry): number {
  const { dataPortBytes, memoryLatency, inputs } = geometry;
  const words = size.outHeight * size.outWidth * channelWords(size.outChannels, geometry);
  if (!size.tapsEnable) return memoryLatency + Math.ceil((words * inputs) / dataPortBytes);
  const source = Math.ceil((size.inHeight * size.inWidth * size.inChannels) / dataPortBytes);
  return memoryLatency + Math.max(source, words);
}

function storeCycles(command: StoreCommand, geometry: OverlayGeometry): number {
  const words = command.inHeight * command.inWidth * channelWords(command.inChannels, geometry);
  return geometry.memoryLatency + Math.ceil((words * geometry.inputs) / geometry.dataPortBytes);
}

function groupsOf(command: { outHeight: number; outWidth: number }, geometry: OverlayGeometry): number {
  return command.outHeight * pixelGroups(command.outWidth, geometry);
}

function bankConflicts(stride: number, { pixels }: OverlayGeometry): number {
  let [a, b] = [pixels, stride];
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
