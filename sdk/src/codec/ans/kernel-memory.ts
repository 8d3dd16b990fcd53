/** Loads the WebAssembly kernels of ../../../codec-kernel, and the one memory they share. */
import { readFileSync } from "node:fs";
import { crc32cTables } from "../../overlay/crc32c.js";
import { weightsCrc } from "../checksum.js";

/** See codec-kernel/assembly; every pointer is a byte address in the same memory. */
export interface CodecKernels {
  crc32c(tables: number, bytes: number, length: number, previous: number): number;
  startLanes(lanes: number, active: number, log: number, words: number, end: number): number;
  decodeSingles(...tile: TileArguments): number;
  decodePairs(...tile: TileArguments): number;
  encodeChunks(
    values: number,
    classes: number,
    specials: number,
    codings: number,
    states: number,
    lanes: number,
    ...rest: [...shape: TilesShape, size: number, center: number, chunks: number]
  ): void;
  /** @returns the number of words */
  writeWords(
    chunks: number,
    lanes: number,
    writers: number,
    active: number,
    ...rest: [...shape: TilesShape, log: number, output: number]
  ): number;
  predict(
    values: number,
    count: number,
    left: number,
    top: number,
    corner: number,
    c0: number,
    c1: number,
    c2: number,
    round: number,
    sign: 1 | -1,
  ): void;
  classesOfTiles(
    a: number,
    shared: number,
    ...rest: [tiles: number, rows: number, width: number, lastWidth: number, ...range: ClassRange]
  ): void;
  sumsOfOutputs(
    ...rest: [...layer: SummedLayer, rowStride: number, shared: number, a: number, ...prices: LimitedPrices]
  ): void;
  sumsOfCells(
    values: number,
    outputs: number,
    outputStride: number,
    rows: number,
    rowStride: number,
    shared: number,
    a: number,
    cells: number,
    ...prices: LimitedPrices
  ): void;
  sumsOfRange(
    ...rest: [
      ...layer: SummedLayer,
      rowStride: number,
      shared: number,
      ...prices: Prices,
      lowest: number,
      vectors: number,
      sums: number,
    ]
  ): void;
  costsOfOutputs(
    values: number,
    outputs: number,
    outputStride: number,
    rows: number,
    shared: number,
    a: number,
    ...rest: [...prices: Prices, padding: number, costs: number]
  ): void;
  toChannelOrder(
    demand: number,
    tiles: number,
    rows: number,
    width: number,
    lastWidth: number,
    center: number,
    ordered: number,
  ): void;
}

type SummedLayer = [values: number, outputs: number, rows: number];
type Prices = [prices: number, span: number];
type LimitedPrices = [...Prices, lowest: number, top: number, sums: number];
type ClassRange = [first: number, last: number, classes: number];

type TileArguments = [
  lanes: number,
  perStep: number,
  offsets: number,
  rows: number,
  tables: number,
  width: number,
  output: number,
  center: number,
  words: number,
  end: number,
];

type TilesShape = [perStep: number, tiles: number, rows: number, width: number, lastWidth: number];

/** The part of the WebAssembly interface used here; the compiler's own types come with the DOM library only. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WasmInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: unknown };
}

const PAGE = 65_536;
const MOST_PAGES = 16_384; // 1 GiB
const CRC_TABLES = 64;
/** Where the memory for callers begins: behind the CRC tables. */
const FREE = CRC_TABLES + 8 * 1024;

/** One memory for all users in turn: each lays out what it needs from the start, and overwrites what the last one left. */
export class KernelMemory {
  private next = FREE;
  private layouts = 0;

  private constructor(
    private readonly memory: WasmMemory,
    readonly kernels: CodecKernels,
  ) {
    crc32cTables.forEach((table, slice) => {
      new Uint32Array(memory.buffer, CRC_TABLES + 1024 * slice, 256).set(table);
    });
  }

  private static opened: { readonly memory: KernelMemory | undefined } | undefined;

  /** undefined where there is no WebAssembly, or the kernels were not built. */
  static shared(): KernelMemory | undefined {
    KernelMemory.opened ??= { memory: KernelMemory.open() };
    return KernelMemory.opened.memory;
  }

  private static open(): KernelMemory | undefined {
    const wasm = (globalThis as { WebAssembly?: WasmInterface }).WebAssembly;
    const bytes = wasm ? readKernel() : undefined;
    if (!wasm || !bytes) return undefined;
    const memory = new wasm.Memory({ initial: 2, maximum: MOST_PAGES });
    const { exports } = new wasm.Instance(new wasm.Module(bytes), { env: { memory } });
    return new KernelMemory(memory, exports as CodecKernels);
  }

  /** Addresses, aligned to 16, of areas of these sizes in bytes; undefined when they do not fit. Earlier ones are gone. */
  layOut(sizes: readonly number[]): number[] | undefined {
    this.next = FREE;
    this.layouts += 1;
    const addresses = sizes.map((size) => {
      const address = this.next;
      this.next = Math.ceil((address + size) / 16) * 16;
      return address;
    });
    const pages = Math.ceil(this.next / PAGE);
    if (!(pages <= MOST_PAGES)) return undefined;
    const missing = pages - this.memory.buffer.byteLength / PAGE;
    if (missing > 0) this.memory.grow(missing);
    return addresses;
  }

  /** Changes whenever something is laid out. */
  get layout(): number {
    return this.layouts;
  }

  /** Views; laying out again may invalidate them. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  words(address: number, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, address, length);
  }

  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  crc32c(address: number, length: number): number {
    return this.kernels.crc32c(CRC_TABLES, address, length, 0) >>> 0;
  }
}

/** CRC-32C of weights, in the kernels where there are any. */
export function fastWeightsCrc(weights: Int8Array): number {
  const memory = KernelMemory.shared();
  const address = memory?.layOut([weights.length])?.[0];
  if (!memory || address === undefined) return weightsCrc(weights);
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.length);
  memory.bytes(address, bytes.length).set(bytes);
  return memory.crc32c(address, bytes.length);
}

function readKernel(): Uint8Array | undefined {
  try {
    return readFileSync(new URL("./kernel.wasm", import.meta.url));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
