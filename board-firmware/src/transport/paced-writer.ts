/**
 * Writes to a TLS socket one cache-sized piece at a time. Node joins writes that wait, and TLS encrypts what was joined in
 * one go: a copy and some megabytes of ciphertext at once, at half the speed.
 */
import type { Socket } from "node:net";

const PIECE_BYTES = 128 * 1024;

export class PacedWriter {
  readonly #socket: Socket;
  readonly #onEmpty: () => void;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  #ending: (() => void) | undefined;

  /** @param onEmpty nothing is queued any more */
  constructor(socket: Socket, onEmpty: () => void) {
    this.#socket = socket;
    this.#onEmpty = onEmpty;
  }

  /** Bytes that the socket has not taken. */
  get backlog(): number {
    return this.#queued + this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (!this.#writing) this.#next();
  }

  /** Calls back when everything has been handed to the socket. */
  whenEmpty(then: () => void): void {
    this.#ending = then;
    if (!this.#writing) this.#next();
  }

  #next(): void {
    const piece = this.#takePiece();
    this.#writing = piece !== undefined;
    if (piece !== undefined) {
      this.#socket.write(piece, (error) => {
        if (!error) this.#next();
      });
      return;
    }
    this.#ending?.();
    this.#ending = undefined;
    this.#onEmpty();
  }

  #takePiece(): Uint8Array | undefined {
    const [first] = this.#queue;
    if (first === undefined) return undefined;
    let piece = first;
    if (first.length > PIECE_BYTES) {
      piece = first.subarray(0, PIECE_BYTES);
      this.#queue[0] = first.subarray(PIECE_BYTES);
    } else {
      this.#queue.shift();
    }
    this.#queued -= piece.length;
    return piece;
  }
}
