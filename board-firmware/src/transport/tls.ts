/**
 * TLS 1.3 with an external key (RFC 8446, section 4.2.11) in the mode with ECDHE, which Node reaches through
 * `pskCallback`. There are no certificates: an end that does not have the key cannot complete the handshake, whichever
 * role it plays. Tickets are off, so a forgotten host cannot come back with one.
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { SecurityError, TransportError } from "@sluice/sdk/errors.js";
import type { TlsEnd } from "./transport.js";

/** Names the key; which one it is was said in the greeting. */
const IDENTITY = "sluice";
/** The hash of an external key is SHA-256 (RFC 8446, section 4.2.11), and so is this suite's. */
const SUITE = "TLS_AES_128_GCM_SHA256";

const settings = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: SUITE,
  secureOptions: constants.SSL_OP_NO_TICKET,
  // No certificate is trusted, because none is wanted.
  ca: [],
} as const satisfies SecureContextOptions;

/** One for all connections of this process: without certificates there is nothing in it that could differ. */
let hostContext: SecureContext | undefined;

/** @throws {SecurityError} `wrong-key` @throws {TransportError} `timeout`, `disconnected` */
export function startTls(plain: Socket, end: TlsEnd, place: string, deadlineMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let failure: NodeJS.ErrnoException | undefined;
    const refuse = (error: Error) => {
      clearTimeout(timer);
      plain.destroy();
      reject(error);
    };
    const events: HandshakeEvents = {
      failed: (cause) => {
        failure ??= cause;
        plain.destroy();
      },
      done: (socket) => {
        clearTimeout(timer);
        // TLS 1.3 treats an accepted key as a resumption; anything else authenticated nobody.
        const proved = socket.getProtocol() === "TLSv1.3" && socket.isSessionReused();
        if (!proved) return refuse(wrongKey(place));
        plain.off("close", onClose);
        resolve(socket);
      },
    };
    const onClose = () => refuse(handshakeError(failure, place));
    const timer = setTimeout(() => {
      refuse(new TransportError("timeout", "The TLS handshake takes too long.", { place }));
    }, deadlineMs);
    plain.on("close", onClose);
    if (end.role === "host") hostEnd(plain, end, events);
    else boardEnd(plain, end, events);
  });
}

interface HandshakeEvents {
  failed(cause: NodeJS.ErrnoException): void;
  done(socket: TLSSocket): void;
}

function hostEnd(plain: Socket, { key }: TlsEnd, events: HandshakeEvents): void {
  const pskCallback = () => {
    const psk = key();
    return psk ? { psk, identity: IDENTITY } : null;
  };
  // The key is the identity; there is no certificate whose name could be compared.
  const checkServerIdentity = () => new Error("certificates are not accepted");
  hostContext ??= createSecureContext(settings);
  const secureContext = hostContext;
  const socket = connect({ ...settings, secureContext, socket: plain, pskCallback, checkServerIdentity });
  socket.on("error", events.failed);
  socket.once("secureConnect", () => events.done(socket));
}

function boardEnd(plain: Socket, { key }: TlsEnd, events: HandshakeEvents): void {
  const pskCallback = (_socket: TLSSocket, identity: string) =>
    identity === IDENTITY ? (key() ?? null) : null;
  // A server that never listens: only it gives its sockets their error events.
  const server = createServer({ ...settings, pskCallback });
  server.on("tlsClientError", events.failed);
  server.once("secureConnection", (socket) => {
    socket.on("error", events.failed);
    events.done(socket);
  });
  server.emit("connection", plain);
}

function handshakeError(cause: NodeJS.ErrnoException | undefined, place: string): Error {
  // Errors of the operating system name a call; all others are TLS refusing what the other end showed.
  const isLink = cause === undefined || cause.syscall !== undefined || cause.code === "ECONNRESET";
  if (!isLink) return wrongKey(place, cause);
  return new TransportError("disconnected", "The other end hung up during the TLS handshake.", {
    place,
    found: cause?.code ?? "the end of the stream",
    hint: "Look at the other end's log; then connect again.",
    cause,
  });
}

function wrongKey(place: string, cause?: unknown): SecurityError {
  return new SecurityError("wrong-key", "The other end does not have the key.", { place, cause });
}

/** What TLS reports after the handshake when a record was changed, repeated, reordered or forged; else undefined. */
export function asTampered(cause: NodeJS.ErrnoException, place: string): SecurityError | undefined {
  if (!cause.code?.startsWith("ERR_SSL_")) return undefined;
  return new SecurityError(
    "tampered",
    "What arrived on this link is not what the other end sent: changed, repeated, out of order or forged.",
    {
      place,
      found: cause.code,
      hint: "Nothing of it was used. Check who has access to this network, then connect again.",
      cause,
    },
  );
}
