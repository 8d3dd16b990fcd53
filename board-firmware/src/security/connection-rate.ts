/**
 * How often an address may connect without proving anything: each try costs the board a key exchange and a line in its
 * log. Whoever proves himself gets his try back.
 */

/** Tries an address may make at once, and how many more come with every second. */
const BURST = 40;
const PER_SECOND = 5;
/** Addresses remembered; the one that was quiet longest goes first. */
const MOST_ADDRESSES = 256;

export class ConnectionRate {
  readonly #tries = new Map<string, { left: number; at: number }>();
  readonly #now: () => number;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** False: this address has to wait. */
  take(address: string): boolean {
    const now = this.#now();
    const { left, at } = this.#tries.get(address) ?? { left: BURST, at: now };
    const own = Math.min(BURST, left + ((now - at) / 1e3) * PER_SECOND);
    const allowed = own >= 1;
    this.#tries.delete(address);
    this.#tries.set(address, { left: allowed ? own - 1 : own, at: now });
    if (this.#tries.size > MOST_ADDRESSES) this.#tries.delete(this.#tries.keys().next().value!);
    return allowed;
  }

  giveBack(address: string): void {
    const tries = this.#tries.get(address);
    if (tries) tries.left = Math.min(BURST, tries.left + 1);
  }

  get addresses(): number {
    return this.#tries.size;
  }
}
