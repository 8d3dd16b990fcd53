/**
 * The packets of the reliable link; each travels as one SLIP packet. docs/protocol.md, "Serial".
 *
 *   offset  bytes  field
 *        0      1  kind     1 OPEN, 2 OPENED, 3 DATA, 4 ACK, 5 CLOSE; bit 7 of DATA: acknowledge at once
 *        1      2  session  chosen by the host for each connection, never 0
 *   OPEN, OPENED:
 *        3      1  version  LINK_VERSION
 *        4      4  window   bytes the sender of this packet will hold out of order
 *   DATA:
 *        3      2  number   counts every transmission, repeats included
 *        5      4  offset   of the first byte in this direction's stream, modulo 2^32
 *        9         the bytes
 *   ACK:
 *        3      2  latest   number of the DATA packet that arrived last
 *        5      4  upTo     everything before this offset has arrived
 *        9    4 each        further pieces that have arrived: start - upTo and length, 16 bits each, ascending
 *   last    4  crc      CRC-32C of everything before it
 *
 * All integers are little-endian. The line never reorders, so a DATA packet whose number is below `latest` and whose
 * bytes are not acknowledged is lost; no timer is needed to know it.
 */
import { crc32c } from "../../overlay/crc32c.js";

export const LINK_VERSION = 1;
/** Bytes of a DATA packet that are not data: header and CRC. */
export const DATA_OVERHEAD = 13;
export const MAX_PAYLOAD = 1_024;
export const MIN_PAYLOAD = 32;
export const MAX_PACKET = MAX_PAYLOAD + DATA_OVERHEAD;
/** Pieces beyond `upTo` that one ACK names. */
export const MAX_RANGES = 24;

const kinds = { open: 1, opened: 2, data: 3, ack: 4, close: 5 } as const;
const PUSH = 0x80;
const DATA_HEADER = 9;
const CRC_BYTES = 4;

export interface ByteRange {
  /** Relative to `upTo`. */
  readonly start: number;
  readonly length: number;
}

export type Packet =
  | {
      readonly kind: "open" | "opened";
      readonly session: number;
      readonly version: number;
      readonly window: number;
    }
  | {
      readonly kind: "data";
      readonly session: number;
      readonly number: number;
      readonly offset: number;
      readonly push: boolean;
      /** A view of the bytes given to `parsePacket`. */
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: "ack";
      readonly session: number;
      readonly latest: number;
      readonly upTo: number;
      readonly ranges: readonly ByteRange[];
    }
  | { readonly kind: "close"; readonly session: number };

export function encodePacket(packet: Packet): Uint8Array {
  const bytes = new Uint8Array(bodyBytes(packet) + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = kinds[packet.kind];
  view.setUint16(1, packet.session, true);
  switch (packet.kind) {
    case "open":
    case "opened":
      bytes[3] = packet.version;
      view.setUint32(4, packet.window, true);
      break;
    case "data":
      if (packet.push) bytes[0] |= PUSH;
      view.setUint16(3, packet.number, true);
      view.setUint32(5, packet.offset, true);
      bytes.set(packet.payload, DATA_HEADER);
      break;
    case "ack":
      view.setUint16(3, packet.latest, true);
      view.setUint32(5, packet.upTo, true);
      packet.ranges.forEach(({ start, length }, i) => {
        view.setUint16(9 + 4 * i, start, true);
        view.setUint16(11 + 4 * i, length, true);
      });
      break;
    case "close":
      break;
  }
  const crcOffset = bytes.length - CRC_BYTES;
  view.setUint32(crcOffset, crc32c(bytes.subarray(0, crcOffset)), true);
  return bytes;
}

function bodyBytes(packet: Packet): number {
  if (packet.kind === "data") return DATA_HEADER + packet.payload.length;
  if (packet.kind === "ack") return 9 + 4 * packet.ranges.length;
  return packet.kind === "close" ? 3 : 8;
}

/** Undefined for anything that is not an intact packet: on a noisy line that is an event, not an error. */
export function parsePacket(bytes: Uint8Array): Packet | undefined {
  const crcOffset = bytes.length - CRC_BYTES;
  if (crcOffset < 3) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(crcOffset, true) !== crc32c(bytes.subarray(0, crcOffset))) return undefined;
  const session = view.getUint16(1, true);
  if (session === 0) return undefined;
  switch (bytes[0] & ~PUSH) {
    case kinds.open:
    case kinds.opened:
      if (crcOffset !== 8) return undefined;
      return {
        kind: bytes[0] === kinds.open ? "open" : "opened",
        session,
        version: bytes[3],
        window: view.getUint32(4, true),
      };
    case kinds.data:
      if (crcOffset <= DATA_HEADER) return undefined;
      return {
        kind: "data",
        session,
        number: view.getUint16(3, true),
        offset: view.getUint32(5, true),
        push: (bytes[0] & PUSH) !== 0,
        payload: bytes.subarray(DATA_HEADER, crcOffset),
      };
    case kinds.ack:
      if (crcOffset < 9 || (crcOffset - 9) % 4 !== 0) return undefined;
      return {
        kind: "ack",
        session,
        latest: view.getUint16(3, true),
        upTo: view.getUint32(5, true),
        ranges: Array.from({ length: (crcOffset - 9) / 4 }, (_, i) => ({
          start: view.getUint16(9 + 4 * i, true),
          length: view.getUint16(11 + 4 * i, true),
        })),
      };
    case kinds.close:
      return crcOffset === 3 ? { kind: "close", session } : undefined;
    default:
      return undefined;
  }
}
