/**
 * The reliable link: an ordered stream of bytes in both directions over a line that loses and damages bytes but does
 * not reorder them. Pure computation: packets go in with `receive`, come out with `poll`, and `wakeAt` says when to
 * poll again although nothing happened. Times are in milliseconds of one monotonic clock.
 *
 * The host opens with a session number of its choice; packets of other sessions are remains of earlier connections
 * and are ignored. docs/protocol.md, "Serial".
 */
import { LINK_VERSION, MAX_PAYLOAD, type Packet } from "./packets.js";
import { ReliableReceiver } from "./receiver.js";
import { ReliableSender } from "./sender.js";

/** Offsets in acknowledgements are 16 bits wide. */
export const MAX_WINDOW = 0xffff;

export type LinkState = "opening" | "open" | "closing" | "closed";
/** Why a link is closed: in order, by silence, or because the other end speaks another version of it. */
export type LinkEnd = "closed" | "silent" | "link-version";

export interface LinkOptions {
  /** The host opens, the board is opened. */
  readonly role: "host" | "board";
  /** 1..65535. */
  readonly session: number;
  /** Bytes in flight in each direction; at most MAX_WINDOW. */
  readonly window: number;
  /** An end that hears nothing for this long while it waits for something gives up. Default 10,000 ms. */
  readonly silenceMs?: number;
  /** Default 100 ms. */
  readonly ackDelayMs?: number;
  /** Receives the stream in order. */
  readonly deliver: (bytes: Uint8Array) => void;
}

export interface LinkStatistics {
  readonly deliveredBytes: number;
  readonly acknowledgedBytes: number;
  readonly repeatedBytes: number;
  readonly lostPackets: number;
  /** Data bytes a packet carries now. */
  readonly payload: number;
  readonly byteErrorRate: number;
}

const OPEN_INTERVAL_MS = 250;
const DEFAULT_SILENCE_MS = 10_000;
const DEFAULT_ACK_DELAY_MS = 100;
/** CLOSE is not acknowledged; it is sent more than once because a packet may be lost. */
const CLOSE_COPIES = 3;
/** Time a closing end goes on serving what is under way. */
const LINGER_MS = 2_000;

export class ReliableLink {
  readonly session: number;
  readonly #options: LinkOptions;
  readonly #sender: ReliableSender;
  readonly #receiver: ReliableReceiver;
  #state: LinkState;
  #end: LinkEnd | undefined;
  #heardAt: number;
  /** Since when the peer owes an answer; undefined while it owes none. */
  #waitingSince: number | undefined;
  #openAt: number | undefined;
  #openedOwed = false;
  #closeCopies = 0;
  #closeBy = 0;

