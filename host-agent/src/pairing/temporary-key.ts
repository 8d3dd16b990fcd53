/** A key for a board that serves this process only: made, used and forgotten without touching the user's key ring file. */
import { randomBytes } from "node:crypto";
import { userKeyRing } from "./key-ring.js";

export interface TemporaryKey {
  readonly boardId: Uint8Array;
  readonly hostId: Uint8Array;
  readonly key: Uint8Array;
  /** Connections of this process find the key until then. */
  drop(): void;
}

export function temporaryKey(): TemporaryKey {
  const ring = userKeyRing();
  const boardId = new Uint8Array(randomBytes(16));
  const key = new Uint8Array(randomBytes(32));
  ring.addTemporary(boardId, key);
  return { boardId, hostId: ring.hostId, key, drop: () => ring.dropTemporary(boardId) };
}
