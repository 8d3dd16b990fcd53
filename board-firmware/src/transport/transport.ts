/**
 * A link that carries bytes between host and board. Serial, TCP and in-memory are peers behind this interface;
 * test/contract/transport.ts holds all of them to it.
 */
import type { SluiceError } from "@sluice/sdk/errors.js";

export interface TransportHandlers {
  /** Bytes as they arrive; a view that is valid only during the call. */
  data(bytes: Uint8Array): void;
  /** The backlog has fallen; may come often. */
  drain(): void;
  /** Called exactly once after a successful `open`. Without an error: one of the two ends closed in order. */
  closed(error?: SluiceError): void;
}

export interface TransportCounters {
  /** Bytes handed to, and taken from, the wire since `open`. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** One end of TLS 1.3 with a key that both ends have. */
export interface TlsEnd {
  readonly role: "host" | "board";
  /** Called once, when the key is needed; undefined refuses the other end. */
  readonly key: () => Uint8Array | undefined;
}

export interface Transport {
  readonly kind: "serial" | "tcp" | "memory";
  /** False: bytes may be lost or damaged on the way, so the reliable link has to go on top. */
  readonly reliable: boolean;
  /** Bytes a second the link carries nominally; sizes of pieces and deadlines are derived from it. */
  readonly bytesPerSecond: number;
  /** Senders wait for `drain` while the backlog is above this. */
  readonly highWaterBytes: number;
  /** For people: "tcp 127.0.0.1:7420", "serial /dev/ttyUSB1 at 115200 baud". */
  describe(): string;
  /**
   * Opens the link; may be called once.
   * @throws {TransportError} `refused`, `no-such-host`, `no-such-port`, `permission`, `timeout`, `port-in-use`
   */
  open(handlers: TransportHandlers, deadlineMs: number): Promise<void>;
  /** Queues bytes; never blocks. The caller must not change them afterwards. Ignored after the link has closed. */
  send(bytes: Uint8Array): void;
  /** Bytes queued and not yet taken by the operating system. */
  readonly backlog: number;
  readonly counters: TransportCounters;
  /** The other end can only be a program on this machine. Known after `open`. */
  readonly local?: boolean;
  /** Where the other end is, when there may be many: wrong proofs are counted by it. */
  readonly remote?: string;
  /**
   * TCP only: goes on with TLS 1.3 (RFC 8446, external key with ECDHE) on the open link. Nothing may be on its way.
   * @throws {SecurityError} `wrong-key` when the other end does not have the key
   */
  startTls?(end: TlsEnd, deadlineMs: number): Promise<void>;
  /** Sends what is queued where the link still takes it, then closes. May be called twice. */
  close(): Promise<void>;
}
