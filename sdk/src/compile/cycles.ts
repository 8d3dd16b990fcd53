/**
 * The cycle model: what one frame of a layer program costs on a geometry. A pure function of the commands, so that the
 * compiler reports and the emulator charges the same numbers.
 *
 * Commands run one after the other. With blocks = output rows * ceil(output width / P) per tile of O channels:
 *   CONV       blocks * max(taps * ceil(inputs / I) * passes, beats)
 *   DEPTHWISE  blocks * max(taps * words * passes, beats)      words: I channels each, that the tile really has
 *   POOL       as DEPTHWISE, without weights
 *   ADD        blocks * max(2 * words, beats)                  two inputs
 *   LOAD, STORE  latency + one word of I bytes a cycle, or the port where that is slower
 *   LOAD of expanded windows  latency + P pixels at a time, a cycle per word and TAP_SETUP around them
 *   each       COMMAND_OVERHEAD
 * passes: neighbouring outputs read pixels a stride apart; those that share a memory bank are read one after the other
 * (2 passes for stride 2, 4 for 4, P for the strides that are no power of two). beats: a block leaves through R
 * requantisation lanes, R / I pixels of one word a cycle.
 *
 * Weights are decoded ahead, across layers, into a ring of 2 * weightLines lines. A tile takes
 * max(weights / rate, its share of the stream / port) cycles, rate being the port for stored weights, one per cycle for
 * DEFLATE (and INFLATE_BLOCK around every block) and one per lane for entropy codes; the first stream also waits for DDR. The array may begin on a tile whose
 * last lines have not arrived, so that a tile is late only by what its first block could not hide.
 *
 * Output and addend tables are fetched while the command before runs, which hides them unless it is short.
 *
 * Not modelled: refresh and contention in DDR, channel parameters, the wait for the codec's tables at a first START.
 */
import { deflateCodec } from "../codec/deflate.js";
import { rawCodec } from "../codec/raw.js";
import { channelWords, pixelGroups } from "../overlay/activation-layout.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { Command, ComputeCommand, LoadCommand, StoreCommand } from "../overlay/program.js";
import type { LayerCycles } from "./types.js";

/** Cycles to check a command and to drain the arithmetic pipeline behind it. */
export const COMMAND_OVERHEAD = 57;
/** Cycles the inflate core spends on the codes of a dynamic block. */
export const INFLATE_BLOCK = 720;
/** Cycles from the end of a command to the point where the next one needs its tables. */
const TABLES_NEEDED = 14;
/** Cycles around the words of each group of P pixels whose windows LOAD gathers at the same time. */
const TAP_SETUP = 7;

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
  const ring = new WeightRing(geometry);
  const tables = new TableFetch(geometry);
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
    } else {
      const waits = tables.wait(command, now + TABLES_NEEDED);
      cycles.stallData += waits;
      now += COMMAND_OVERHEAD + waits;
      cycles.compute += COMMAND_OVERHEAD;
      for (const tile of tilesOf(command, geometry)) {
        const ready = tile.weights ? ring.decode(tile.weights) : 0;
        const late = Math.max(0, ready - (now + tile.firstBlock));
        cycles.stallWeights += late;
        cycles.compute += tile.compute;
        now += late + tile.compute;
        if (tile.weights) ring.used(now);
      }
      if ("weightsBytes" in command) {
        cycles.weightBeats += Math.ceil(command.weightsBytes / geometry.weightPortBytes);
      }
    }
    cycles.total += now - began;
    tables.left(now, command);
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

/** Beats of 16 bytes: an output table of 512 entries, the two addend tables. */
const OUTPUT_TABLE_BEATS = 32;
const ADDEND_BEATS = 128;
/** Cycles a beat of tables takes to be written, 4 bytes at a time. */
const TABLE_BEAT_CYCLES = 4;

/**
 * When the tables of a command are there: they are fetched when the command before it begins, or the one before that if it
 * needs no tables itself.
 */
class TableFetch {
  readonly #latency: number;
  /** When the last commands ended, newest first, and whether the last but one and the last had tables. */
  #ends = [0, 0, 0];
  #hadTables = [false, false];

  constructor({ memoryLatency }: OverlayGeometry) {
    this.#latency = memoryLatency;
  }

  /** Cycles the command waits for its tables when it needs them at `needed`. */
  wait(command: ComputeCommand, needed: number): number {
    const beats = tableBeats(command);
    const begin = this.#ends[this.#hadTables[1] ? 1 : 2];
    return beats === 0 ? 0 : Math.max(0, begin + this.#latency + beats * TABLE_BEAT_CYCLES - needed);
  }

  /** A command of any kind has ended. */
  left(now: number, command: Command): void {
    const hasTables = "clampMin" in command && tableBeats(command) > 0;
    this.#ends = [now, ...this.#ends.slice(0, 2)];
    this.#hadTables = [hasTables, this.#hadTables[0]];
  }
}

function tableBeats(command: ComputeCommand): number {
  const entries = command.clampMax - command.clampMin + 1;
  const table = Math.min(OUTPUT_TABLE_BEATS, Math.ceil(entries / 16));
  const outputs = (command.tableEnable0 ? table : 0) + (command.tableEnable1 ? table : 0);
  return outputs + (command.opcode === "ADD" ? ADDEND_BEATS : 0);
}

/** When tiles are decoded: in order, each as soon as the ring has room for its lines. */
class WeightRing {
  readonly #capacity: number;
  /** When the last decoded tile was ready. */
  #ready: number;
  /** Tiles that still occupy lines, oldest first. */
  readonly #held: { readonly lines: number; readonly freed: number }[] = [];
  #lines = 0;
  #current = 0;

