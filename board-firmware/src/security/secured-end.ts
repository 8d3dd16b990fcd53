/**
 * A transport that greets and proves before anything else passes: what both ends have in common. On TCP the bytes then
 * travel in TLS, on every other link in sealed records. docs/security.md.
 */
import { SecurityError, type SluiceError, TransportError } from "@sluice/sdk/errors.js";
import { type LinkKeys, MAX_RECORD, RecordOpener, RecordSealer } from "@sluice/sdk/protocol";
import type { TlsEnd, Transport, TransportCounters, TransportHandlers } from "../transport/transport.js";
import { ByteInbox } from "./byte-inbox.js";

/** A record is handed on when all of it is there; this much of the line's time is not long to wait. */
const RECORD_SECONDS = 0.2;
const LEAST_RECORD = 256;

export abstract class SecuredEnd implements Transport {
  protected readonly inner: Transport;
  protected readonly inbox = new ByteInbox();
  #handlers: TransportHandlers | undefined;
  #sealer: RecordSealer | undefined;
  #opener: RecordOpener | undefined;
  #failure: SluiceError | undefined;
  #finished = false;

  constructor(inner: Transport) {
    this.inner = inner;
  }

  /** Greets, proves, and calls `seal` or the inner transport's `startTls`. Throws to refuse. */
  protected abstract handshake(deadlineMs: number): Promise<void>;

  get kind(): Transport["kind"] {
    return this.inner.kind;
  }

  get reliable(): boolean {
    return this.inner.reliable;
  }

  get bytesPerSecond(): number {
    return this.inner.bytesPerSecond;
  }

  get highWaterBytes(): number {
    return this.inner.highWaterBytes;
  }

  get backlog(): number {
    return this.inner.backlog;
  }

  get counters(): TransportCounters {
    return this.inner.counters;
  }

  get local(): boolean | undefined {
    return this.inner.local;
  }

  get remote(): string | undefined {
    return this.inner.remote;
  }

  describe(): string {
    return this.inner.describe();
  }

  async open(handlers: TransportHandlers, deadlineMs: number): Promise<void> {
    const giveUpAt = performance.now() + deadlineMs;
    await this.inner.open(
      {
        data: (bytes) => this.#take(bytes),
        drain: () => this.#handlers?.drain(),
        closed: (error) => this.#end(error),
      },
      deadlineMs,
    );
    const leftMs = Math.max(1, giveUpAt - performance.now());
    const timer = setTimeout(() => this.inbox.end(this.#silent(deadlineMs)), leftMs);
    try {
      await this.handshake(leftMs);
      if (this.inbox.ended) throw this.inbox.ended;
    } catch (error) {
      await this.inner.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#handlers = handlers;
    const rest = this.inbox.takeRest();
    if (rest.length > 0) this.#take(rest);
  }

  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#finished) return;
    this.inner.send(this.#sealer ? this.#sealer.seal(bytes) : bytes);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  /**
   * From now on everything travels in TLS. Nothing that arrived before may be left: it would pass for protected
   * (RFC 3207's command injection).
   * @throws {SecurityError} `tampered`, `wrong-key`
   */
  protected async beginTls(end: TlsEnd, deadlineMs: number): Promise<void> {
    const early = this.inbox.takeRest().length;
    if (early > 0) {
      throw new SecurityError("tampered", "Bytes came in between that neither end may send there.", {
        place: this.describe(),
        found: `${early} bytes after the greeting`,
        hint: "Nothing of it was used. Check who has access to this network, then connect again.",
      });
    }
    await this.inner.startTls?.(end, deadlineMs);
  }

  /** From now on this end sends and takes sealed records. */
  protected seal(keys: LinkKeys, role: "host" | "board"): void {
    const [outward, inward] =
      role === "host" ? [keys.hostToBoard, keys.boardToHost] : [keys.boardToHost, keys.hostToBoard];
    const recordBytes = Math.min(
      MAX_RECORD,
      Math.max(LEAST_RECORD, Math.round(this.bytesPerSecond * RECORD_SECONDS)),
    );
    this.#sealer = new RecordSealer(outward, recordBytes);
    this.#opener = new RecordOpener(inward);
  }

  /** Called with each failure after the handshake that is not a link that merely ended. */
  protected onTampered(_error: SluiceError): void {}

  #take(bytes: Uint8Array): void {
    const handlers = this.#handlers;
    if (handlers === undefined) {
      this.inbox.push(bytes);
      return;
    }
    if (this.#opener === undefined) {
      handlers.data(bytes);
      return;
    }
    try {
      this.#opener.push(bytes, (plain) => this.#handlers?.data(plain));
    } catch (error) {
      this.#failure = error as SluiceError;
      void this.inner.close();
    }
  }

  #end(error?: SluiceError): void {
    const reason = this.#failure ?? error;
    this.inbox.end(reason ?? this.#hungUp());
    if (this.#finished) return;
    this.#finished = true;
    const handlers = this.#handlers;
    this.#handlers = undefined;
    if (reason?.code === "tampered") this.onTampered(reason);
    handlers?.closed(reason);
  }

  #silent(deadlineMs: number): TransportError {
    return new TransportError("timeout", "The other end did not greet in time.", {
      place: this.describe(),
      expected: `a greeting within ${Math.round(deadlineMs)} ms`,
      found: "nothing, or part of one",
      hint: "Check that Sluice runs at the other end and that both have the same release.",
    });
  }

  #hungUp(): TransportError {
    return new TransportError("disconnected", "The other end hung up before it had greeted.", {
      place: this.describe(),
      hint: "Check that Sluice runs at the other end; a board with too many connections hangs up as well.",
    });
  }
}
