/**
 * An upload in progress: a file that only ever grows. Its length is all the state there is, once what is still on its way
 * to the disk has arrived there.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from "node:fs";
import { StoreError } from "@sluice/sdk/errors.js";
import { WriteBehind } from "./write-behind.js";

/** Where a test or the twin may interfere with the disk. */
export interface StoreFaults {
  /** Before a piece is written at `position`; what it throws counts as the file system's answer. */
  readonly beforeWrite: (descriptor: number, piece: Uint8Array, position: number) => void;
}

export class PartialSection {
  readonly hash: string;
  /** Of the whole section. */
  readonly bytes: number;
  readonly #descriptor: number;
  readonly #file: WriteBehind;
  #open = true;

  /** Opens or creates the file; what it already holds counts. A file longer than the section is started anew. */
  constructor(path: string, hash: string, bytes: number, faults?: StoreFaults) {
    this.hash = hash;
    this.bytes = bytes;
    this.#descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o666);
    const { size } = fstatSync(this.#descriptor);
    if (size > bytes) ftruncateSync(this.#descriptor, 0);
    this.#file = new WriteBehind(this.#descriptor, size > bytes ? 0 : size, (piece, position) =>
      faults?.beforeWrite(this.#descriptor, piece, position),
    );
  }

  /** What cannot be written has not been received. */
  get received(): number {
    return this.#file.length;
  }

  get full(): boolean {
    return this.received === this.bytes;
  }

  /** The disk refused something; what was received before it can be gone on from in a new PartialSection. */
  get failure(): StoreError | undefined {
    const { failure } = this.#file;
    return failure === undefined ? undefined : storeFull(failure);
  }

  /** Nothing is on its way to the disk. */
  get idle(): boolean {
    return this.#file.idle;
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
    this.#orFull(() => this.#file.append(piece));
  }

  /** Resolves when what was appended is in the file; before anybody is told that it arrived. @throws {StoreError} `store-full` */
  async written(): Promise<void> {
    try {
      await this.#file.written();
    } catch (cause) {
      throw storeFull(cause);
    }
  }

  /** The same at once, for an upload that ends here. @throws {StoreError} `store-full` */
  flush(): void {
    this.#orFull(() => this.#file.flush());
  }

  /** Closes the file; a later PartialSection goes on from here. @throws {StoreError} `store-full` */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      if (this.#file.failure === undefined) this.flush();
    } finally {
      const { received } = this;
      this.#file.end(() => {
        // What was written behind the place of a failure is not part of the section yet.
        if (fstatSync(this.#descriptor).size > received) ftruncateSync(this.#descriptor, received);
        closeSync(this.#descriptor);
      });
    }
  }

  #orFull(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw storeFull(cause);
    }
  }
}

function storeFull(cause: unknown): StoreError {
  return new StoreError("store-full", "The board's disk does not take any more.", {
    found: cause instanceof Error ? cause.message : String(cause),
    hint: "Free space on the board, or choose another directory with --store DIR.",
    cause,
  });
}
