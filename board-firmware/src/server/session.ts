/** One connection on the board's side: handshake, then requests until it ends. */
import { ProtocolError, SluiceError, TransportError } from "@sluice/sdk/errors.js";
import {
  agreeOnVersion,
  decodeRequest,
  type FrameHeader,
  frameFlags,
  type HelloReply,
  type HelloRequest,
  hello,
  MAX_BODY_BYTES,
  MAX_HELLO_BYTES,
  ownVersions,
  pair,
  toHex,
  upload,
} from "@sluice/sdk/protocol";
import type { Logger } from "pino";
import { type AttachmentReceiver, Connection } from "../connection/index.js";
import type { BoardEnd, LinkGuard } from "../security/index.js";
import type { Board } from "./board.js";
import { codecName } from "./codec-name.js";
import { handlerFor } from "./handlers.js";
import type { Holder } from "./hold.js";
import { receiveUpload } from "./upload-receiver.js";

export interface SessionOptions {
  readonly board: Board;
  readonly guard: LinkGuard;
  readonly limits: HelloReply["limits"];
  readonly log: Logger;
  readonly onEnd: (session: Session) => void;
}

const ignore: AttachmentReceiver = {
  piece: () => undefined,
  end: () => undefined,
  abandoned: () => undefined,
};

export class Session {
  readonly #options: SessionOptions;
  readonly #end: BoardEnd;
  readonly #connection: Connection;
  readonly #gone = new AbortController();
  readonly #openedAt = performance.now();
  #client: HelloRequest | undefined;
  #holder: Holder | undefined;
  #lastActivity = performance.now();
  #outstanding = 0;

