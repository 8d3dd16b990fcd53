/**
 * A transport that loses nothing, over one that may: the reliable link of sdk/protocol/reliable, driven in real time.
 * The host opens with `reliableTransport`; the board's end comes out of a `SerialAcceptor`.
 */
import { randomInt } from "node:crypto";
import { TransportError } from "@sluice/sdk/errors.js";
import { LINK_VERSION, type LinkStatistics, type Packet, ReliableLink } from "@sluice/sdk/protocol";
import { clock, LinkPump, PacketLine, windowFor } from "./line.js";
import { type SerialAddress, SerialTransport } from "./serial.js";
import type { Transport, TransportCounters, TransportHandlers } from "./transport.js";

export interface ReliableOptions {
  /** An end that waits and hears nothing for this long gives the link up. Default 10,000 ms. */
  readonly silenceMs?: number;
}

/** A serial port ready for messages. */
export function serialTransport(address: SerialAddress, options: ReliableOptions = {}): ReliableTransport {
  return reliableTransport(new SerialTransport(address), options);
}

/** The host's end over any raw transport. */
export function reliableTransport(raw: Transport, options: ReliableOptions = {}): ReliableTransport {
  return new ReliableTransport(new PacketLine(raw), "host", randomInt(1, 0x1_0000), options);
}

export class ReliableTransport implements Transport {
  readonly kind: Transport["kind"];
  readonly reliable = true;
  readonly bytesPerSecond: number;
  readonly highWaterBytes: number;
  readonly #line: PacketLine;
  readonly #role: "host" | "board";
  readonly #silenceMs: number | undefined;
  readonly #session: number;
  #link: ReliableLink | undefined;
  #pump: LinkPump | undefined;
  #handlers: TransportHandlers | undefined;
  #opened: (() => void) | undefined;
  #failure: TransportError | undefined;
  #finished: (() => void)[] = [];
  #closed = false;

  constructor(line: PacketLine, role: "host" | "board", session: number, options: ReliableOptions) {
    this.#line = line;
    this.#role = role;
    this.#session = session;
    this.#silenceMs = options.silenceMs;
    this.kind = line.raw.kind;
    this.bytesPerSecond = line.raw.bytesPerSecond;
    this.highWaterBytes = 2 * windowFor(this.bytesPerSecond);
  }

  describe(): string {
    return this.#line.raw.describe();
  }

  get session(): number {
    return this.#session;
  }

  /** Undefined before `open`. */
  get statistics(): LinkStatistics | undefined {
    return this.#link?.statistics;
  }

  get backlog(): number {
    return this.#link?.backlog ?? 0;
  }

  /** Of the raw line: every byte of every packet. */
  get counters(): TransportCounters {
    return this.#line.raw.counters;
  }

  async open(handlers: TransportHandlers, deadlineMs: number): Promise<void> {
    const startedAt = clock();
    if (this.#role === "host") await this.#openLine(deadlineMs);
    this.#link = new ReliableLink(
      {
        role: this.#role,
        session: this.#session,
        window: windowFor(this.bytesPerSecond),
        silenceMs: this.#silenceMs,
        deliver: (bytes) => this.#handlers?.data(bytes),
      },
      clock(),
    );
    this.#pump = new LinkPump(this.#line, this.#link, () => this.#finish());
    if (this.#role === "host") await this.#awaitOpened(deadlineMs - (clock() - startedAt), deadlineMs);
    this.#handlers = handlers;
    this.#pump.run();
  }

  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#closed) return;
    this.#link?.write(bytes);
    this.#pump?.run();
  }

