/**
 * Writes to one file while the caller goes on: what arrives is collected in stages, and a full stage is written by
 * another thread. The order in the file is that of the calls; the order in which stages reach it is not, so a process
 * that dies may leave a gap that only the section's hash finds. When no stage is free the caller writes itself, which
 * keeps a fast link from filling the memory of a board with a slow disk.
 */
import { write, writeSync } from "node:fs";

/** TLS brings 16 KiB at a time; a write costs nearly the same for sixteen times as much. */
export const STAGE_BYTES = 256 * 1024;
/** Of all files together; beyond that the disk is slower than the link, and waiting for it is right. */
const MOST_STAGES = 6;

const spares: Uint8Array[] = [];
let stages = 0;

function takeStage(): Uint8Array | undefined {
  const spare = spares.pop();
  if (spare) return spare;
  if (stages === MOST_STAGES) return undefined;
  stages += 1;
  return new Uint8Array(STAGE_BYTES);
}

interface Flight {
  readonly bytes: Uint8Array;
  readonly position: number;
}

export class WriteBehind {
  readonly #descriptor: number;
  readonly #before: (piece: Uint8Array, position: number) => void;
  readonly #flights = new Set<Flight>();
  #waiting: (() => void)[] = [];
  #stage: Uint8Array | undefined;
  #staged = 0;
  /** Where the stage begins in the file. */
  #position: number;
  /** Everything before it is in the file, once something has failed. */
  #failedAt = Number.POSITIVE_INFINITY;
  #failure: unknown;

  /** @param before called with each piece before it is written; what it throws counts as the disk's answer */
  constructor(
    descriptor: number,
    position: number,
    before: (piece: Uint8Array, position: number) => void = () => undefined,
  ) {
    this.#descriptor = descriptor;
    this.#position = position;
    this.#before = before;
  }

  /** Length of the file when everything has been written; what could not be written does not count. */
  get length(): number {
    return Math.min(this.#position + this.#staged, this.#failedAt);
  }

  /** Why nothing is taken any more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** A view that is valid only during the call. @throws what the disk said, also to an earlier piece */
  append(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#failure) throw this.#failure;
      this.#stage ??= takeStage();
      if (this.#stage === undefined) {
        this.#writeNow({ bytes: piece.subarray(at), position: this.#position });
        this.#position += piece.length - at;
        return;
      }
      const part = piece.subarray(at, at + STAGE_BYTES - this.#staged);
      this.#stage.set(part, this.#staged);
      this.#staged += part.length;
      at += part.length;
      if (this.#staged === STAGE_BYTES) this.#launch();
    }
  }

  /** Resolves when all that was appended before is in the file, or will not come there. @throws what the disk said */
  async written(): Promise<void> {
    try {
      this.#launch();
    } catch {
      // Kept in #failure; what is under way already has to end first.
    }
    const before = [...this.#flights];
    while (before.some((flight) => this.#flights.has(flight))) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#failure) throw this.#failure;
  }

  /** The same without waiting: what is under way is written once more, to the same place. @throws what the disk said */
  flush(): void {
    if (this.#failure) throw this.#failure;
    const stage = this.#stage;
    const staged = this.#staged;
    const position = this.#position;
    this.#stage = undefined;
    this.#staged = 0;
    this.#position += staged;
    try {
      for (const flight of this.#flights) this.#writeNow(flight, { again: true });
      if (stage && staged > 0) this.#writeNow({ bytes: stage.subarray(0, staged), position });
    } finally {
      if (stage) spares.push(stage);
    }
  }

  /** No other thread uses the descriptor. */
  get idle(): boolean {
    return this.#flights.size === 0;
  }

  /** Gives up what is still collected, and calls back when no other thread uses the descriptor any more. */
  end(then: () => void): void {
    if (this.#stage) spares.push(this.#stage);
    this.#stage = undefined;
    this.#staged = 0;
    if (this.idle) then();
    else this.#waiting.push(() => this.end(then));
  }

  #launch(): void {
    const stage = this.#stage;
    if (stage === undefined || this.#staged === 0) return;
    const flight = { bytes: stage.subarray(0, this.#staged), position: this.#position };
    this.#position += this.#staged;
    this.#staged = 0;
    this.#stage = undefined;
    try {
      this.#before(flight.bytes, flight.position);
    } catch (error) {
      spares.push(stage);
      throw this.#failed(error, flight.position);
    }
    this.#flights.add(flight);
    this.#writeOn(flight, 0, () => {
      this.#flights.delete(flight);
      spares.push(stage);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resume of waiting) resume();
    });
  }

  #writeOn({ bytes, position }: Flight, done: number, then: () => void): void {
    write(this.#descriptor, bytes, done, bytes.length - done, position + done, (error, count) => {
      if (error) this.#failed(error, position + done);
      else if (done + count < bytes.length) {
        this.#writeOn({ bytes, position }, done + count, then);
        return;
      }
      then();
    });
  }

  #writeNow({ bytes, position }: Flight, { again = false } = {}): void {
    let done = 0;
    try {
      if (!again) this.#before(bytes, position);
      while (done < bytes.length) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
      }
    } catch (error) {
      throw this.#failed(error, position + done);
    }
  }

  #failed(error: unknown, position: number): unknown {
    this.#failedAt = Math.min(this.#failedAt, position);
    this.#failure ??= error;
    return this.#failure;
  }
}
