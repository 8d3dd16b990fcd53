/**
 * The first bytes of every connection, before any frame: who wants what of whom. docs/security.md.
 *
 *   GREETING, host to board                    ANSWER, board to host
 *   offset bytes field                         offset bytes field
 *        0     4 magic "SLG1"                       0     4 magic "SLG1"
 *        4     1 version of this page, 1            4     1 version, 1
 *        5     1 purpose: 1 session, 2 pairing      5     1 answer, see `answers`
 *        6     2 zero                               6     2 seconds to wait, with `back-off`
 *        8    16 host id                            8    16 board id
 *       24    32 X25519 share, fresh               24    32 X25519 share, fresh
 *
 * After the answer `prove` both ends prove that they know the shared key: on TCP with TLS 1.3 and that key, on every
 * other link with the two messages below. All of greeting and answer goes into the keys (key-schedule.ts), so whoever
 * changes one byte of them ends the connection.
 *
 *   PROOF, host to board: 32 bytes             VERDICT, board to host: 1 byte (1 = accepted), then 32 bytes of proof
 */
import { ProtocolError } from "../../errors.js";

export const GREETING_BYTES = 56;
export const PROOF_BYTES = 32;
export const VERDICT_BYTES = 1 + PROOF_BYTES;
export const GREETING_VERSION = 1;
/** Of hosts and boards; random, chosen once. */
export const ID_BYTES = 16;
export const SHARE_BYTES = 32;
/** First byte by which a greeting differs from a frame, whose byte 2 is the code of an exchange. */
const MAGIC = Uint8Array.of(0x53, 0x4c, 0x47, 0x31);

export const purposes = { session: 1, pairing: 2 } as const;
export type Purpose = keyof typeof purposes;

export const answers = {
  /** No proof is asked for. */
  open: 0,
  /** Both ends prove now. */
  prove: 1,
  /** The board does not know this host. */
  "not-paired": 2,
  /** Nobody has asked the board for a pairing code. */
  "pairing-closed": 3,
  /** Too many wrong proofs came from this address. */
  "back-off": 4,
  /** Another version of this page. */
  version: 5,
  /** Too many connections are waiting for their proof. */
  crowded: 6,
} as const;
export type GreetingAnswer = keyof typeof answers;

export interface Greeting {
  readonly purpose: Purpose;
  readonly hostId: Uint8Array;
  readonly share: Uint8Array;
}

export interface Answer {
  readonly answer: GreetingAnswer;
  readonly seconds: number;
  readonly boardId: Uint8Array;
  readonly share: Uint8Array;
}

export function encodeGreeting({ purpose, hostId, share }: Greeting): Uint8Array {
  return encode(purposes[purpose], 0, hostId, share);
}

export function encodeAnswer({ answer, seconds, boardId, share }: Answer): Uint8Array {
  return encode(answers[answer], Math.min(0xffff, Math.ceil(seconds)), boardId, share);
}

/** True when these bytes, at least one, can be the beginning of a greeting and not of a frame. */
export function startsGreeting(bytes: Uint8Array): boolean {
  return bytes.length > 0 && MAGIC.every((byte, i) => i >= bytes.length || bytes[i] === byte);
}

/** Undefined for another version, which is answered and not an error. @throws {ProtocolError} `bad-greeting` */
export function decodeGreeting(bytes: Uint8Array): Greeting | undefined {
  const { version, kind, seconds, id, share } = decode(bytes);
  if (version !== GREETING_VERSION) return undefined;
  const purpose = nameOf(purposes, kind);
  if (purpose === undefined || seconds !== 0) throw badGreeting(`purpose ${kind}, ${seconds}`);
  return { purpose, hostId: id, share };
}

/** @throws {ProtocolError} `bad-greeting` */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const { version, kind, seconds, id, share } = decode(bytes);
  const answer = nameOf(answers, kind);
  if (answer === undefined || (version !== GREETING_VERSION && answer !== "version")) {
    throw badGreeting(`version ${version}, answer ${kind}`);
  }
  return { answer, seconds, boardId: id, share };
}

function encode(kind: number, seconds: number, id: Uint8Array, share: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(GREETING_BYTES);
  bytes.set(MAGIC);
  bytes[4] = GREETING_VERSION;
  bytes[5] = kind;
  new DataView(bytes.buffer).setUint16(6, seconds, true);
  bytes.set(id, 8);
  bytes.set(share, 24);
  return bytes;
}

function decode(bytes: Uint8Array) {
  if (bytes.length !== GREETING_BYTES || !startsGreeting(bytes)) {
    const found = Buffer.from(bytes.subarray(0, 8)).toString("hex");
    throw badGreeting(found);
  }
  return {
    version: bytes[4],
    kind: bytes[5],
    seconds: new DataView(bytes.buffer, bytes.byteOffset).getUint16(6, true),
    id: bytes.slice(8, 24),
    share: bytes.slice(24, 56),
  };
}

function nameOf<T extends Record<string, number>>(table: T, value: number): keyof T | undefined {
  return Object.keys(table).find((name) => table[name] === value);
}

function badGreeting(found: string): ProtocolError {
  return new ProtocolError("bad-greeting", "The other end does not greet as Sluice does.", {
    expected: `${GREETING_BYTES} bytes that begin with "SLG1"`,
    found,
    hint: "Check the address or port, and that both ends run the same release.",
  });
}