  constructor({ weightLines, memoryLatency }: OverlayGeometry) {
    this.#capacity = 2 * weightLines;
    this.#ready = memoryLatency;
  }

  /** Decodes the next tile as early as possible; returns when its last line is ready. */
  decode({ lines, cycles }: WeightTile): number {
    let start = this.#ready;
    while (this.#lines + lines > this.#capacity && this.#held.length > 0) {
      const oldest = this.#held.shift()!;
      this.#lines -= oldest.lines;
      start = Math.max(start, oldest.freed);
    }
    this.#current = lines;
    this.#ready = start + cycles;
    return this.#ready;
  }

  /** The array is done with the tile decoded last. */
  used(at: number): void {
    this.#held.push({ lines: this.#current, freed: at });
    this.#lines += this.#current;
  }
}

interface WeightTile {
  readonly lines: number;
  /** To decode it. */
  readonly cycles: number;
}

interface Tile {
  readonly compute: number;
  /** Of those, cycles of the first block: the array reads every line once in them. */
  readonly firstBlock: number;
  readonly weights?: WeightTile;
}

function tilesOf(command: ComputeCommand, geometry: OverlayGeometry): Tile[] {
  const width = engineTile(geometry);
  const windowed = command.opcode !== "ADD";
  const taps = windowed ? command.kernelHeight * command.kernelWidth : 2;
  const passes = windowed ? readPasses(command.strideWidth, geometry) : 1;
  const dense = command.opcode === "CONV";
  return Array.from({ length: Math.ceil(command.outChannels / width) }, (_, index) => {
    const outputs = Math.min(width, command.outChannels - index * width);
    const words = channelWords(outputs, geometry);
    const reads = taps * passes * (dense ? channelWords(command.inChannels, geometry) : words);
    const firstBlock = Math.max(reads, blockBeats(command.outWidth, words, geometry));
    const compute = blocksOf(command, geometry) * firstBlock;
    if (command.opcode !== "CONV" && command.opcode !== "DEPTHWISE") return { compute, firstBlock };
    const inputs = dense ? command.inChannels : 1;
    const share = outputs / command.outChannels;
    const cycles =
      decodeCycles(command, outputs * taps * inputs, share * command.weightsBytes, geometry) +
      (command.codec === deflateCodec.id
        ? Math.ceil(share * inflateCodes(command.outChannels * taps * inputs))
        : 0);
    // A depthwise tap lies on the diagonals of O / I lines.
    const lines = taps * channelWords(dense ? inputs : width, geometry);
    return { compute, firstBlock, weights: { lines, cycles } };
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
  const tiles = Math.ceil(size.outChannels / engineTile(geometry));
  const words = channelWords(Math.min(size.outChannels, engineTile(geometry)), geometry);
  const reads = size.taps * channelWords(size.inChannels, geometry) * readPasses(size.strideWidth, geometry);
  return tiles * blocksOf(size, geometry) * Math.max(reads, blockBeats(size.outWidth, words, geometry));
}

function decodeCycles(
  { codec }: { readonly codec: number },
  weights: number,
  bytes: number,
  geometry: OverlayGeometry,
): number {
  const port = bytes / geometry.weightPortBytes;
  const rate =
    codec === rawCodec.id ? geometry.weightPortBytes : codec === deflateCodec.id ? 1 : geometry.decoderLanes;
  return Math.ceil(Math.max(port, weights / rate));
}

/** Symbols of a DEFLATE block at the memory level that zlib and pako default to. */
const DEFLATE_BLOCK_SYMBOLS = 16_384;

/** Cycles the inflate core takes to read the code tables of a layer's blocks, mostly literals. */
function inflateCodes(weights: number): number {
  return Math.ceil(weights / DEFLATE_BLOCK_SYMBOLS) * INFLATE_BLOCK;
}

export type LoadSize = Pick<
  LoadCommand,
  "tapsEnable" | "inHeight" | "inWidth" | "inChannels" | "outHeight" | "outWidth" | "outChannels"
>;

export function loadCycles(size: LoadSize, geometry: OverlayGeometry): number {
  const words = channelWords(size.outChannels, geometry);
  if (!size.tapsEnable) return wordCycles(size.outHeight * size.outWidth * words, geometry);
  const source = Math.ceil((size.inHeight * size.inWidth * size.inChannels) / geometry.dataPortBytes);
  const groups = size.outHeight * pixelGroups(size.outWidth, geometry);
  return geometry.memoryLatency + Math.max(source, groups * (words + TAP_SETUP));
}

function storeCycles(command: StoreCommand, geometry: OverlayGeometry): number {
  return wordCycles(
    command.inHeight * command.inWidth * channelWords(command.inChannels, geometry),
    geometry,
  );
}

function wordCycles(words: number, { inputs, dataPortBytes, memoryLatency }: OverlayGeometry): number {
  return memoryLatency + Math.max(words, Math.ceil((words * inputs) / dataPortBytes));
}

function blocksOf(size: { outHeight: number; outWidth: number }, geometry: OverlayGeometry): number {
  return size.outHeight * pixelGroups(size.outWidth, geometry);
}

function blockBeats(outWidth: number, words: number, geometry: OverlayGeometry): number {
  const pixelsPerBeat = Math.max(1, geometry.requantizeLanes / geometry.inputs);
  return words * Math.ceil(Math.min(outWidth, geometry.pixels) / pixelsPerBeat);
}

/** Reads it takes to collect P pixels a stride apart from P banks. */
function readPasses(stride: number, { pixels }: OverlayGeometry): number {
  return stride === 1 || stride === 2 || stride === 4 ? Math.min(stride, pixels) : pixels;
}
