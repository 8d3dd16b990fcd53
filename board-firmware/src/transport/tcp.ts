/** TCP: one socket, either dialled (`tcpTransport`) or accepted (`acceptedTcp`); plain, or in TLS from some byte on. */
import { connect, type Socket } from "node:net";
import { type SluiceError, TransportError } from "@sluice/sdk/errors.js";
import { isLoopback } from "./loopback.js";
import { PacedWriter } from "./paced-writer.js";
import { releaseBuffer } from "./release-buffer.js";
import { asTampered, startTls } from "./tls.js";
import type { TlsEnd, Transport, TransportHandlers } from "./transport.js";

/** Where the board listens unless told otherwise. Unassigned at IANA. */
export const DEFAULT_TCP_PORT = 7420;

export interface TcpAddress {
  /** Name or address; default 127.0.0.1. */
  readonly host?: string;
  /** Default DEFAULT_TCP_PORT. */
  readonly port?: number;
}

export function tcpTransport(address: TcpAddress = {}): Transport {
  const host = address.host ?? "127.0.0.1";
  const port = address.port ?? DEFAULT_TCP_PORT;
  return new TcpTransport(`tcp ${host.includes(":") ? `[${host}]` : host}:${port}`, (deadlineMs) =>
    dial(host, port, deadlineMs),
  );
}

export function acceptedTcp(socket: Socket): Transport {
  return new TcpTransport(`tcp ${socket.remoteAddress}:${socket.remotePort}`, async () => socket);
}

class TcpTransport implements Transport {
  readonly kind = "tcp";
  readonly reliable = true;
  readonly bytesPerSecond = 10_000_000;
  readonly highWaterBytes = 4 * 1024 * 1024;
  readonly #name: string;
  readonly #obtain: (deadlineMs: number) => Promise<Socket>;
  #socket: Socket | undefined;
  #wire: Socket | undefined;
  #handlers: TransportHandlers | undefined;
  #writer: PacedWriter | undefined;
  #detach: () => void = () => undefined;
  #remoteAddress = "";
  #closed = false;

  constructor(name: string, obtain: (deadlineMs: number) => Promise<Socket>) {
    this.#name = name;
    this.#obtain = obtain;
  }

  describe(): string {
    return this.#name;
  }

  get local(): boolean {
    return isLoopback(this.#remoteAddress);
  }

  get remote(): string {
    return `tcp ${this.#remoteAddress}`;
  }

  async open(handlers: TransportHandlers, deadlineMs: number): Promise<void> {
    const socket = await this.#obtain(deadlineMs);
    this.#wire = socket;
    this.#remoteAddress = socket.remoteAddress ?? "";
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    this.#attach(socket, handlers);
  }

  async startTls(end: TlsEnd, deadlineMs: number): Promise<void> {
    const plain = this.#socket!;
    const handlers = this.#handlers!;
    this.#detach();
    const secure = await startTls(plain, end, this.#name, deadlineMs);
    this.#writer = new PacedWriter(secure, () => handlers.drain());
    this.#attach(secure, handlers);
  }

  #attach(socket: Socket, handlers: TransportHandlers): void {
    this.#socket = socket;
    this.#handlers = handlers;
    let failure: SluiceError | undefined;
    const onData = (bytes: Uint8Array) => {
      handlers.data(bytes);
      releaseBuffer(bytes);
    };
    // `drain` comes when nothing is queued here any more; the kernel's own buffer keeps the line busy meanwhile.
    const onDrain = () => handlers.drain();
    const onClose = () => {
      this.#closed = true;
      handlers.closed(failure);
    };
    socket.on("data", onData).on("drain", onDrain).on("close", onClose);
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      failure = asTampered(cause, this.#name) ?? broken(cause, this.#name);
      // A plain socket does so by itself; TLS leaves it to its user.
      socket.destroy();
    });
    this.#detach = () => socket.off("data", onData).off("drain", onDrain).off("close", onClose);
    if (socket.destroyed) {
      // It ended between two events; nothing would tell.
      this.#closed = true;
      setImmediate(() => handlers.closed());
    }
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket === undefined || this.#closed || socket.writableEnded || bytes.length === 0) return;
    if (this.#writer) this.#writer.write(bytes);
    else socket.write(bytes);
  }

  get backlog(): number {
    return this.#writer?.backlog ?? this.#socket?.writableLength ?? 0;
  }

  get counters() {
    // Of the socket under TLS: what is on the wire.
    return { bytesSent: this.#wire?.bytesWritten ?? 0, bytesReceived: this.#wire?.bytesRead ?? 0 };
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || this.#closed || socket.destroyed) return;
    const done = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const end = () => socket.end(() => socket.destroy());
    if (this.#writer) this.#writer.whenEmpty(end);
    else end();
    // A peer that reads nothing must not keep us here.
    const timer = setTimeout(() => socket.destroy(), 500);
    await done;
    clearTimeout(timer);
  }
}

function broken(cause: NodeJS.ErrnoException, place: string): TransportError {
  return new TransportError("disconnected", "The connection to the board broke.", {
    place,
    found: cause.code ?? cause.message,
    hint: "Check cable and power of the board, then run the command again; what had arrived is kept.",
    cause,
  });
}

function dial(host: string, port: number, deadlineMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const place = `tcp ${host}:${port}`;
    const socket = connect({ host, port });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new TransportError("timeout", `No answer from ${host}:${port} within ${deadlineMs} ms.`, {
          place,
          expected: `a connection within ${deadlineMs} ms`,
          hint: "Check that the board is on, on this network, and that the address is right.",
        }),
      );
    }, deadlineMs);
    const onError = (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(dialError(place, cause));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", onError);
      resolve(socket);
    });
  });
}

function dialError(place: string, cause: NodeJS.ErrnoException): TransportError {
  const facts = { place, found: cause.code ?? cause.message, cause };
  if (cause.code === "ENOTFOUND" || cause.code === "EAI_AGAIN") {
    return new TransportError("no-such-host", `The board's address is not known: ${place}.`, {
      ...facts,
      hint: "Check the spelling, or give the board's IP address.",
    });
  }
  return new TransportError("refused", `No board answers at ${place}.`, {
    ...facts,
    hint: "Start the runtime on the board (`sluice board --tcp HOST:PORT`) or check the address and port.",
  });
}

/**
 * "HOST", "HOST:PORT", ":PORT" or "[IPV6]:PORT".
 * @throws {TransportError} `bad-address`
 */
export function parseTcpAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]*))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? DEFAULT_TCP_PORT : Number(match[3]);
  if (match === null || text === "" || port > 65_535) {
    throw new TransportError("bad-address", "This is not a TCP address.", {
      expected: "HOST:PORT, for example 192.168.1.40:7420",
      found: text,
      hint: "Write the port after a colon; IPv6 addresses go in brackets.",
    });
  }
  return { host: match[1] || match[2] || "127.0.0.1", port };
}
