/** Who may use a board: what the board's end of a connection asks when a host greets. */

export interface PairedHost {
  /** 16 bytes in hexadecimal. */
  readonly id: string;
  /** As it called itself when it was paired. */
  readonly name: string;
}

export interface BoardAccess {
  /** 16 bytes. */
  readonly boardId: Uint8Array;
  /** Hosts that are not paired may connect too; paired ones still prove themselves, and the board to them. */
  readonly open: boolean;
  /** 32 bytes; undefined for a host that is not paired. */
  keyOf(hostId: Uint8Array): Uint8Array | undefined;
  /** The one-time code that is valid now, if somebody at the board asked for one. */
  pairingCode(): string | undefined;
  /** Called before a proof with the code is looked at. False: somebody else's try used it up. */
  useUpCode(code: string): boolean;
  /** Keeps a host that proved the code. */
  addHost(host: PairedHost, key: Uint8Array): void;
}

/** Everyone who reaches the link. For loopback and memory, and for those who say --insecure. */
export function openAccess(boardId: Uint8Array): BoardAccess {
  return { ...nobody, boardId, open: true };
}

/** One host, whose key came from the process that started this one. */
export function singleHostAccess(boardId: Uint8Array, hostId: Uint8Array, key: Uint8Array): BoardAccess {
  const keyOf = (id: Uint8Array) => (Buffer.compare(id, hostId) === 0 ? key : undefined);
  return { ...nobody, boardId, keyOf };
}

const nobody = {
  open: false,
  keyOf: () => undefined,
  pairingCode: () => undefined,
  useUpCode: () => false,
  addHost: () => undefined,
};
