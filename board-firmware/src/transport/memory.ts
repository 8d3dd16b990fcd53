/** Two ends of a link inside one process; deterministic in order, asynchronous as a real one. */
import { TransportError } from "@sluice/sdk/errors.js";
import type { Transport, TransportHandlers } from "./transport.js";

export function memoryPair(): [Transport, Transport] {
  const left = new MemoryTransport("host end");
  const right = new MemoryTransport("board end");
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class MemoryTransport implements Transport {
  readonly kind = "memory";
  readonly reliable = true;
  readonly local = true;
  readonly bytesPerSecond = 10_000_000;
  readonly highWaterBytes = 4 * 1024 * 1024;
  readonly #name: string;
  peer!: MemoryTransport;
  #handlers: TransportHandlers | undefined;
  #state: "new" | "open" | "closed" = "new";
  /** What the other end sent before this end was opened. */
  readonly #inbox: Uint8Array[] = [];
  #backlog = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(name: string) {
    this.#name = name;
  }

  describe(): string {
    return `memory (${this.#name})`;
  }

  async open(handlers: TransportHandlers, _deadlineMs: number): Promise<void> {
    if (this.#state !== "new" || this.peer.#state === "closed") {
      throw new TransportError("refused", "The other end of this in-memory link is closed.", {
        place: this.describe(),
        hint: "Make a new pair.",
      });
    }
    this.#handlers = handlers;
    this.#state = "open";
    if (this.#inbox.length > 0) setImmediate(() => this.#deliver());
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.length === 0) return;
    this.#backlog += bytes.length;
    this.#bytesSent += bytes.length;
    // A copy, as a wire makes one: the sender's buffer must not be visible to the other end later.
    this.peer.#inbox.push(bytes.slice());
    if (this.peer.#inbox.length === 1) setImmediate(() => this.peer.#deliver());
  }

  get backlog(): number {
    return this.#backlog;
  }

  get counters() {
    return { bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived };
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    // After what is in flight, so that nothing sent before is lost.
    setImmediate(() => this.peer.#finish());
    this.#finish();
  }

  #deliver(): void {
    if (this.#state !== "open") return;
    const pieces = this.#inbox.splice(0);
    for (const piece of pieces) {
      if (this.#handlers === undefined) return;
      this.#bytesReceived += piece.length;
      this.peer.#taken(piece.length);
      this.#handlers.data(piece);
    }
  }

  #taken(bytes: number): void {
    this.#backlog -= bytes;
    this.#handlers?.drain();
  }

  #finish(): void {
    if (this.#state === "closed") return;
    if (this.#inbox.length > 0) this.#deliver();
    const handlers = this.#handlers;
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#handlers = undefined;
    if (wasOpen) handlers?.closed();
  }
}
