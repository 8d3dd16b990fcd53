/**
 * Messages over a reliable transport: numbers frames, matches replies with requests, enforces deadlines and limits.
 * Both ends use it; the host asks, the board answers.
 */
import { ProtocolError, type SluiceError, TransportError } from "@sluice/sdk/errors.js";
import { crc32c } from "@sluice/sdk/overlay/crc32c.js";
import {
  decodeError,
  decodeReply,
  type Exchange,
  encodeCrc,
  encodeError,
  encodeFrame,
  encodeReply,
  encodeRequest,
  type FrameHeader,
  type FrameLimits,
  FrameReader,
  frameFlags,
} from "@sluice/sdk/protocol";
import type { Transport } from "../transport/transport.js";

/** Takes the attachment of a frame while it arrives. */
export interface AttachmentReceiver {
  /** A view that is valid only during the call. */
  piece(bytes: Uint8Array): void;
  /** All of it is there and, where it has a CRC, intact. */
  end(): void;
  /** The link ended first; `end` will not come. */
  abandoned(): void;
}

export interface ConnectionOptions {
  /** Whom error messages name: "board kv260-1". */
  readonly peer: string;
  /** Before the handshake: small bodies and no attachments. */
  readonly limits?: FrameLimits;
  /** The board's side: called with every request, in the order of the stream. */
  readonly onRequest?: (header: FrameHeader, body: Uint8Array) => AttachmentReceiver;
  /** Called once, when the connection has ended for whatever reason. */
  readonly onClose?: (error?: SluiceError) => void;
  /** Bytes arrived; for the board's idle clock. */
  readonly onActivity?: () => void;
}

export interface RequestOptions {
  readonly attachment?: Uint8Array;
  /** From the moment the request is handed to the link, transfer times at the link's rate added. */
  readonly deadlineMs: number;
  /** Largest attachment of the reply that is expected; default the exchange's limit. */
  readonly replyBytes?: number;
}

export interface Answer<Reply> {
  readonly body: Reply;
  readonly attachment: Uint8Array;
}

/** A noisy line repeats much of what it carries; a link this much slower than nominal is still one that works. */
const SLOWEST = 4;

interface Pending {
  readonly exchange: Exchange<unknown, unknown>;
  readonly resolve: (answer: Answer<unknown>) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
  readonly replyBytes: number;
}

export class Connection {
  readonly transport: Transport;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  #receiver: AttachmentReceiver | undefined;
  #sequence = 0;
  #nextId = 1;
  #state: "new" | "open" | "closed" = "new";
  #ending: SluiceError | undefined;
  #waiting: (() => void)[] = [];
  peer: string;

