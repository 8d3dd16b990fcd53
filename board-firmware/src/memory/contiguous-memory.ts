/**
 * DeviceBuffers cut from one contiguous arena, with an explicit owner. Every buffer starts on a cache line and fills
 * whole ones, so that maintaining one never touches another.
 *
 * A new buffer holds a poison pattern. When it comes back from the overlay and still holds it from end to end, neither
 * side ever wrote it: the wrong address went into a register, or the cache shows old lines.
 */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { DeviceBuffer } from "../device/overlay-device.js";
import { fillPoison } from "../driver/poison.js";
import type { ContiguousArena } from "./arena.js";
import { FirstFit } from "./first-fit.js";

export const CACHE_LINE_BYTES = 64;
const POISON_BYTES = 65_536;

type Owner = "host" | "device" | "nobody";

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export class ContiguousMemory {
  readonly arena: ContiguousArena;
  readonly #places: FirstFit;
  readonly #poison = Buffer.alloc(POISON_BYTES);
  /** What the system knows about memory left, for the error of an allocation that fails. */
  readonly #left: () => string;

  constructor(arena: ContiguousArena, left: () => string = () => "") {
    this.arena = arena;
    this.#places = new FirstFit(arena.address, arena.bytes.length);
    this.#left = left;
    fillPoison(this.#poison, 0x5100);
  }

  get freeBytes(): number {
    return this.#places.freeBytes;
  }

  /** @throws {DeviceError} `bad-allocation`, `out-of-memory` */
  allocate(byteLength: number, alignment: number): DeviceBuffer {
    const powerOfTwo = Number.isInteger(alignment) && alignment > 0 && Number.isInteger(Math.log2(alignment));
    if (!Number.isInteger(byteLength) || byteLength <= 0 || !powerOfTwo) {
      throw new DeviceError("bad-allocation", "A buffer was asked for that cannot exist.", {
        expected: "a positive number of bytes, aligned to a power of two",
        found: `${byteLength} bytes, aligned to ${alignment}`,
      });
    }
    const whole = Math.ceil(byteLength / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
    const stretch = this.#places.take(whole, Math.max(alignment, CACHE_LINE_BYTES));
    if (stretch === undefined) throw this.#outOfMemory(byteLength);
    const { arena } = this;
    const offset = stretch.start - arena.address;
    const bytes = arena.bytes.subarray(offset, offset + byteLength);
    this.#fillWithPoison(arena.bytes.subarray(offset, offset + whole));
    // No dirty line may stay behind that the CPU would write over the overlay's work later on.
    arena.syncForDevice(offset, whole);
    let owner: Owner = "host";
    let everGiven = false;
    const refuseFreed = (): void => {
      if (owner !== "nobody") return;
      throw new DeviceError("use-after-free", "A buffer was used after it had been freed.", {
        place: `buffer at 0x${stretch.start.toString(16)}`,
      });
    };
    return {
      address: BigInt(stretch.start),
      byteLength,
      bytes,
      toDevice: () => {
        refuseFreed();
        arena.syncForDevice(offset, whole);
        owner = "device";
        everGiven = true;
      },
      toHost: () => {
        refuseFreed();
        arena.syncForCpu(offset, whole);
        owner = "host";
        if (everGiven && this.#isPoison(bytes)) throw unwritten(stretch.start, byteLength);
      },
      free: () => {
        if (owner === "nobody") return;
        owner = "nobody";
        this.#places.give(stretch);
      },
    };
  }

  close(): void {
    this.arena.close();
  }

  #fillWithPoison(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += POISON_BYTES) {
      bytes.set(this.#poison.subarray(0, Math.min(POISON_BYTES, bytes.length - at)), at);
    }
  }

  #isPoison(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at += POISON_BYTES) {
      const piece = bytes.subarray(at, at + POISON_BYTES);
      if (this.#poison.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
    }
    return true;
  }

  #outOfMemory(byteLength: number): DeviceError {
    const { freeBytes, arena } = this;
    const whole = freeBytes >= byteLength ? " in one piece" : "";
    const left = this.#left();
    return new DeviceError(
      "out-of-memory",
      `The overlay's memory cannot hold another ${mebibytes(byteLength)}; ${mebibytes(freeBytes)} are free.`,
      {
        place: arena.place,
        expected: `at most ${mebibytes(freeBytes)}${whole}`,
        found: `${mebibytes(byteLength)}${left && `; ${left}`}`,
        hint: "Unload another model, or reserve more: `udmabuf0=536870912` and the boot argument cma=1G.",
        details: { wanted: byteLength, free: freeBytes, size: arena.bytes.length },
      },
    );
  }
}

function unwritten(address: number, byteLength: number): DeviceError {
  return new DeviceError(
    "unwritten-buffer",
    "A buffer came back from the overlay and nobody ever wrote it.",
    {
      place: `buffer at 0x${address.toString(16)}`,
      expected: "bytes written by the host or the overlay",
      found: `the poison of the allocation in all ${byteLength} bytes`,
      hint: "The overlay got another address, or cache maintenance does nothing; run `sluice-board doctor`.",
    },
  );
}
