/** An upload in progress: a file that only ever grows. Its length is all the state there is. */
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { StoreError } from "@sluice/sdk/errors.js";

/** Where a test or the twin may interfere with the disk. */
export interface StoreFaults {
  /** Before a piece is appended; what it throws counts as the file system's answer. */
  readonly beforeAppend: (descriptor: number, piece: Uint8Array) => void;
}

export class PartialSection {
  readonly hash: string;
  /** Of the whole section. */
  readonly bytes: number;
  readonly #descriptor: number;
  readonly #faults: StoreFaults | undefined;
  #received = 0;
  #open = true;

  /** Opens or creates the file; what it already holds counts. A file longer than the section is started anew. */
  constructor(path: string, hash: string, bytes: number, faults?: StoreFaults) {
    this.#faults = faults;
    this.hash = hash;
    this.bytes = bytes;
    this.#descriptor = openSync(path, "a");
    const { size } = fstatSync(this.#descriptor);
    if (size > bytes) ftruncateSync(this.#descriptor, 0);
    else this.#received = size;
  }

  get received(): number {
    return this.#received;
  }

  get full(): boolean {
    return this.#received === this.bytes;
  }

  /** @throws {StoreError} `section-too-long`, `store-full`, `upload-interrupted` */
  append(piece: Uint8Array): void {
    if (!this.#open) {
      throw new StoreError("upload-interrupted", "Another upload took this one's place.", {
        place: this.hash,
        hint: "Ask what the board has (`have`) and go on from there.",
      });
    }
    if (this.#received + piece.length > this.bytes) {
      throw new StoreError("section-too-long", "More bytes were sent than the section has.", {
        expected: `${this.bytes} bytes`,
        found: `${this.#received + piece.length} bytes`,
      });
    }
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
      this.#received += done;
    }
  }

  /** Closes the file; a later PartialSection goes on from here. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}
