/** An upload in progress: a file that only ever grows, and the hash of what it holds so far. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { StoreError } from "@sluice/sdk/errors.js";

const READ_BYTES = 1024 * 1024;

export class PartialSection {
  readonly hash: string;
  /** Of the whole section. */
  readonly bytes: number;
  readonly #descriptor: number;
  readonly #digest: Hash = createHash("sha256");
  #received = 0;
  #open = true;

  /** Opens or creates the file; what it already holds counts. A file longer than the section is started anew. */
  constructor(path: string, hash: string, bytes: number) {
    this.hash = hash;
    this.bytes = bytes;
    this.#descriptor = openSync(path, "a+");
    const { size } = fstatSync(this.#descriptor);
    if (size > bytes) ftruncateSync(this.#descriptor, 0);
    else this.#readBack(size);
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
    try {
      let done = 0;
      while (done < piece.length) done += writeSync(this.#descriptor, piece, done, piece.length - done);
    } catch (cause) {
      // Whatever part got written must not count: the hash has not seen it.
      ftruncateSync(this.#descriptor, this.#received);
      throw new StoreError("store-full", "The board's disk does not take any more.", {
        found: cause instanceof Error ? cause.message : String(cause),
        hint: "Free space on the board, or choose another directory with --store DIR.",
        cause,
      });
    }
    this.#digest.update(piece);
    this.#received += piece.length;
  }

  /** Closes the file and returns the hash of its content in hexadecimal. */
  finish(): string {
    this.suspend();
    return this.#digest.digest("hex");
  }

  /** Closes the file; a later PartialSection goes on from here. */
  suspend(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }

  #readBack(size: number): void {
    const buffer = new Uint8Array(Math.min(READ_BYTES, size));
    while (this.#received < size) {
      const read = readSync(this.#descriptor, buffer, 0, buffer.length, this.#received);
      if (read === 0) break;
      this.#digest.update(buffer.subarray(0, read));
      this.#received += read;
    }
  }
}
