/**
 * The receiving half of the reliable link: puts the stream together, and knows when an acknowledgement is due. Pure
 * computation; time comes in as an argument, in milliseconds.
 */
import { type ByteRange, MAX_RANGES } from "./packets.js";
import type { Acknowledgement } from "./sender.js";

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ReceiverOptions {
  /** Bytes held out of order at most. */
  readonly window: number;
  /** Longest time an acknowledgement is held back, in milliseconds. */
  readonly ackDelayMs: number;
  /** Receives the stream in order; the array is its own. */
  readonly deliver: (bytes: Uint8Array) => void;
}

export class ReliableReceiver {
  readonly #options: ReceiverOptions;
  /** Beyond #upTo, ascending, not overlapping, not touching #upTo. */
  #pieces: Piece[] = [];
  #upTo = 0;
  #latest = 0;
  #unacknowledged = 0;
  #ackAt: number | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Bytes delivered in order. */
  get delivered(): number {
    return this.#upTo;
  }

  /** @param payload may be a view of a reused buffer; kept bytes are copied */
  take(number: number, offset32: number, payload: Uint8Array, push: boolean, now: number): void {
    this.#latest = number;
    const ahead = (offset32 - (this.#upTo >>> 0)) | 0;
    const offset = this.#upTo + ahead;
    const end = offset + payload.length;
    if (end > this.#upTo + this.#options.window) {
      // Dropped; the acknowledgement makes the sender offer it again when there is room.
      this.#ackAt = now;
      return;
    }
    const fresh = end > this.#upTo && this.#insert(offset, payload);
    this.#deliverInOrder();
    this.#unacknowledged += payload.length;
    const urgent = push || !fresh || this.#pieces.length > 0 || ahead > 0;
    if (urgent || this.#unacknowledged >= this.#options.window / 4) this.#ackAt = now;
    else this.#ackAt ??= now + this.#options.ackDelayMs;
  }

  /** When an acknowledgement should be sent; undefined while none is owed. */
  get ackAt(): number | undefined {
    return this.#ackAt;
  }

  acknowledgement(): Acknowledgement {
    this.#ackAt = undefined;
    this.#unacknowledged = 0;
    const ranges: ByteRange[] = [];
    for (const { offset, bytes } of this.#pieces) {
      const start = offset - this.#upTo;
      const last = ranges[ranges.length - 1];
      if (last && last.start + last.length === start) {
        ranges[ranges.length - 1] = { start: last.start, length: last.length + bytes.length };
      } else if (ranges.length < MAX_RANGES) {
        ranges.push({ start, length: bytes.length });
      } else {
        break;
      }
    }
    return { latest: this.#latest, upTo: this.#upTo >>> 0, ranges };
  }

  /** Stores what is not there yet; false when all of it was. */
  #insert(offset: number, payload: Uint8Array): boolean {
    let from = Math.max(offset, this.#upTo);
    const end = offset + payload.length;
    const merged: Piece[] = [];
    let fresh = false;
    const add = (to: number) => {
      if (to <= from) return;
      merged.push({ offset: from, bytes: payload.slice(from - offset, to - offset) });
      fresh = true;
    };
    for (const piece of this.#pieces) {
      const pieceEnd = piece.offset + piece.bytes.length;
      if (from < end) add(Math.min(end, piece.offset));
      merged.push(piece);
      from = Math.max(from, pieceEnd);
    }
    add(end);
    this.#pieces = merged.sort((a, b) => a.offset - b.offset);
    return fresh;
  }

  #deliverInOrder(): void {
    let count = 0;
    for (const { offset, bytes } of this.#pieces) {
      if (offset !== this.#upTo) break;
      this.#upTo += bytes.length;
      count += 1;
    }
    const ready = this.#pieces.splice(0, count);
    for (const { bytes } of ready) this.#options.deliver(bytes);
  }
}
