/** Part of the cycle model (cycles.ts): decoded weights on their way to the array. */
import type { OverlayGeometry } from "../overlay/geometry.js";

/** When tiles are decoded: in order, each as soon as the ring has room, line by line. */
export class WeightRing {
  readonly #capacity: number;
  /** When the last decoded tile was ready. */
  #ready: number;
  /** Tiles that still occupy lines, oldest first. */
  readonly #held: { readonly lines: number; readonly freed: number }[] = [];
  #lines = 0;
  #current = 0;

  /** @param begin cycle of the first command */
  constructor({ weightLines, memoryLatency }: OverlayGeometry, begin: number) {
    this.#capacity = 2 * weightLines;
    this.#ready = begin + memoryLatency;
  }

  /** Decodes the next tile as early as possible; returns when its last line is ready. */
  decode({ lines, cycles }: WeightTile): number {
    const start = Math.max(this.#ready, this.#roomFor(1));
    this.#ready = Math.max(start + cycles, this.#roomFor(lines));
    this.#current = lines;
    return this.#ready;
  }

  /** When the ring has room for so many lines. */
  #roomFor(lines: number): number {
    let at = 0;
    while (this.#lines + lines > this.#capacity && this.#held.length > 0) {
      const oldest = this.#held.shift()!;
      this.#lines -= oldest.lines;
      at = Math.max(at, oldest.freed);
    }
    return at;
  }

  /** The array is done with the tile decoded last. */
  used(at: number): void {
    this.#held.push({ lines: this.#current, freed: at });
    this.#lines += this.#current;
  }
}

export interface WeightTile {
  readonly lines: number;
  /** To decode it. */
  readonly cycles: number;
}
