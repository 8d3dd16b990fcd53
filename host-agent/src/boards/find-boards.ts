/**
 * Where boards may be: a link the user named, the boards written down, KV260 carriers on USB, and boards that announce
 * themselves on the network. Finding is not connecting; `probeBoard` asks one who it is.
 */
import type { Transport } from "@sluice/board-firmware/transport";
import type { SluiceError } from "@sluice/sdk/errors.js";
import type { BoardStatus, HelloReply } from "@sluice/sdk/protocol";
import { BoardClient } from "../client/index.js";
import { formatLink, type LinkAddress, parseLink, transportTo } from "../transport/index.js";
import { type ConfigPlaces, configuredBoards } from "./board-config.js";
import { announcedBoards, type MdnsOptions } from "./mdns.js";
import { usbBoards } from "./usb-serial.js";

export interface BoardCandidate {
  readonly address: LinkAddress;
  /** As a person would write it: "tcp:192.168.1.40:7420". */
  readonly link: string;
  readonly foundBy: "link" | "config" | "usb" | "mdns";
  /** What the user or the board calls it; before connecting, for USB the carrier's serial number. */
  readonly name: string;
  /** Why it is in the list: the file, the USB serial number. */
  readonly reason: string;
  /** A new transport for each attempt to connect. */
  open(): Transport;
}

export interface FindBoardsOptions extends ConfigPlaces {
  /** A link the user named; then nothing else is looked for. A name of the configuration works too. */
  readonly link?: string;
  /** False: no question goes out on the network. Default true. */
  readonly mdns?: boolean;
  readonly mdnsOptions?: MdnsOptions;
  /** Default /dev/serial/by-id. */
  readonly usbDirectory?: string;
}

/**
 * In the order in which they should be tried. An empty list means that no board is attached.
 * @throws {TransportError} `bad-address`, `bad-config`
 */
export async function findBoards(options: FindBoardsOptions = {}): Promise<BoardCandidate[]> {
  const configured = configuredBoards(options).map(({ name, address, file }) =>
    candidate(address, "config", `named "${name}" in ${file}`, name),
  );
  if (options.link !== undefined) {
    const byName = configured.find(({ name }) => name === options.link);
    return [byName ?? candidate(parseLink(options.link), "link", "given by --link", options.link)];
  }
  const usb = usbBoards(options.usbDirectory).map(({ path, serialNumber }) =>
    candidate({ kind: "serial", path }, "usb", `KV260 carrier ${serialNumber} on USB`, serialNumber),
  );
  const announced = options.mdns === false ? [] : await announcedBoards(options.mdnsOptions);
  const network = announced.map(({ name, host, port }) =>
    candidate({ kind: "tcp", host, port }, "mdns", "announces itself on the network", name),
  );
  return withoutRepeats([...configured, ...usb, ...network]);
}

export interface ProbedBoard {
  readonly candidate: BoardCandidate;
  readonly hello: HelloReply;
  readonly status: BoardStatus;
}

/** Asks a board who it is, without taking it. @throws {TransportError} when nobody answers @throws {SecurityError} */
export async function probeBoard(
  candidate: BoardCandidate,
  connectMs = 2_000,
  insecure = false,
): Promise<ProbedBoard> {
  const client = await BoardClient.connect(candidate.open(), { hold: false, connectMs, insecure });
  try {
    return { candidate, hello: client.hello, status: await client.status() };
  } finally {
    await client.close();
  }
}

/** Asks all of them at once; those that do not answer come back with their error. */
export function probeBoards(
  candidates: readonly BoardCandidate[],
  connectMs?: number,
  insecure?: boolean,
): Promise<(ProbedBoard | { readonly candidate: BoardCandidate; readonly error: SluiceError })[]> {
  return Promise.all(
    candidates.map((candidate) =>
      probeBoard(candidate, connectMs, insecure).catch((error: SluiceError) => ({ candidate, error })),
    ),
  );
}

function candidate(
  address: LinkAddress,
  foundBy: BoardCandidate["foundBy"],
  reason: string,
  name: string,
): BoardCandidate {
  return { address, link: formatLink(address), foundBy, reason, name, open: () => transportTo(address) };
}

function withoutRepeats(candidates: readonly BoardCandidate[]): BoardCandidate[] {
  return candidates.filter(({ link }, i) => candidates.findIndex((other) => other.link === link) === i);
}