  async close(): Promise<void> {
    const link = this.#link;
    if (link === undefined || this.#closed) {
      if (this.#role === "host") await this.#line.raw.close();
      return;
    }
    const done = new Promise<void>((resolve) => this.#finished.push(resolve));
    link.close(clock());
    this.#pump?.run();
    await done;
    if (this.#role === "host") await this.#line.raw.close();
  }

  /** A packet of this session arrived. */
  take(packet: Packet): void {
    const link = this.#link;
    if (link === undefined) return;
    const before = link.backlog;
    link.receive(packet, clock());
    if (link.state === "open") this.#opened?.();
    this.#pump?.run();
    if (link.backlog < before) this.#handlers?.drain();
  }

  /** The raw line has room again. */
  wake(): void {
    this.#pump?.run();
  }

  /** The line itself ended, or the host opened another session on it. */
  lose(reason: TransportError | undefined): void {
    this.#failure ??= reason;
    this.#finish();
  }

  #openLine(deadlineMs: number): Promise<void> {
    return this.#line.raw.open(
      {
        data: (bytes) => this.#line.take(bytes, (packet) => this.take(packet)),
        drain: () => this.wake(),
        closed: (error) => this.lose(error),
      },
      deadlineMs,
    );
  }

  async #awaitOpened(leftMs: number, deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const opened = await new Promise<boolean>((resolve) => {
      this.#opened = () => resolve(true);
      this.#finished.push(() => resolve(false));
      timer = setTimeout(() => resolve(false), Math.max(0, leftMs));
      this.#pump?.run();
    });
    clearTimeout(timer);
    this.#opened = undefined;
    if (opened) return;
    const failure = this.#failure ?? this.#noAnswer(deadlineMs);
    this.#finish();
    await this.#line.raw.close();
    throw failure;
  }

  #noAnswer(deadlineMs: number): TransportError {
    if (this.#link?.end === "link-version") {
      return new TransportError("link-version", "The board's serial link is of another version.", {
        place: this.describe(),
        expected: `version ${LINK_VERSION}`,
        hint: "Update the older of the two ends.",
      });
    }
    return new TransportError("timeout", "No board answers on this serial port.", {
      place: this.describe(),
      expected: `an answer within ${deadlineMs} ms`,
      found: "nothing",
      hint: "Check that the runtime runs on the board (`sluice board --serial PORT`) and that both use the same baud rate.",
    });
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pump?.stop();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    for (const resolve of this.#finished.splice(0)) resolve();
    if (this.#role === "host") void this.#line.raw.close();
    handlers?.closed(this.#failure ?? this.#silence());
  }

  #silence(): TransportError | undefined {
    if (this.#link?.end !== "silent") return undefined;
    return new TransportError("disconnected", "The other end of the serial line fell silent.", {
      place: this.describe(),
      found: "no packet for several seconds",
      hint: "Check the cable and the board's power, then run the command again; what had arrived is kept.",
    });
  }
}

/**
 * The board's side of a serial port: hands out a transport for each session a host opens. A new session ends the one
 * before, because there is only one line.
 */
export class SerialAcceptor {
  readonly #line: PacketLine;
  readonly #options: ReliableOptions;
  readonly #onTransport: (transport: ReliableTransport) => void;
  readonly #onLost: (error?: TransportError) => void;
  #current: ReliableTransport | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(
    raw: Transport,
    onTransport: (transport: ReliableTransport) => void,
    onLost: (error?: TransportError) => void,
    options: ReliableOptions = {},
  ) {
    this.#line = new PacketLine(raw);
    this.#options = options;
    this.#onTransport = onTransport;
    this.#onLost = onLost;
  }

  /** @throws {TransportError} what the port's `open` throws */
  async open(deadlineMs: number): Promise<void> {
    await this.#line.raw.open(
      {
        data: (bytes) => this.#line.take(bytes, (packet) => this.#take(packet)),
        drain: () => this.#current?.wake(),
        closed: (error) => {
          this.#current?.lose(error);
          this.#onLost(error);
        },
      },
      deadlineMs,
    );
  }

  async close(): Promise<void> {
    await this.#current?.close();
    await this.#line.raw.close();
  }

  #take(packet: Packet): void {
    if (packet.session === this.#current?.session) {
      this.#current.take(packet);
    } else if (packet.kind === "open") {
      this.#open(packet.session, packet.version);
    } else if (packet.kind === "data" && clock() - this.#refusedAt > REFUSE_INTERVAL_MS) {
      // The host talks to a session of before a restart: tell it, so that it need not wait for silence.
      this.#refusedAt = clock();
      this.#line.send({ kind: "close", session: packet.session });
    }
  }

  #open(session: number, version: number): void {
    if (version !== LINK_VERSION) {
      this.#line.send({ kind: "opened", session, version: LINK_VERSION, window: 0 });
      return;
    }
    this.#current?.lose(
      new TransportError(
        "replaced",
        "A host opened the serial line anew; this older connection was closed.",
        {
          place: this.#line.raw.describe(),
        },
      ),
    );
    const transport = new ReliableTransport(this.#line, "board", session, this.#options);
    this.#current = transport;
    this.#onTransport(transport);
  }
}

const REFUSE_INTERVAL_MS = 200;
