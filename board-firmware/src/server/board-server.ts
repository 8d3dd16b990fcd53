/** Serves a board on any number of transports at once; listeners/ hands them in as they come. */
import { randomBytes } from "node:crypto";
import { SluiceError, TransportError } from "@sluice/sdk/errors.js";
import type { HelloReply } from "@sluice/sdk/protocol";
import type { Logger } from "pino";
import { BoardEnd, LinkGuard, openAccess } from "../security/index.js";
import type { Transport } from "../transport/index.js";
import type { Board } from "./board.js";
import { Session } from "./session.js";

export interface BoardServerOptions {
  readonly board: Board;
  readonly log: Logger;
  readonly limits?: Partial<HelloReply["limits"]>;
  /** A connection that says nothing sensible for this long is closed. Default 5,000 ms. */
  readonly handshakeMs?: number;
  /** Connections at once, holders and lookers. Default 16. */
  readonly maxConnections?: number;
  /** Who may connect. Default everyone who reaches the links that are handed in. */
  readonly guard?: LinkGuard;
}

const HANDSHAKE_MS = 5_000;
/** Of the connections, those that have not proved themselves yet: strangers cannot take the places of all hosts. */
const MOST_UNPROVED = 8;
const IDLE_CHECK_MS = 500;

const defaultLimits: HelloReply["limits"] = {
  attachmentBytes: 4 * 1024 * 1024,
  outstanding: 8,
  frames: 1_024,
  idleMs: 30_000,
};

export class BoardServer {
  readonly #options: BoardServerOptions;
  readonly #limits: HelloReply["limits"];
  readonly guard: LinkGuard;
  readonly #sessions = new Set<Session>();
  readonly #idleTimer: NodeJS.Timeout;
  #lastCheck = performance.now();
  #unproved = 0;
  #closed = false;

  constructor(options: BoardServerOptions) {
    this.#options = options;
    this.guard = options.guard ?? new LinkGuard(openAccess(new Uint8Array(randomBytes(16))));
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#idleTimer = setInterval(() => this.#checkIdle(), IDLE_CHECK_MS);
    this.#idleTimer.unref();
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Takes over a transport that has not been opened. Never throws: a link that fails is logged. */
  async accept(transport: Transport): Promise<void> {
    const { board, log, handshakeMs = HANDSHAKE_MS } = this.#options;
    const link = transport.describe();
    const crowded = this.#unproved >= MOST_UNPROVED;
    if (this.#closed || crowded || this.#sessions.size >= (this.#options.maxConnections ?? 16)) {
      log.warn({ link }, "connection refused: too many");
      if (crowded) this.guard.refused("crowded");
      await transport.close();
      return;
    }
    const end = new BoardEnd(transport, this.guard);
    const session = new Session(end, {
      board,
      guard: this.guard,
      limits: this.#limits,
      log: log.child({ link }),
      onEnd: (ended) => this.#sessions.delete(ended),
    });
    this.#sessions.add(session);
    this.#unproved += 1;
    try {
      await session.start(handshakeMs);
    } catch (error) {
      this.#sessions.delete(session);
      // Strangers must not be able to fill the log with stack traces.
      const facts = error instanceof SluiceError ? { code: error.code } : { err: error };
      const level = error instanceof SluiceError && error.code === "too-fast" ? "debug" : "warn";
      log[level]({ ...facts, link }, "connection refused");
    } finally {
      this.#unproved -= 1;
    }
  }

  /** Tells every host, lets the device finish what it is doing, closes the store. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#idleTimer);
    const reason = new TransportError("shutting-down", "The board runtime is shutting down.", {
      hint: "Start it again, then run the command again.",
    });
    await Promise.all([...this.#sessions].map((session) => session.end(reason)));
    await this.#options.board.exclusively(() => this.#options.board.store.close());
  }

  #checkIdle(): void {
    const now = performance.now();
    // A device that works inside this process can hold the loop for seconds; what arrived meanwhile is still unread
    // then, and silence would be a wrong conclusion.
    const late = now - this.#lastCheck > 2 * IDLE_CHECK_MS;
    this.#lastCheck = now;
    if (late) return;
    for (const session of this.#sessions) session.checkIdle(now, this.#options.handshakeMs ?? HANDSHAKE_MS);
  }
}
