/** The keys a host has, by board. host-agent keeps them in a file; boards it starts itself are in memory only. */

export interface HostKeys {
  /** 16 bytes; the same for every board. */
  readonly hostId: Uint8Array;
  /** 32 bytes; undefined for a board this host is not paired with. */
  keyOf(boardId: Uint8Array): Uint8Array | undefined;
}
