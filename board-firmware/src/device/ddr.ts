/**
 * DDR of a device that lives in this process: buffers handed out first-fit from one address range, each with its own
 * storage, so that a large range costs nothing until it is used.
 *
 * With `checkOwnership`, a buffer has two copies of its bytes, the host's and the overlay's, and `toDevice` and `toHost`
 * copy between them, as cache maintenance does on hardware without coherency: a forgotten call shows as stale data.
 */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { DeviceBuffer } from "./overlay-device.js";

/** Bytes of a buffer that a copy leaves out. */
export interface StaleRange {
  readonly offset: number;
  readonly byteLength: number;
}

/** Tells a test or a fault injector that a copy is about to happen; `false` leaves it out, a range that part of it. */
export type CacheHook = (direction: "to-device" | "to-host", buffer: DeviceBuffer) => boolean | StaleRange;

export interface DdrOptions {
  /** Bytes that can be allocated. */
  readonly byteLength: number;
  readonly checkOwnership: boolean;
  readonly cacheHook?: CacheHook;
  /** Memory the buffers lie in, `byteLength` bytes. Default: each buffer gets storage of its own. */
  readonly storage?: Uint8Array;
}

/** Where the memory reserved for the overlay begins; any address the fabric can reach would do. */
export const FIRST_ADDRESS = 0x4000_0000;
const SMALLEST_ALIGNMENT = 64;

interface Block {
  readonly address: number;
  readonly end: number;
  /** As the overlay sees it. */
  readonly device: Uint8Array;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export class EmulatedDdr {
  readonly #options: DdrOptions;
  /** Live blocks, by ascending address. */
  readonly #blocks: Block[] = [];

  constructor(options: DdrOptions) {
    this.#options = options;
  }

  get freeBytes(): number {
    return this.#blocks.reduce((free, block) => free - (block.end - block.address), this.#options.byteLength);
  }

  /** Bytes of all live buffers. */
  get usedBytes(): number {
    return this.#options.byteLength - this.freeBytes;
  }

  /** The overlay's view of a range that lies inside one live buffer. */
  span(address: number, byteLength: number): Uint8Array | undefined {
    const block = this.#blocks.find((candidate) => candidate.address <= address && address < candidate.end);
    if (block === undefined || !(address + byteLength <= block.end)) return undefined;
    return block.device.subarray(address - block.address, address - block.address + byteLength);
  }

  /**
   * @param exhausted answers as if others had taken everything that is left
   * @throws {DeviceError} `bad-allocation`, `out-of-memory`
   */
  allocate(byteLength: number, alignment: number, exhausted = false): DeviceBuffer {
    const powerOfTwo = Number.isInteger(alignment) && alignment > 0 && (alignment & (alignment - 1)) === 0;
    if (!Number.isInteger(byteLength) || byteLength <= 0 || !powerOfTwo) {
      throw new DeviceError("bad-allocation", "A buffer was asked for that cannot exist.", {
        expected: "a positive number of bytes, aligned to a power of two",
        found: `${byteLength} bytes, aligned to ${alignment}`,
      });
    }
    const place = this.#findPlace(byteLength, Math.max(alignment, SMALLEST_ALIGNMENT));
    if (place === undefined || exhausted) throw this.#outOfMemory(byteLength, exhausted ? 0 : this.freeBytes);
    const device = this.#storageAt(place.address - FIRST_ADDRESS, byteLength);
    const block = { address: place.address, end: place.address + byteLength, device };
    this.#blocks.splice(place.index, 0, block);
    return this.#buffer(block);
  }

  #storageAt(offset: number, byteLength: number): Uint8Array {
    const { storage } = this.#options;
    if (storage === undefined) return new Uint8Array(byteLength);
    return storage.subarray(offset, offset + byteLength).fill(0);
  }

  #findPlace(byteLength: number, alignment: number): { index: number; address: number } | undefined {
    let address = FIRST_ADDRESS;
    for (let index = 0; index <= this.#blocks.length; index += 1) {
      const aligned = Math.ceil(address / alignment) * alignment;
      const next = this.#blocks[index];
      const limit = next ? next.address : FIRST_ADDRESS + this.#options.byteLength;
      if (aligned + byteLength <= limit) return { index, address: aligned };
      if (next) address = next.end;
    }
    return undefined;
  }

  #outOfMemory(byteLength: number, freeBytes: number): DeviceError {
    const fragmented = freeBytes >= byteLength;
    return new DeviceError(
      "out-of-memory",
      `The overlay's memory cannot hold another ${mebibytes(byteLength)}; ${mebibytes(freeBytes)} are free${
        fragmented ? ", but not in one piece" : ""
      }.`,
      {
        place: "DDR",
        expected: `at most ${mebibytes(freeBytes)}${fragmented ? " in one piece" : ""}`,
        found: mebibytes(byteLength),
        hint: "Unload another model, run fewer frames per batch, or give the device more memory.",
        details: { wanted: byteLength, free: freeBytes, size: this.#options.byteLength },
      },
    );
  }

  #buffer(block: Block): DeviceBuffer {
    const host = this.#options.checkOwnership ? new Uint8Array(block.device.length) : block.device;
    let live = true;
    const copy = (direction: "to-device" | "to-host", from: Uint8Array, to: Uint8Array): void => {
      if (!live) {
        throw new DeviceError("use-after-free", "A buffer was used after it had been freed.", {
          place: `buffer at 0x${block.address.toString(16)}`,
        });
      }
      const answer = this.#options.cacheHook?.(direction, buffer) ?? true;
      if (answer === false || from === to) return;
      const stale = answer === true ? { offset: from.length, byteLength: 0 } : answer;
      to.set(from.subarray(0, stale.offset));
      const after = stale.offset + stale.byteLength;
      to.set(from.subarray(after), after);
    };
    const buffer: DeviceBuffer = {
      address: BigInt(block.address),
      byteLength: block.device.length,
      bytes: host,
      toDevice: () => copy("to-device", host, block.device),
      toHost: () => copy("to-host", block.device, host),
      free: () => {
        live = false;
        const index = this.#blocks.indexOf(block);
        if (index >= 0) this.#blocks.splice(index, 1);
      },
    };
    return buffer;
  }
}
