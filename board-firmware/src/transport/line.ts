/** Packets of the reliable link over a raw serial transport: SLIP on, SLIP off, and one link driven in real time. */
import {
  encodePacket,
  MAX_PACKET,
  MAX_WINDOW,
  type Packet,
  parsePacket,
  type ReliableLink,
  SlipDecoder,
  slipEncode,
} from "@sluice/sdk/protocol";
import type { Transport } from "./transport.js";

/** Packets wait here rather than in the port's buffers, so that what must be sent again need not queue behind them. */
const LINE_BACKLOG = 1_536;
/** After this much silence a leading END closes whatever noise has collected. */
const NOISE_MS = 50;
/** Seconds of the line that may be in flight. */
const WINDOW_SECONDS = 0.7;

export function windowFor(bytesPerSecond: number): number {
  return Math.min(MAX_WINDOW, Math.max(8_192, Math.round(bytesPerSecond * WINDOW_SECONDS)));
}

/** One monotonic clock for all links of the process, in milliseconds. */
export function clock(): number {
  return performance.now();
}

export class PacketLine {
  readonly raw: Transport;
  readonly #decoder = new SlipDecoder(MAX_PACKET);
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(raw: Transport) {
    this.raw = raw;
  }

  /** Intact packets in these bytes. Their payloads are views that are valid only during the call. */
  take(bytes: Uint8Array, onPacket: (packet: Packet) => void): void {
    this.#decoder.push(bytes, (slip) => {
      const packet = parsePacket(slip);
      if (packet) onPacket(packet);
    });
  }

  get full(): boolean {
    return this.raw.backlog > LINE_BACKLOG;
  }

  send(packet: Packet): void {
    const now = clock();
    this.raw.send(slipEncode(encodePacket(packet), now - this.#sentAt > NOISE_MS));
    this.#sentAt = now;
  }
}

/** Polls a link whenever the line has room or its clock says so. */
export class LinkPump {
  readonly #line: PacketLine;
  readonly #link: ReliableLink;
  readonly #onClosed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(line: PacketLine, link: ReliableLink, onClosed: () => void) {
    this.#line = line;
    this.#link = link;
    this.#onClosed = onClosed;
  }

  run(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    while (!this.#line.full) {
      const packet = this.#link.poll(clock());
      if (packet === undefined) break;
      this.#line.send(packet);
    }
    if (this.#link.state === "closed") {
      this.stop();
      this.#onClosed();
      return;
    }
    const { wakeAt } = this.#link;
    if (wakeAt === undefined || this.#line.full) return;
    this.#timer = setTimeout(() => this.run(), Math.max(1, wakeAt - clock()));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
