/** A board that asks nobody for a proof stays on this machine, unless somebody takes the risk in so many words. */
import { SecurityError } from "@sluice/sdk/errors.js";
import type { SerialAddress, TcpAddress } from "../transport/index.js";
import { isLoopback } from "../transport/loopback.js";

export interface ServedLinks {
  readonly tcp?: TcpAddress;
  readonly serial?: readonly SerialAddress[];
  readonly state?: string;
  readonly access?: unknown;
  readonly insecure?: boolean;
}

/** @throws {SecurityError} `open-to-strangers` */
export function checkOpenLinks({ tcp, serial = [], state, access, insecure }: ServedLinks): void {
  if (state !== undefined || access !== undefined || insecure) return;
  const { host = "127.0.0.1" } = tcp ?? {};
  const beyond = [
    ...(isLoopback(host) || host === "localhost" ? [] : [`tcp ${host}`]),
    ...serial.map(({ path }) => path),
  ];
  if (beyond.length === 0) return;
  throw new SecurityError(
    "open-to-strangers",
    "This board would serve anyone who reaches it from outside this machine.",
    {
      place: beyond.join(", "),
      expected: "a folder with the keys of paired hosts (--state DIR)",
      found: "no authentication",
      hint: "Add --state DIR and pair each host once, or --insecure to let everyone in.",
    },
  );
}
