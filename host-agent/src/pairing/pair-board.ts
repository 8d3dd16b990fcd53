/** Pairs this host with a board: the one-time code proves both ends to each other and leaves a key behind. */
import { Connection } from "@sluice/board-firmware/connection";
import { HostEnd, readPairingCode } from "@sluice/board-firmware/security";
import type { Transport } from "@sluice/board-firmware/transport";
import { SecurityError } from "@sluice/sdk/errors.js";
import { pair, toHex } from "@sluice/sdk/protocol";
import { hostName } from "../client/host-name.js";
import type { KeyRing } from "./key-ring.js";

export interface PairOptions {
  readonly ring: KeyRing;
  /** As the board shows it. */
  readonly code: string;
  /** Remembered with the board. */
  readonly link: string;
  /** What this host calls the board. Default what the board is called. */
  readonly name?: string;
  /** What the board shall call this host. Default user@machine. */
  readonly client?: string;
  /** Default 15,000 ms: stretching the code takes a board a moment. */
  readonly deadlineMs?: number;
}

/**
 * @throws {SecurityError} `bad-code`, `wrong-code`, `pairing-closed`, `back-off`
 * @throws {TransportError} what opening the link says
 */
export async function pairBoard(
  transport: Transport,
  options: PairOptions,
): Promise<{ id: string; name: string }> {
  const code = readPairingCode(options.code);
  if (code === undefined) {
    throw new SecurityError("bad-code", "This is not a pairing code.", {
      expected: "eight letters and digits, for example K7QF-2M9X",
      found: JSON.stringify(options.code.slice(0, 40)),
      hint: "Run `sluice-board pair` on the board and copy what it prints.",
    });
  }
  const { ring, deadlineMs = 15_000 } = options;
  // One identity for the greeting and for the file, which may not exist yet.
  const hostId = ring.hostId;
  const end = new HostEnd(transport, { keys: { hostId, keyOf: () => undefined }, code });
  const connection = new Connection(end, { peer: "board" });
  await connection.start(deadlineMs);
  try {
    const request = { client: options.client ?? hostName() };
    const { body } = await connection.request(pair, request, { deadlineMs });
    const { id, pairingKey } = end.board!;
    const name = options.name ?? body.board;
    ring.add({ id, name, key: toHex(pairingKey), link: options.link });
    return { id, name };
  } finally {
    await connection.close();
  }
}
