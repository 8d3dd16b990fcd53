/**
 * Sections on disk, named by their SHA-256. The hash is compared whenever a section is read, so before every use:
 * what arrived damaged, or was damaged on disk later, is thrown away there and counts as missing again.
 *
 *   DIR/sections/HEX    sections of which every byte has arrived; the modification time is the time of last use
 *   DIR/partial/HEX     unfinished uploads; the length is how far they have come
 *
 * A section becomes whole by a rename, so a power cut leaves either a partial file or a whole one. When room is
 * needed, the least recently used sections go first; pinned ones (those of the loaded model) never.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "@sluice/sdk/errors.js";
import { makeFolder } from "../board-files/make-folder.js";
import { PartialSection, type StoreFaults } from "./partial-section.js";

export interface SectionStoreOptions {
  /** Bytes of complete and unfinished sections together. Default 1 GiB. */
  readonly capacityBytes?: number;
  /** Complete and unfinished sections together. Default 16,384: a file each. */
  readonly maxSections?: number;
  /** Clock for the order of use, in milliseconds; injected by tests. */
  readonly now?: () => number;
  readonly faults?: StoreFaults;
}

export interface SectionState {
  readonly complete: boolean;
  /** Bytes that are there; the whole section when complete. */
  readonly received: number;
}

export interface StoredSection {
  readonly hash: string;
  readonly bytes: number;
}

const DEFAULT_CAPACITY = 1024 ** 3;
const DEFAULT_MAX_SECTIONS = 16_384;
/** Unfinished uploads kept open at once; more are closed (not lost) in order of use. */
const MAX_OPEN_PARTIALS = 4;
const HASH_NAME = /^[0-9a-f]{64}$/;

export class SectionStore {
  readonly capacityBytes: number;
  readonly #maxSections: number;
  readonly #directory: string;
  readonly #now: () => number;
  readonly #faults: StoreFaults | undefined;
  readonly #sections = new Map<string, { bytes: number; lastUsed: number }>();
  /** Unfinished sections on disk, by their length there. */
  readonly #partialBytes = new Map<string, number>();
  readonly #openPartials = new Map<string, PartialSection>();
  #completeBytes = 0;
  #pinned: ReadonlySet<string> = new Set();

