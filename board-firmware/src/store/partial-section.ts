/**
 * An upload in progress: a file that only ever grows. Its length is all the state there is, once what was collected for
 * the next write has been flushed.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { StoreError } from "@sluice/sdk/errors.js";

/** Where a test or the twin may interfere with the disk. */
export interface StoreFaults {
  /** Before a piece is appended; what it throws counts as the file system's answer. */
  readonly beforeAppend: (descriptor: number, piece: Uint8Array) => void;
}

/** TLS brings 16 KiB at a time; a write costs the same for eight times as much. */
const STAGE_BYTES = 128 * 1024;
/** A plain socket brings 64 KiB; copying that would cost more than the write it saves. */
const DIRECT_BYTES = 32 * 1024;
/** Of sections that are done; the next one needs no new memory. */
let spareStage: Uint8Array | undefined;

export class PartialSection {
  readonly hash: string;
  /** Of the whole section. */
  readonly bytes: number;
  readonly #descriptor: number;
  readonly #faults: StoreFaults | undefined;
  #written = 0;
  #stage: Uint8Array | undefined;
  #staged = 0;
  #open = true;

  /** Opens or creates the file; what it already holds counts. A file longer than the section is started anew. */
  constructor(path: string, hash: string, bytes: number, faults?: StoreFaults) {
    this.#faults = faults;
    this.hash = hash;
    this.bytes = bytes;
    this.#descriptor = openSync(path, "a");
    const { size } = fstatSync(this.#descriptor);
    if (size > bytes) ftruncateSync(this.#descriptor, 0);
    else this.#written = size;
  }

  get received(): number {
    return this.#written + this.#staged;
  }

  get full(): boolean {
    return this.received === this.bytes;
  }

  /** @throws {StoreError} `section-too-long`, `store-full`, `upload-interrupted` */
  append(piece: Uint8Array): void {
    if (!this.#open) {
      throw new StoreError("upload-interrupted", "Another upload took this one's place.", {
        place: this.hash,
        hint: "Ask what the board has (`have`) and go on from there.",
      });
    }
    if (this.received + piece.length > this.bytes) {
      throw new StoreError("section-too-long", "More bytes were sent than the section has.", {
        expected: `${this.bytes} bytes`,
        found: `${this.received + piece.length} bytes`,
      });
    }
    if (this.#staged + piece.length > STAGE_BYTES) this.flush();
    if (this.#staged === 0 && piece.length >= DIRECT_BYTES) {
      this.#write(piece);
      return;
    }
    this.#stage ??= takeStage();
    this.#stage.set(piece, this.#staged);
    this.#staged += piece.length;
  }

  /** Writes what was collected; before anybody is told that it arrived. @throws {StoreError} `store-full` */
  flush(): void {
    const staged = this.#staged;
    // What cannot be written has not been received.
    this.#staged = 0;
    if (this.#stage && staged > 0) this.#write(this.#stage.subarray(0, staged));
  }

  #write(piece: Uint8Array): void {
    let done = 0;
    try {
      this.#faults?.beforeAppend(this.#descriptor, piece);
      while (done < piece.length) done += writeSync(this.#descriptor, piece, done, piece.length - done);
    } catch (cause) {
      throw new StoreError("store-full", "The board's disk does not take any more.", {
        found: cause instanceof Error ? cause.message : String(cause),
        hint: "Free space on the board, or choose another directory with --store DIR.",
        cause,
      });
    } finally {
      this.#written += done;
    }
  }

  /** Closes the file; a later PartialSection goes on from here. */
  close(): void {
    if (!this.#open) return;
    try {
      this.flush();
    } finally {
      this.#open = false;
      closeSync(this.#descriptor);
      if (this.#stage) spareStage = this.#stage;
      this.#stage = undefined;
    }
  }
}

function takeStage(): Uint8Array {
  const stage = spareStage ?? new Uint8Array(STAGE_BYTES);
  spareStage = undefined;
  return stage;
}
