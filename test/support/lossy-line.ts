/**
 * Two reliable links joined by a simulated line: a given rate, latency, and damage, on a simulated clock. Damage is
 * per byte, so long packets suffer more. Deterministic for a seed.
 */
import {
  encodePacket,
  MAX_PACKET,
  parsePacket,
  ReliableLink,
  SlipDecoder,
  slipEncode,
} from "@sluice/sdk/protocol";
import type { SeededRandom } from "./seeded-random.js";

export interface LineOptions {
  readonly random: SeededRandom;
  /** Bytes a second in each direction. */
  readonly bytesPerSecond: number;
  readonly latencyMs?: number;
  /** Probability that a byte arrives changed, and that it does not arrive. */
  readonly corrupt?: number;
  readonly drop?: number;
  /** During these times nothing gets through. */
  readonly cuts?: readonly { readonly from: number; readonly to: number }[];
  readonly window?: number;
  readonly silenceMs?: number;
}

interface Arrival {
  readonly at: number;
  readonly bytes: Uint8Array;
}

class End {
  readonly link: ReliableLink;
  readonly received: Uint8Array[] = [];
  readonly arrivals: Arrival[] = [];
  readonly decoder = new SlipDecoder(MAX_PACKET);
  freeAt = 0;
  wireBytes = 0;

  constructor(role: "host" | "board", options: LineOptions) {
    const { window = 8_192, silenceMs } = options;
    const deliver = (bytes: Uint8Array) => this.received.push(bytes);
    this.link = new ReliableLink({ role, session: 77, window, silenceMs, deliver }, 0);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }
}

export class LossyLine {
  readonly host: End;
  readonly board: End;
  readonly #options: LineOptions;
  now = 0;

  constructor(options: LineOptions) {
    this.#options = options;
    this.host = new End("host", options);
    this.board = new End("board", options);
  }

  /** Runs until `done` says so. Throws when the simulated time goes beyond `limitMs`. */
  run(done: () => boolean, limitMs: number): void {
    while (!done()) {
      this.#send(this.host, this.board);
      this.#send(this.board, this.host);
      if (done()) return;
      const next = this.#nextEvent();
      if (next === undefined) throw new Error(`the line went quiet at ${this.now} ms before the end`);
      this.now = Math.max(this.now, next);
      if (this.now > limitMs) throw new Error(`not done after ${limitMs} ms: ${this.#summary()}`);
      this.#receive(this.host);
      this.#receive(this.board);
    }
  }

  #nextEvent(): number | undefined {
    const times: number[] = [];
    for (const end of [this.host, this.board]) {
      if (end.arrivals.length > 0) times.push(end.arrivals[0].at);
      // A busy line is polled again when it is free.
      if (end.freeAt > this.now) times.push(end.freeAt);
      else if (end.link.wakeAt !== undefined) times.push(end.link.wakeAt);
    }
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  #send(from: End, to: End): void {
    while (from.freeAt <= this.now) {
      const packet = from.link.poll(this.now);
      if (packet === undefined) return;
      const bytes = slipEncode(encodePacket(packet), false);
      from.wireBytes += bytes.length;
      from.freeAt = this.now + (bytes.length / this.#options.bytesPerSecond) * 1_000;
      const at = from.freeAt + (this.#options.latencyMs ?? 2);
      const cut = this.#options.cuts?.some((gap) => at >= gap.from && at < gap.to);
      if (!cut) to.arrivals.push({ at, bytes: this.#damage(bytes) });
    }
  }

  #damage(bytes: Uint8Array): Uint8Array {
    const { random, corrupt = 0, drop = 0 } = this.#options;
    if (corrupt === 0 && drop === 0) return bytes;
    const kept: number[] = [];
    for (const byte of bytes) {
      if (random.next() < drop) continue;
      kept.push(random.next() < corrupt ? byte ^ random.integer(1, 255) : byte);
    }
    return Uint8Array.from(kept);
  }

  #receive(end: End): void {
    while (end.arrivals.length > 0 && end.arrivals[0].at <= this.now) {
      const { bytes } = end.arrivals.shift()!;
      end.decoder.push(bytes, (packet) => {
        const parsed = parsePacket(packet);
        if (parsed) end.link.receive(parsed, this.now);
      });
    }
  }

  #summary(): string {
    return JSON.stringify([this.host.link.statistics, this.board.link.statistics]);
  }
}
