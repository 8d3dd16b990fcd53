/** Links as people write them: `tcp:HOST[:PORT]`, `serial:PATH[:BAUD]`. */
import { TransportError } from "@sluice/sdk/errors.js";
import {
  parseSerialAddress,
  parseTcpAddress,
  serialTransport,
  type Transport,
  tcpTransport,
} from "../transport/index.js";

/**
 * A function that makes a new transport for every attempt, so that a lost link can be opened again.
 * @throws {TransportError} `bad-link`, and what the address parsers say
 */
export function openLink(link: string): () => Transport {
  const [kind] = link.split(":", 1);
  const address = link.slice(kind.length + 1);
  if (kind === "tcp" && address !== "") {
    const parsed = parseTcpAddress(address);
    return () => tcpTransport(parsed);
  }
  if (kind === "serial" && address !== "") {
    const parsed = parseSerialAddress(address);
    return () => serialTransport(parsed);
  }
  throw new TransportError("bad-link", `"${link}" names no link.`, {
    place: "--link",
    expected: "tcp:HOST[:PORT] or serial:PATH[:BAUD]",
    found: link,
    hint: "For example --link tcp:192.168.1.20; `sluice boards` lists what was found.",
  });
}