  constructor(options: LinkOptions, now: number) {
    if (options.window > MAX_WINDOW || options.window < 2 * MAX_PAYLOAD) {
      throw new RangeError(`window must be ${2 * MAX_PAYLOAD}..${MAX_WINDOW}, not ${options.window}`);
    }
    this.#options = options;
    this.session = options.session;
    const ackDelayMs = options.ackDelayMs ?? DEFAULT_ACK_DELAY_MS;
    this.#sender = new ReliableSender(options.window, ackDelayMs);
    this.#receiver = new ReliableReceiver({
      window: options.window,
      ackDelayMs,
      deliver: options.deliver,
    });
    this.#state = options.role === "host" ? "opening" : "open";
    this.#heardAt = now;
    if (options.role === "host") this.#openAt = now;
    else this.#openedOwed = true;
    this.#waitingSince = options.role === "host" ? now : undefined;
  }

  get state(): LinkState {
    return this.#state;
  }

  get end(): LinkEnd | undefined {
    return this.#end;
  }

  /** Bytes written and not yet acknowledged. */
  get backlog(): number {
    return this.#sender.backlog;
  }

  get statistics(): LinkStatistics {
    return {
      deliveredBytes: this.#receiver.delivered,
      acknowledgedBytes: this.#sender.acknowledged,
      repeatedBytes: this.#sender.repeatedBytes,
      lostPackets: this.#sender.lostPackets,
      payload: this.#sender.quality.payload,
      byteErrorRate: this.#sender.quality.byteErrorRate,
    };
  }

  /** Queues bytes without copying them. Ignored once the link is closing. */
  write(bytes: Uint8Array): void {
    if (this.#state === "opening" || this.#state === "open") this.#sender.write(bytes);
  }

  /** Sends what is queued as long as the peer takes it, then says goodbye. */
  close(now: number): void {
    if (this.#state === "closed" || this.#state === "closing") return;
    if (this.#state === "opening") {
      this.#finish("closed");
      return;
    }
    this.#state = "closing";
    this.#closeBy = now + LINGER_MS;
    this.#closeCopies = CLOSE_COPIES;
  }

  /** An intact packet that came in. Packets of other sessions are ignored. */
  receive(packet: Packet, now: number): void {
    if (this.#state === "closed" || packet.session !== this.session) return;
    this.#heardAt = now;
    switch (packet.kind) {
      case "open":
        // Our OPENED was lost. (The board's side hands a new session to a new link before it gets here.)
        if (this.#options.role === "board") this.#openedOwed = true;
        break;
      case "opened":
        this.#takeOpened(packet.version);
        break;
      case "data":
        if (this.#state !== "opening") {
          this.#receiver.take(packet.number, packet.offset, packet.payload, packet.push, now);
        }
        break;
      case "ack":
        this.#sender.acknowledge(packet, now);
        break;
      case "close":
        this.#finish("closed");
        break;
    }
    this.#noteWaiting(now);
  }

  /** The next packet to send at this moment, or undefined. Call until undefined. */
  poll(now: number): Packet | undefined {
    if (this.#state === "closed") return undefined;
    if (this.#state === "opening") return this.#pollOpening(now);
    if (this.#openedOwed) {
      this.#openedOwed = false;
      return this.#greeting("opened");
    }
    this.#checkSilence(now);
    if (this.end !== undefined) return undefined;
    if (this.#receiver.ackAt !== undefined && this.#receiver.ackAt <= now) {
      return { kind: "ack", session: this.session, ...this.#receiver.acknowledgement() };
    }
    this.#sender.expire(now);
    const outgoing = this.#sender.next(now);
    this.#noteWaiting(now);
    if (outgoing) {
      const { number, offset, payload, push } = outgoing;
      return { kind: "data", session: this.session, number, offset: offset >>> 0, payload, push };
    }
    return this.#state === "closing" ? this.#pollClosing(now) : undefined;
  }

  /** When `poll` should be called next although nothing came in; undefined = not before something does. */
  get wakeAt(): number | undefined {
    if (this.#state === "closed") return undefined;
    const times = [this.#openAt, this.#receiver.ackAt, this.#sender.expiresAt];
    if (this.#waitingSince !== undefined) times.push(this.#silentAt);
    if (this.#state === "closing") times.push(this.#closeBy);
    const due = times.filter((time) => time !== undefined);
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  #pollOpening(now: number): Packet | undefined {
    this.#checkSilence(now);
    if (this.end !== undefined || this.#openAt === undefined || now < this.#openAt) return undefined;
    this.#openAt = now + OPEN_INTERVAL_MS;
    return this.#greeting("open");
  }

  #pollClosing(now: number): Packet | undefined {
    if (this.#sender.backlog > 0 && now < this.#closeBy) return undefined;
    if (this.#closeCopies === 0) {
      this.#finish("closed");
      return undefined;
    }
    this.#closeCopies -= 1;
    return { kind: "close", session: this.session };
  }

  #takeOpened(version: number): void {
    if (this.#state !== "opening") return;
    if (version !== LINK_VERSION) {
      this.#finish("link-version");
      return;
    }
    this.#state = "open";
    this.#openAt = undefined;
  }

  #greeting(kind: "open" | "opened"): Packet {
    return { kind, session: this.session, version: LINK_VERSION, window: this.#options.window };
  }

  get #silentAt(): number {
    const since = Math.max(this.#waitingSince ?? 0, this.#heardAt);
    return since + (this.#options.silenceMs ?? DEFAULT_SILENCE_MS);
  }

  #checkSilence(now: number): void {
    if (this.#waitingSince !== undefined && now >= this.#silentAt) this.#finish("silent");
  }

  #noteWaiting(now: number): void {
    const waiting = this.#state === "opening" || this.#sender.inFlight;
    this.#waitingSince = waiting ? (this.#waitingSince ?? now) : undefined;
  }

  #finish(end: LinkEnd): void {
    this.#state = "closed";
    this.#end ??= end;
  }
}
