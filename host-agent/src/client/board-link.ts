/**
 * The connection to one board: handshake, heartbeat, and opening the link again when it was lost. Given a function
 * that makes transports instead of one transport, a link that breaks is a pause and not the end.
 */
import { randomBytes } from "node:crypto";
import { type Answer, Connection } from "@sluice/board-firmware/connection";
import { HostEnd, type HostKeys } from "@sluice/board-firmware/security";
import type { Transport } from "@sluice/board-firmware/transport";
import { SluiceError, TransportError } from "@sluice/sdk/errors.js";
import {
  agreeOnVersion,
  bye,
  type Exchange,
  type HelloReply,
  type HelloRequest,
  hello,
  ownVersions,
  ping,
} from "@sluice/sdk/protocol";
import { userKeyRing } from "../pairing/key-ring.js";
import { hostName } from "./host-name.js";

export interface ConnectOptions {
  /** Who this host is, for the answer others get while it holds the board. Default user@host (pid). */
  readonly client?: string;
  /** The keys of this host. Default the user's. */
  readonly keys?: HostKeys;
  /** Talk to a board that proves nothing although it is not on this machine. Default false. */
  readonly insecure?: boolean;
  /** False: look only (status, list). Default true. */
  readonly hold?: boolean;
  /** For opening the link and for the handshake. Default 5,000 ms. */
  readonly connectMs?: number;
  /** For every answer, on top of transfer times. Default 10,000 ms. */
  readonly deadlineMs?: number;
  /** For answers that wait for the device (install, run, dump). Default 120,000 ms. */
  readonly workMs?: number;
  /** How long to try to get a lost link back, where it can be opened again. Default 30,000 ms. */
  readonly reconnectMs?: number;
  /** 16 bytes that identify this host across connections; a lost link's hold is taken over with them. */
  readonly clientId?: Uint8Array;
  /** A lost link is being opened again. */
  readonly onReconnect?: (reason: TransportError) => void;
}

/** One transport, or a function that makes a new one for every attempt. */
export type LinkSource = Transport | (() => Transport);

const RELEASE = "0.1.0";
const RETRY_MS = 250;
/** Heartbeats in a row that may go unanswered; one may be late because this process was busy. */
const MOST_MISSED = 1;
/** The link ended; `idle` where the board heard nothing through it and ended it first. */
const LOST: ReadonlySet<string> = new Set(["disconnected", "idle"]);
/** A link that is lost more often than this in one piece of work is not worth having. */
const MOST_RECONNECTS = 1_000;

export class BoardLink {
  readonly #source: LinkSource;
  readonly #options: ConnectOptions;
  readonly #greeting: HelloRequest;
  #connection: Connection;
  #hello: HelloReply;
  #heartbeat: NodeJS.Timeout;
  #missedHeartbeats = 0;
  #closed = false;

  /** @throws {TransportError} @throws {ProtocolError} as BoardClient.connect */
  static async open(source: LinkSource, options: ConnectOptions): Promise<BoardLink> {
    const greeting: HelloRequest = {
      protocol: ownVersions,
      client: (options.client ?? `${hostName()} (${process.pid})`).slice(0, 255),
      clientId: options.clientId ?? new Uint8Array(randomBytes(16)),
      hold: options.hold ?? true,
      release: RELEASE,
    };
    const { connection, reply } = await greet(source, greeting, options);
    return new BoardLink(source, options, greeting, connection, reply);
  }

  private constructor(
    source: LinkSource,
    options: ConnectOptions,
    greeting: HelloRequest,
    connection: Connection,
    reply: HelloReply,
  ) {
    this.#source = source;
    this.#options = options;
    this.#greeting = greeting;
    this.#connection = connection;
    this.#hello = reply;
    this.#heartbeat = setInterval(() => this.#ping(), reply.limits.idleMs / 3);
    this.#heartbeat.unref();
  }

  get hello(): HelloReply {
    return this.#hello;
  }

  get connection(): Connection {
    return this.#connection;
  }

  get deadlineMs(): number {
    return this.#options.deadlineMs ?? 10_000;
  }

