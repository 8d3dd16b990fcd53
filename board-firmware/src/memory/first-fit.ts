/** First-fit allocation of stretches of one address range. */

export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export class FirstFit {
  readonly #start: number;
  readonly #end: number;
  /** Taken stretches, ascending. */
  readonly #taken: Stretch[] = [];

  constructor(start: number, bytes: number) {
    this.#start = start;
    this.#end = start + bytes;
  }

  get freeBytes(): number {
    return this.#taken.reduce((free, { start, end }) => free - (end - start), this.#end - this.#start);
  }

  /** @param alignment a power of two; undefined when no gap is large enough */
  take(bytes: number, alignment: number): Stretch | undefined {
    let from = this.#start;
    for (let index = 0; index <= this.#taken.length; index += 1) {
      const start = Math.ceil(from / alignment) * alignment;
      const next = this.#taken[index];
      if (start + bytes <= (next ? next.start : this.#end)) {
        const stretch = { start, end: start + bytes };
        this.#taken.splice(index, 0, stretch);
        return stretch;
      }
      if (next) from = next.end;
    }
    return undefined;
  }

  give(stretch: Stretch): void {
    const index = this.#taken.indexOf(stretch);
    if (index >= 0) this.#taken.splice(index, 1);
  }
}
