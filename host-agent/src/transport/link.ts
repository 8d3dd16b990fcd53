/**
 * Links as people write them: "tcp:192.168.1.40:7420", "serial:/dev/ttyUSB1:921600"; "tcp://..." and "serial://..." as
 * well, and without a prefix what can only be one of the two: "192.168.1.40", "/dev/ttyUSB1".
 */
import {
  parseSerialAddress,
  parseTcpAddress,
  type SerialAddress,
  serialTransport,
  type TcpAddress,
  type Transport,
  tcpTransport,
} from "@sluice/board-firmware/transport";
import { TransportError } from "@sluice/sdk/errors.js";

export type LinkAddress =
  | ({ readonly kind: "tcp" } & Required<TcpAddress>)
  | ({ readonly kind: "serial" } & SerialAddress);

/** An address, a name with a dot in it or localhost, each with or without a port; or a port alone. */
const BARE_TCP = /^(\[[0-9a-fA-F:.]+\]|localhost|[\w-]+(\.[\w-]+)+)?(:\d+)?$/;

/** @throws {TransportError} `bad-link`, `bad-address` */
export function parseLink(text: string): LinkAddress {
  const match = /^(tcp|serial):(?:\/\/)?(.+)$/.exec(text);
  const bareSerial = /^(\/|COM\d)/i.test(text);
  if (match === null && !bareSerial && !BARE_TCP.test(text)) throw badLink(text);
  const address = match ? match[2] : text;
  if (match ? match[1] === "serial" : bareSerial) return { kind: "serial", ...parseSerialAddress(address) };
  return { kind: "tcp", ...parseTcpAddress(address) };
}

function badLink(found: string): TransportError {
  return new TransportError("bad-link", `"${found}" names no link.`, {
    place: "--link",
    expected: "tcp:HOST[:PORT] or serial:PATH[:BAUD]",
    found,
    hint: "For example --link tcp:192.168.1.20; `sluice boards` lists what was found.",
  });
}

export function formatLink(address: LinkAddress): string {
  if (address.kind === "serial") {
    return `serial:${address.path}${address.baud === undefined ? "" : `:${address.baud}`}`;
  }
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `tcp:${host}:${address.port}`;
}

/** A transport for one attempt; call it again for the next. */
export function transportTo(address: LinkAddress): Transport {
  return address.kind === "serial" ? serialTransport(address) : tcpTransport(address);
}