  constructor(end: BoardEnd, options: SessionOptions) {
    this.#options = options;
    this.#end = end;
    this.#connection = new Connection(end, {
      peer: `host on ${end.describe()}`,
      limits: { bodyBytes: MAX_HELLO_BYTES, attachmentBytes: 0 },
      onRequest: (header, body) => this.#take(header, body),
      onActivity: () => {
        this.#lastActivity = performance.now();
      },
      onClose: (error) => this.#finish(error),
    });
  }

  start(deadlineMs: number): Promise<void> {
    return this.#connection.start(deadlineMs);
  }

  /** Ends a connection that has been silent too long. Work that is still going on counts as a sign of life. */
  checkIdle(now: number, handshakeMs: number): void {
    if (this.#client === undefined && now - this.#openedAt > handshakeMs) {
      void this.end(silent(handshakeMs, "a hello"));
    } else if (this.#outstanding === 0 && now - this.#lastActivity > this.#options.limits.idleMs) {
      void this.end(silent(this.#options.limits.idleMs, "a request or heartbeat"));
    }
  }

  async end(reason: SluiceError): Promise<void> {
    await this.#connection.fail(reason);
  }

  #take(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    if (this.#end.host?.purpose === "pairing") return this.#pair(header, body);
    if (header.code === hello.code) return this.#greet(header, body);
    if (this.#client === undefined) {
      throw new ProtocolError("handshake-first", "The first message of a connection must be a hello.", {
        expected: "hello (0x01)",
        found: `exchange 0x${header.code.toString(16)}`,
      });
    }
    if (this.#outstanding >= this.#options.limits.outstanding) {
      throw new ProtocolError("too-many-requests", "More requests are unanswered than was agreed.", {
        expected: `at most ${this.#options.limits.outstanding}`,
        hint: "Wait for answers before asking more.",
      });
    }
    this.#outstanding += 1;
    try {
      if (header.code === upload.code) return this.#startUpload(header, body);
      return this.#startRequest(header, body);
    } catch (error) {
      // The frame itself was sound: answer, skip its attachment, go on.
      return { ...ignore, end: () => this.#refuse(header, error) };
    }
  }

  #startRequest(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    const handler = handlerFor(header.code);
    if (handler === undefined) {
      throw new ProtocolError("unknown-exchange", "This board does not know what it was asked.", {
        found: `exchange 0x${header.code.toString(16)}`,
        hint: "Update the runtime on the board to the release of the host.",
      });
    }
    if (handler.needsHold) this.#checkHold(handler.exchange.name);
    this.#checkAttachment(header, handler.exchange.requestAttachment);
    const request = decodeRequest(handler.exchange, body);
    const attachment = new Uint8Array(header.attachmentBytes);
    let filled = 0;
    const { board, guard } = this.#options;
    const context = { board, guard, signal: this.#gone.signal, leave: () => this.#giveBack() };
    const work = async () => {
      if (this.#gone.signal.aborted) return;
      try {
        const result = await handler.handle(context, request, attachment);
        this.#connection.reply(header, handler.exchange, result.reply, result.attachment);
        this.#outstanding -= 1;
      } catch (error) {
        this.#refuse(header, error);
      }
      this.#lastActivity = performance.now();
    };
    return {
      piece: (bytes) => {
        attachment.set(bytes, filled);
        filled += bytes.length;
      },
      end: () => void (handler.immediate ? work() : board.exclusively(work)),
      abandoned: () => undefined,
    };
  }

  #startUpload(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    this.#checkHold(upload.name);
    const request = decodeRequest(upload, body);
    return receiveUpload(this.#options.board.store, request, (outcome) => {
      if (outcome instanceof SluiceError) {
        this.#refuse(header, outcome);
        return;
      }
      this.#connection.reply(header, upload, outcome);
      this.#outstanding -= 1;
    });
  }

  #greet(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    const { board, limits, log } = this.#options;
    let reply: HelloReply;
    try {
      const request = decodeRequest(hello, body);
      if (this.#client) throw new ProtocolError("unexpected-frame", "A second hello on one connection.");
      const version = agreeOnVersion(request.protocol, ownVersions, board.identity.name);
      if (request.hold) this.#acquire(request);
      this.#client = request;
      reply = this.#introduce(version);
    } catch (error) {
      // Without a handshake there is nothing to go on with: answer and hang up.
      this.#connection.replyError(header, error);
      void this.#connection.close();
      return ignore;
    }
    this.#connection.peer = `host ${this.#client.client}`;
    this.#connection.setLimits({
      bodyBytes: MAX_BODY_BYTES,
      attachmentBytes: this.#client.hold ? limits.attachmentBytes : 0,
    });
    log.info({ client: this.#client.client, hold: this.#client.hold }, "host connected");
    this.#connection.reply(header, hello, reply);
    return ignore;
  }

  /** The host proved the one-time code; now it is a paired one. */
  #pair(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    const { board, guard, log } = this.#options;
    try {
      if (header.code !== pair.code) {
        throw new ProtocolError("handshake-first", "A connection that pairs does nothing else.", {
          expected: "pair (0x02)",
          found: `exchange 0x${header.code.toString(16)}`,
        });
      }
      const { client } = decodeRequest(pair, body);
      const { id, pairingKey } = this.#end.host!;
      guard.access.addHost({ id, name: client }, pairingKey);
      log.warn({ client, host: id }, "paired with a host");
      this.#connection.reply(header, pair, { board: board.identity.name });
    } catch (error) {
      this.#connection.replyError(header, error);
    }
    void this.#connection.close();
    return ignore;
  }

  #introduce(version: number): HelloReply {
    const { board, limits } = this.#options;
    const { id, versionMajor, versionMinor, codecs } = board.runner.identify();
    const { geometry } = board.runner.device;
    return {
      protocol: ownVersions,
      version,
      board: board.identity,
      overlay: { id, version: versionMajor * 0x1_0000 + versionMinor },
      geometry: geometry.id,
      clockMHz: geometry.clockMHz,
      codecs: codecs.map(codecName),
      limits,
      storeFree: Math.max(0, board.store.capacityBytes - board.store.usedBytes),
      authentication: this.#end.host ? "pre-shared-key" : "none",
      demandsSignature: board.signatures !== undefined,
    };
  }

  #acquire(request: HelloRequest): void {
    const holder: Holder = {
      // Only the same host may take its hold over, whatever identifier another one sends.
      clientId: `${this.#end.host?.id ?? ""} ${toHex(request.clientId)}`,
      client: request.client,
      link: this.#connection.transport.describe(),
      since: performance.now(),
      release: (reason) => void this.end(reason),
    };
    this.#options.board.hold.acquire(holder);
    this.#holder = holder;
  }

  #giveBack(): void {
    if (this.#holder) this.#options.board.hold.giveBack(this.#holder);
    this.#holder = undefined;
  }

  #checkHold(exchange: string): void {
    if (this.#holder && this.#options.board.hold.holder === this.#holder) return;
    throw new TransportError("no-hold", `"${exchange}" needs the device, and this connection only looks.`, {
      hint: "Connect with hold: true.",
    });
  }

  #checkAttachment(header: FrameHeader, limit: number): void {
    if (header.attachmentBytes > limit) {
      throw new ProtocolError("frame-too-long", "This exchange takes no attachment of that size.", {
        expected: `at most ${limit} bytes`,
        found: `${header.attachmentBytes} bytes`,
      });
    }
    if (header.attachmentBytes > 0 && !(header.flags & frameFlags.ATTACHMENT_CRC)) {
      throw new ProtocolError("bad-flags", "The attachment of this exchange must carry its CRC.", {
        expected: "flag bit 2",
        found: `0x${header.flags.toString(16)}`,
      });
    }
  }

  #refuse(header: FrameHeader, error: unknown): void {
    const expected = error instanceof SluiceError;
    this.#options.log[expected ? "warn" : "error"]({ err: error, exchange: header.code }, "request refused");
    this.#connection.replyError(header, error);
    this.#outstanding -= 1;
  }

  #finish(error?: SluiceError): void {
    this.#gone.abort();
    this.#giveBack();
    this.#options.log.info({ client: this.#client?.client, reason: error?.code }, "host disconnected");
    this.#options.onEnd(this);
  }
}

function silent(milliseconds: number, what: string): TransportError {
  return new TransportError("idle", "The host was silent for too long; the board is free again.", {
    expected: `${what} within ${milliseconds} ms`,
    found: "nothing",
    hint: "Connect again.",
  });
}
