/**
 * A link that loses, repeats and changes what it carries, or is dead for a while. On a serial line it sits below the
 * reliable link, as a bad cable does. On TCP, where the network keeps bytes whole and in order, it sits right above the
 * socket and its TLS, as a faulty runtime would: what is left to notice it are the frames' own checks.
 */
import { TransportError } from "@sluice/sdk/errors.js";
import type { Transport, TransportCounters, TransportHandlers } from "../transport/index.js";
import type { FaultPlan } from "./fault-plan.js";

export class FaultyTransport implements Transport {
  readonly kind: Transport["kind"];
  readonly reliable: boolean;
  readonly bytesPerSecond: number;
  readonly highWaterBytes: number;
  readonly startTls?: Transport["startTls"];
  readonly #raw: Transport;
  readonly #plan: FaultPlan;
  #breaking: NodeJS.Timeout | undefined;

  constructor(raw: Transport, plan: FaultPlan) {
    this.#raw = raw;
    this.#plan = plan;
    this.kind = raw.kind;
    this.reliable = raw.reliable;
    this.bytesPerSecond = raw.bytesPerSecond;
    this.highWaterBytes = raw.highWaterBytes;
    if (raw.startTls) this.startTls = (end, deadlineMs) => raw.startTls!(end, deadlineMs);
  }

  describe(): string {
    return this.#raw.describe();
  }

  get local(): boolean | undefined {
    return this.#raw.local;
  }

  get remote(): string | undefined {
    return this.#raw.remote;
  }

  get backlog(): number {
    return this.#raw.backlog;
  }

  get counters(): TransportCounters {
    return this.#raw.counters;
  }

  async open(handlers: TransportHandlers, deadlineMs: number): Promise<void> {
    const refused = this.#plan.unplugged;
    await this.#raw.open(
      {
        data: (bytes) => this.#carry(bytes, (piece) => handlers.data(piece)),
        drain: () => handlers.drain(),
        closed: (error) => {
          clearTimeout(this.#breaking);
          if (!refused) handlers.closed(error);
        },
      },
      deadlineMs,
    );
    if (!refused) return;
    await this.#raw.close();
    throw new TransportError("refused", "The cable is out.", { place: this.describe() });
  }

  send(bytes: Uint8Array): void {
    this.#carry(bytes, (piece) => this.#raw.send(piece));
  }

  close(): Promise<void> {
    clearTimeout(this.#breaking);
    return this.#raw.close();
  }

  #carry(bytes: Uint8Array, pass: (piece: Uint8Array) => void): void {
    const plan = this.#plan;
    if (plan.strike("link-unplugged")) plan.unplug();
    // A connection that lost bytes carries none any more, also where the timer that ends it is late.
    if (plan.unplugged || this.#breaking) {
      this.#breakLater();
      return;
    }
    if (plan.strike("frame-lost")) return;
    if (plan.strike("frame-duplicated")) pass(bytes.slice());
    if (!plan.strike("frame-corrupted")) {
      pass(bytes);
      return;
    }
    const changed = bytes.slice();
    changed[plan.pick(changed.length)] ^= 1 << plan.pick(8);
    pass(changed);
  }

  /** TCP would send again what was lost meanwhile; here that is gone for good, so the connection cannot go on. */
  #breakLater(): void {
    if (!this.#raw.reliable || this.#breaking) return;
    this.#breaking = setTimeout(() => void this.#raw.close(), this.#plan.outageMs);
  }
}
