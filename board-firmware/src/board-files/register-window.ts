/** 32-bit registers behind a mapping: one aligned load or store for each access, never fewer, never wider. */
import { closeSync, constants } from "node:fs";
import { LoaderError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "./board-files.js";
import { type Mapping, mapShared, PAGE_BYTES } from "./native.js";

const WORD = 4;

export interface RegisterWindow {
  /** @param offset bytes from the window's start, a multiple of 4 */
  read(offset: number): number;
  write(offset: number, value: number): void;
  close(): void;
}

class MappedWindow implements RegisterWindow {
  readonly #words: Uint32Array;
  readonly #mapping: Mapping;
  readonly #place: string;
  #open = true;

  constructor(mapping: Mapping, start: number, bytes: number, place: string) {
    this.#mapping = mapping;
    this.#words = new Uint32Array(mapping.buffer, start, bytes / WORD);
    this.#place = place;
  }

  // Atomics give one whole access that the compiler may neither merge, split nor move, ordered after earlier stores.
  read(offset: number): number {
    return Atomics.load(this.#words, this.#index(offset));
  }

  write(offset: number, value: number): void {
    Atomics.store(this.#words, this.#index(offset), value >>> 0);
  }

  close(): void {
    this.#open = false;
    this.#mapping.unmap();
  }

  #index(offset: number): number {
    if (!this.#open) {
      throw new LoaderError("closed", "The registers are no longer mapped.", {
        place: this.#place,
        hint: "Open the device again.",
      });
    }
    const index = offset / WORD;
    if (Number.isInteger(index) && index >= 0 && index < this.#words.length) return index;
    throw new LoaderError("bad-register", "Registers are words at multiples of four inside the window.", {
      place: this.#place,
      expected: `0..0x${((this.#words.length - 1) * WORD).toString(16)}`,
      found: String(offset),
    });
  }
}

/**
 * @param path device node: /dev/mem (offset = physical address) or /dev/uioN (offset = map index x page)
 * @throws {LoaderError} `no-such-node`, `permission-denied`, `map-failed`
 */
export function openWindow(files: BoardFiles, path: string, offset: number, bytes: number): RegisterWindow {
  const page = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
  const length = Math.ceil((offset + bytes - page) / PAGE_BYTES) * PAGE_BYTES;
  // O_SYNC makes /dev/mem map device memory uncached.
  const descriptor = files.open(path, constants.O_RDWR | constants.O_SYNC);
  // A mapping beyond a regular file's end would raise SIGBUS at the first access.
  const size = files.sizeOf(descriptor);
  if (size !== undefined && size < page + length) {
    closeSync(descriptor);
    throw new LoaderError("map-failed", "The register space ends before these registers.", {
      place: `${path} at 0x${offset.toString(16)}`,
      expected: `${page + length} bytes`,
      found: `${size} bytes`,
      hint: "Use the device node of the overlay.",
    });
  }
  try {
    const mapping = mapShared(descriptor, length, page, path);
    return new MappedWindow(mapping, offset - page, bytes, `${path} at 0x${offset.toString(16)}`);
  } finally {
    closeSync(descriptor);
  }
}
