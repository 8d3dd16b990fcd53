/**
 * Reads pieces of the model image and remembers them, so that what was prepared from them can be used again exactly as
 * long as the same bytes are still there.
 */

import { OverlayFault } from "./fault.js";
import type { EmulatorMemory } from "./memory.js";

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class ImageReader {
  readonly #memory: EmulatorMemory;
  readonly #base: number;
  readonly #pieces: Piece[] = [];

  constructor(memory: EmulatorMemory, base: number) {
    this.#memory = memory;
    this.#base = base;
  }

  /** A copy of bytes of the image. @throws {OverlayFault} MEMORY */
  read(offset: number, byteLength: number): Uint8Array {
    const address = this.#base + offset;
    const bytes = this.#memory.span(address, byteLength);
    if (bytes === undefined) {
      throw new OverlayFault("MEMORY", `${byteLength} bytes at 0x${address.toString(16)} are not memory`);
    }
    const copy = bytes.slice();
    this.#pieces.push({ offset, bytes: copy });
    return copy;
  }

  /** Whether the image at `base` still holds every byte that was read, compared byte by byte. */
  stillHolds(base: number): boolean {
    return this.#pieces.every(({ offset, bytes }) => {
      const now = this.#memory.span(base + offset, bytes.length);
      return now !== undefined && Buffer.compare(now, bytes) === 0;
    });
  }
}
