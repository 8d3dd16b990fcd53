/** From a link as people write it to transports. */
import type { Transport } from "@sluice/board-firmware/transport";
import { parseLink, transportTo } from "../transport/index.js";

/**
 * A function that makes a new transport for every attempt, so that a lost link can be opened again.
 * @throws {TransportError} `bad-link`, and what the address parsers say
 */
export function openLink(link: string): () => Transport {
  const address = parseLink(link);
  return () => transportTo(address);
}
