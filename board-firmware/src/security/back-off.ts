/** How long an address that sent wrong proofs has to wait before it is listened to again. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** Wrong proofs that are forgiven: a host whose key was replaced tries more than once. */
const FREE = 3;
/** Addresses remembered; the oldest goes first, so that nobody fills the memory with addresses. */
const MOST_ADDRESSES = 256;

export class BackOff {
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  failed(address: string): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    const waitMs = count <= FREE ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - FREE - 1));
    this.#failures.delete(address);
    this.#failures.set(address, { count, until: this.#now() + waitMs });
    if (this.#failures.size > MOST_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value!);
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }

  /** 0: may try now. */
  secondsLeft(address: string): number {
    const until = this.#failures.get(address)?.until ?? 0;
    return Math.max(0, until - this.#now()) / 1000;
  }
}