  /** Creates the directory where needed. @throws {StoreError} `store-unusable` */
  constructor(directory: string, options: SectionStoreOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY;
    this.#maxSections = options.maxSections ?? DEFAULT_MAX_SECTIONS;
    this.#directory = directory;
    this.#now = options.now ?? (() => Date.now());
    this.#faults = options.faults;
    try {
      makeFolder(join(directory, "sections"));
      makeFolder(join(directory, "partial"));
      for (const { hash, bytes, lastUsed } of this.#scan("sections")) {
        this.#sections.set(hash, { bytes, lastUsed });
        this.#completeBytes += bytes;
      }
      for (const { hash, bytes } of this.#scan("partial")) this.#partialBytes.set(hash, bytes);
    } catch (cause) {
      throw new StoreError("store-unusable", `The section store cannot be used: ${directory}.`, {
        place: directory,
        found: cause instanceof Error ? cause.message : String(cause),
        hint: "Choose a directory that the runtime may write to with --store DIR.",
        cause,
      });
    }
  }

  /** Complete sections, and unfinished ones: with their full length while they are being uploaded. */
  get usedBytes(): number {
    let used = this.#completeBytes;
    for (const [hash, bytes] of this.#partialBytes) used += this.#openPartials.get(hash)?.bytes ?? bytes;
    return used;
  }

  get count(): number {
    return this.#sections.size;
  }

  state(hash: string): SectionState {
    const section = this.#sections.get(hash);
    if (section) return { complete: true, received: section.bytes };
    const received = this.#openPartials.get(hash)?.received ?? this.#partialBytes.get(hash) ?? 0;
    return { complete: false, received };
  }

  /** Most recently used first, at most `limit`. */
  list(limit: number): StoredSection[] {
    return [...this.#sections]
      .sort(([, a], [, b]) => b.lastUsed - a.lastUsed)
      .slice(0, limit)
      .map(([hash, { bytes }]) => ({ hash, bytes }));
  }

  /** Sections that must not be evicted: those of the loaded model. */
  pin(hashes: Iterable<string>): void {
    this.#pinned = new Set(hashes);
  }

  /**
   * Where the next pieces of a section go; continues what earlier connections or processes left.
   * @throws {StoreError} `store-full`
   */
  openPartial(hash: string, bytes: number): PartialSection {
    const open = this.#openPartials.get(hash);
    if (open?.failure && !open.idle) throw open.failure;
    if (open?.bytes === bytes && !open.failure) return open;
    this.#closePartial(hash);
    while (this.#openPartials.size >= MAX_OPEN_PARTIALS) {
      this.#closePartial(this.#openPartials.keys().next().value!);
    }
    this.#makeRoom(bytes - (this.#partialBytes.get(hash) ?? 0), hash);
    const partial = new PartialSection(this.#path("partial", hash), hash, bytes, this.#faults);
    this.#openPartials.set(hash, partial);
    this.#partialBytes.set(hash, partial.received);
    return partial;
  }

  /** A partial section has all its bytes: from now on it is a section. */
  complete(partial: PartialSection): void {
    const { hash, bytes } = partial;
    partial.close();
    this.#openPartials.delete(hash);
    this.#partialBytes.delete(hash);
    renameSync(this.#path("partial", hash), this.#path("sections", hash));
    this.#completeBytes += bytes - (this.#sections.get(hash)?.bytes ?? 0);
    this.#sections.set(hash, { bytes, lastUsed: this.#now() });
  }

  /**
   * The content, after its hash was compared.
   * @throws {StoreError} `unknown-section`, `hash-mismatch` (the file was removed; the host may send it again)
   */
  read(hash: string): Uint8Array {
    const section = this.#sections.get(hash);
    if (section === undefined) {
      throw new StoreError("unknown-section", "The board does not have this section.", {
        found: hash,
        hint: "Upload it first.",
      });
    }
    let content: Uint8Array | undefined;
    let cause: unknown;
    try {
      content = readFileSync(this.#path("sections", hash));
    } catch (error) {
      cause = error;
    }
    const found = content && createHash("sha256").update(content).digest("hex");
    if (content === undefined || found !== hash) {
      this.remove(hash);
      throw new StoreError(
        "hash-mismatch",
        "A stored section is not what it was named, and was thrown away.",
        {
          place: this.#path("sections", hash),
          expected: `SHA-256 ${hash}`,
          found: found ?? "a file that cannot be read",
          hint: "Send it again. If it happens often, check the board's storage, or pack the package anew.",
          cause,
        },
      );
    }
    this.#touch(hash);
    return content;
  }

  /** Compares the hash of a section; one that is damaged is thrown away. */
  isSound(hash: string): boolean {
    try {
      this.read(hash);
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  }

  /** Returns the bytes freed; 0 when there was nothing. */
  remove(hash: string): number {
    this.#closePartial(hash);
    const complete = this.#sections.get(hash)?.bytes ?? 0;
    const freed = complete + (this.#partialBytes.get(hash) ?? 0);
    this.#completeBytes -= complete;
    rmSync(this.#path("sections", hash), { force: true });
    rmSync(this.#path("partial", hash), { force: true });
    this.#sections.delete(hash);
    this.#partialBytes.delete(hash);
    return freed;
  }

  /** Unfinished uploads stay on disk for the next process. */
  close(): void {
    for (const hash of [...this.#openPartials.keys()]) this.#closePartial(hash);
  }

  #touch(hash: string): void {
    const section = this.#sections.get(hash)!;
    section.lastUsed = this.#now();
    const time = new Date(section.lastUsed);
    utimesSync(this.#path("sections", hash), time, time);
  }

  #makeRoom(bytes: number, keep: string): void {
    let over = this.usedBytes + bytes - this.capacityBytes;
    let tooMany = this.#sections.size + this.#partialBytes.size + 1 - this.#maxSections;
    const enough = () => over <= 0 && tooMany <= 0;
    if (enough()) return;
    const evict = (hash: string) => {
      over -= this.remove(hash);
      tooMany -= 1;
    };
    // Unfinished uploads nobody is sending any more go first, then whole sections in order of use.
    for (const hash of [...this.#partialBytes.keys()]) {
      if (!enough() && hash !== keep && !this.#openPartials.has(hash)) evict(hash);
    }
    if (enough()) return;
    const byAge = [...this.#sections].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [hash] of byAge) {
      if (!enough() && !this.#pinned.has(hash)) evict(hash);
    }
    if (enough()) return;
    throw new StoreError("store-full", "The board's section store has no room for this section.", {
      place: this.#directory,
      expected: `at most ${this.capacityBytes - this.usedBytes} bytes`,
      found: `${bytes} bytes`,
      hint: "Give the store more room with --store-bytes, or remove sections of other models.",
    });
  }

  #closePartial(hash: string): void {
    const partial = this.#openPartials.get(hash);
    if (partial === undefined) return;
    this.#openPartials.delete(hash);
    try {
      partial.close();
    } finally {
      this.#partialBytes.set(hash, partial.received);
    }
  }

  #scan(folder: string): { hash: string; bytes: number; lastUsed: number }[] {
    return readdirSync(join(this.#directory, folder))
      .filter((name) => HASH_NAME.test(name))
      .map((hash) => {
        const { size, mtimeMs } = statSync(this.#path(folder, hash));
        return { hash, bytes: size, lastUsed: mtimeMs };
      });
  }

  #path(folder: string, hash: string): string {
    return join(this.#directory, folder, hash);
  }
}