  get workMs(): number {
    return this.#options.workMs ?? 120_000;
  }

  /** Asks without an attachment. Errors as Connection.request. */
  async ask<Request, Reply>(
    exchange: Exchange<Request, Reply>,
    request: Request,
    deadlineMs = this.deadlineMs,
  ): Promise<Reply> {
    return (await this.#connection.request(exchange, request, { deadlineMs })).body;
  }

  /** Asks with one. */
  send<Request, Reply>(
    exchange: Exchange<Request, Reply>,
    request: Request,
    attachment: Uint8Array,
    deadlineMs = this.deadlineMs,
  ): Promise<Answer<Reply>> {
    return this.#connection.request(exchange, request, { attachment, deadlineMs });
  }

  /** Does `work`, again from its start when the link was lost in it and could be opened again. */
  async surviving<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= MOST_RECONNECTS) throw error;
        await this.recover(error);
      }
    }
  }

  /** Opens the link again after `error`; throws it when it was not a lost link or the link cannot come back. */
  async recover(error: unknown): Promise<void> {
    if (!(error instanceof TransportError) || !LOST.has(error.code)) throw error;
    if (this.#closed || typeof this.#source !== "function") throw error;
    this.#options.onReconnect?.(error);
    await this.#connection.close();
    const giveUpAt = performance.now() + (this.#options.reconnectMs ?? 30_000);
    for (;;) {
      try {
        const found = await greet(this.#source, this.#greeting, this.#options);
        this.#connection = found.connection;
        this.#checkSame(found.reply);
        this.#hello = found.reply;
        return;
      } catch (failure) {
        if (!(failure instanceof TransportError) || failure.code === "other-board") throw failure;
        if (performance.now() > giveUpAt || this.#closed) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    if (this.#connection.open) {
      try {
        await this.ask(bye, {}, 1_000);
      } catch (error) {
        // The link is going anyway; a board that did not hear the goodbye notices by its idle clock.
        if (!(error instanceof SluiceError)) throw error;
      }
    }
    await this.#connection.close();
  }

  #checkSame({ board, geometry }: HelloReply): void {
    const before = this.#hello;
    if (board.name === before.board.name && geometry === before.geometry) return;
    throw new TransportError("other-board", "Another board answers on this link than before.", {
      place: this.#connection.transport.describe(),
      expected: `${before.board.name} (${before.geometry})`,
      found: `${board.name} (${geometry})`,
      hint: "Plug the cable back into the board the work began on, or start again.",
    });
  }

  /** A dead link makes no sound: without this a long run on an unplugged board would wait for its whole deadline. */
  #ping(): void {
    const connection = this.#connection;
    if (!connection.open) return;
    connection.request(ping, {}, { deadlineMs: this.#hello.limits.idleMs / 3 }).then(
      () => {
        this.#missedHeartbeats = 0;
      },
      (error: unknown) => {
        if (!(error instanceof TransportError) || error.code !== "timeout") return;
        this.#missedHeartbeats += 1;
        if (this.#missedHeartbeats <= MOST_MISSED || connection !== this.#connection) return;
        this.#missedHeartbeats = 0;
        void connection.fail(silent(connection));
      },
    );
  }
}

function silent(connection: Connection): TransportError {
  return new TransportError("disconnected", "The board does not answer any more.", {
    place: `${connection.peer} on ${connection.transport.describe()}`,
    found: "no answer to the last heartbeats",
    hint: "Check cable and power of the board, then run the command again; what had arrived is kept.",
  });
}

async function greet(source: LinkSource, greeting: HelloRequest, options: ConnectOptions) {
  const { keys = userKeyRing(), insecure, connectMs = 5_000 } = options;
  const transport = typeof source === "function" ? source() : source;
  const connection = new Connection(new HostEnd(transport, { keys, insecure }), { peer: "board" });
  await connection.start(connectMs);
  try {
    const { body } = await connection.request(hello, greeting, { deadlineMs: connectMs });
    agreeOnVersion(ownVersions, body.protocol, body.board.name);
    connection.peer = `board ${body.board.name}`;
    return { connection, reply: body };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