  constructor(transport: Transport, options: ConnectionOptions) {
    this.transport = transport;
    this.#options = options;
    this.peer = options.peer;
    this.#reader = new FrameReader(
      {
        frame: (header, body) => {
          this.#receiver = this.#startFrame(header, body);
        },
        attachment: (piece) => this.#receiver?.piece(piece),
        end: () => {
          const receiver = this.#receiver;
          this.#receiver = undefined;
          receiver?.end();
        },
      },
      options.limits,
    );
  }

  get open(): boolean {
    return this.#state === "open";
  }

  /** @throws {TransportError} what the transport's `open` throws */
  async start(deadlineMs: number): Promise<void> {
    await this.transport.open(
      {
        data: (bytes) => this.#take(bytes),
        drain: () => this.#wake(),
        closed: (error) => this.#finish(error),
      },
      deadlineMs,
    );
    this.#state = "open";
  }

  setLimits(limits: FrameLimits): void {
    this.#reader.setLimits(limits);
  }

  /**
   * Asks and waits for the answer. Several requests may be under way at once.
   * @throws {TransportError} `timeout`, `disconnected`
   * @throws {SluiceError} what the board reports, in the class in which it was thrown there
   */
  async request<Request, Reply>(
    exchange: Exchange<Request, Reply>,
    request: Request,
    options: RequestOptions,
  ): Promise<Answer<Reply>> {
    const body = encodeRequest(exchange, request);
    await this.room();
    const id = this.#nextId;
    this.#nextId = this.#nextId === 0xffff_ffff ? 1 : this.#nextId + 1;
    const replyBytes = options.replyBytes ?? exchange.replyAttachment;
    const attachment = options.attachment ?? new Uint8Array(0);
    const bytes = this.transport.backlog + body.length + attachment.length + replyBytes;
    const transferMs = (bytes / this.transport.bytesPerSecond) * 1000;
    const deadlineMs = options.deadlineMs + SLOWEST * transferMs;
    const answer = new Promise<Answer<unknown>>((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(id, exchange.name, deadlineMs), deadlineMs);
      this.#pending.set(id, { exchange, resolve, reject, timer, replyBytes });
    });
    this.#sendFrame(exchange, id, 0, body, attachment);
    // The reply has passed the exchange's own schema before it gets here.
    return answer as Promise<Answer<Reply>>;
  }

  reply<Reply>(
    to: FrameHeader,
    exchange: Exchange<unknown, Reply>,
    reply: Reply,
    attachment?: Uint8Array,
  ): void {
    this.#sendFrame(exchange, to.id, frameFlags.REPLY, encodeReply(exchange, reply), attachment);
  }

  /** Answers a request with an error; the connection stays. */
  replyError(to: { readonly id: number; readonly code: number }, error: unknown): void {
    this.#sendFrame(
      { code: to.code, attachmentCheck: "crc32c" },
      to.id,
      frameFlags.REPLY | frameFlags.ERROR,
      encodeError(error),
    );
  }

  /** Resolves when the link has room for more. @throws {TransportError} `disconnected` */
  async room(): Promise<void> {
    while (this.#state === "open" && this.transport.backlog > this.transport.highWaterBytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#state !== "open") throw this.#ending ?? this.#disconnected();
  }

  /** Tells the other end why, then hangs up. */
  async fail(error: SluiceError): Promise<void> {
    if (this.#state === "open") this.replyError({ id: 0, code: 0 }, error);
    this.#ending ??= error;
    await this.close();
  }

  async close(): Promise<void> {
    await this.transport.close();
    this.#finish();
  }

  #sendFrame(
    exchange: Pick<Exchange<unknown, unknown>, "code" | "attachmentCheck">,
    id: number,
    flags: number,
    body: Uint8Array,
    attachment: Uint8Array = new Uint8Array(0),
  ): void {
    const checksummed = attachment.length > 0 && exchange.attachmentCheck === "crc32c";
    const header = {
      code: exchange.code,
      flags: checksummed ? flags | frameFlags.ATTACHMENT_CRC : flags,
      sequence: this.#sequence,
      id,
      attachmentBytes: attachment.length,
    };
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.transport.send(encodeFrame(header, body));
    if (attachment.length > 0) this.transport.send(attachment);
    if (checksummed) this.transport.send(encodeCrc(crc32c(attachment)));
  }

  #take(bytes: Uint8Array): void {
    if (this.#ending !== undefined) return;
    this.#options.onActivity?.();
    try {
      this.#reader.push(bytes);
    } catch (error) {
      const failure =
        error instanceof ProtocolError
          ? error
          : new ProtocolError("internal", "A message could not be handled.", {
              place: this.peer,
              cause: error,
            });
      void this.fail(failure);
    }
  }

  #startFrame(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    if (header.flags & frameFlags.REPLY) return this.#startReply(header, body);
    if (this.#options.onRequest) return this.#options.onRequest(header, body);
    throw new ProtocolError("unexpected-frame", "The board asked a question; only hosts do.", {
      place: this.peer,
      found: `exchange 0x${header.code.toString(16)}`,
    });
  }

  #startReply(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    if (header.flags & frameFlags.ERROR) return this.#startError(header, body);
    const pending = this.#pending.get(header.id);
    // An answer that comes after its deadline is dropped; the connection is still in order.
    if (pending === undefined) return discard;
    if (pending.exchange.code !== header.code || header.attachmentBytes > pending.replyBytes) {
      throw new ProtocolError("unexpected-frame", "An answer does not fit its question.", {
        place: this.peer,
        expected: `${pending.exchange.name} with at most ${pending.replyBytes} bytes`,
        found: `exchange 0x${header.code.toString(16)} with ${header.attachmentBytes} bytes`,
      });
    }
    const reply = decodeReply(pending.exchange, body);
    const attachment = new Uint8Array(header.attachmentBytes);
    let filled = 0;
    return {
      piece: (bytes) => {
        attachment.set(bytes, filled);
        filled += bytes.length;
      },
      end: () => this.#settle(header.id, (entry) => entry.resolve({ body: reply, attachment })),
      abandoned: () => undefined,
    };
  }

  #startError(header: FrameHeader, body: Uint8Array): AttachmentReceiver {
    const error = decodeError(body, this.peer);
    if (header.id === 0) {
      this.#ending = error;
      void this.close();
    } else {
      this.#settle(header.id, (entry) => entry.reject(error));
    }
    return discard;
  }

  #settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    how(pending);
  }

  #expire(id: number, name: string, deadlineMs: number): void {
    this.#settle(id, (pending) =>
      pending.reject(
        new TransportError("timeout", `The board did not answer "${name}" in time.`, {
          place: `${this.peer} on ${this.transport.describe()}`,
          expected: `an answer within ${(deadlineMs / 1000).toFixed(1)} s`,
          found: "nothing",
          hint: "Check cable and power of the board; `sluice boards` shows which boards answer.",
        }),
      ),
    );
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  #finish(error?: SluiceError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#ending ??= error;
    this.#receiver?.abandoned();
    this.#receiver = undefined;
    const reason = this.#ending ?? this.#disconnected();
    for (const id of [...this.#pending.keys()]) this.#settle(id, (entry) => entry.reject(reason));
    this.#wake();
    this.#options.onClose?.(this.#ending);
  }

  #disconnected(): TransportError {
    return new TransportError("disconnected", "The link to the board ended.", {
      place: `${this.peer} on ${this.transport.describe()}`,
      hint: "Check cable and power of the board, then run the command again; what had arrived is kept.",
    });
  }
}

const discard: AttachmentReceiver = {
  piece: () => undefined,
  end: () => undefined,
  abandoned: () => undefined,
};
