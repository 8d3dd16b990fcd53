/**
 * HELLO (0x01), host to board: the first message of every connection, and the only one before the handshake is
 * complete. Its layout never changes, so that ends of different versions can still tell each other what they speak.
 * Who the other end is was proved before the first frame (security/greeting.ts); `authentication` repeats how.
 *
 * The board answers who it is and what it accepts, or an error: `protocol-version` (names both ranges),
 * `busy` (names the holder), `bad-field`.
 */
import { z } from "zod";
import { ProtocolError } from "../../errors.js";
import { defineExchange, type ReplyOf, type RequestOf } from "../exchange.js";
import { bytes, counter, name, u32 } from "../fields.js";
import { PROTOCOL_VERSION } from "../limits.js";

const versionRange = z.strictObject({ lowest: u32, highest: u32 });

const limits = z.strictObject({
  /** Largest attachment the board takes, in bytes. */
  attachmentBytes: u32,
  /** Requests that may be unanswered at once. */
  outstanding: u32.min(1),
  /** Input frames in one `run`. */
  frames: u32.min(1),
  /** The board drops a holder it has not heard from for this long, in milliseconds. */
  idleMs: u32.min(1),
});

export const boardKinds = ["emulated", "rtl", "kv260"] as const;

const identity = z.strictObject({
  kind: z.enum(boardKinds),
  /** What the user called it. */
  name,
  /** The device the overlay runs on, in words. */
  device: name,
  /** Release of the board runtime. */
  release: name,
});

export const hello = defineExchange({
  name: "hello",
  code: 0x01,
  request: z.strictObject({
    protocol: versionRange,
    /** Who asks, for the `busy` answer others get. */
    client: name,
    /** 16 random bytes; a host that lost its link gets its own hold back with the same bytes. */
    clientId: bytes(16),
    /** False: look only (status, list, have); does not wait for or take the device. */
    hold: z.boolean(),
    release: name,
  }),
  reply: z.strictObject({
    protocol: versionRange,
    /** The version both use from here on. */
    version: u32,
    board: identity,
    overlay: z.strictObject({ id: u32, version: u32 }),
    geometry: name,
    clockMHz: z.number().min(0).max(10_000),
    codecs: z.array(name).max(16),
    limits,
    /** Bytes the section store may still take. */
    storeFree: counter,
    authentication: z.enum(["none", "pre-shared-key"]),
    /** The board installs only what a signer it trusts has signed. */
    demandsSignature: z.boolean(),
  }),
});

export type HelloRequest = RequestOf<typeof hello>;
export type HelloReply = ReplyOf<typeof hello>;
export type BoardIdentity = HelloReply["board"];
export type BoardKind = BoardIdentity["kind"];

export const ownVersions = { lowest: PROTOCOL_VERSION, highest: PROTOCOL_VERSION } as const;

/**
 * The highest version both speak.
 * @throws {ProtocolError} `protocol-version`
 */
export function agreeOnVersion(
  host: HelloRequest["protocol"],
  board: HelloRequest["protocol"],
  boardName: string,
): number {
  const version = Math.min(host.highest, board.highest);
  if (version >= Math.max(host.lowest, board.lowest)) return version;
  const hostIsOlder = host.highest < board.highest;
  throw new ProtocolError("protocol-version", "Host and board speak different versions of the protocol.", {
    place: `handshake with ${boardName}`,
    expected: `a version the board speaks: ${rangeText(board)}`,
    found: `the host speaks ${rangeText(host)}`,
    hint: hostIsOlder
      ? "Update the host: install the Sluice release that runs on the board."
      : "Update the runtime on the board to the release of the host.",
    details: { host, board },
  });
}

function rangeText({ lowest, highest }: HelloRequest["protocol"]): string {
  return lowest === highest ? `version ${lowest}` : `versions ${lowest} to ${highest}`;
}
