/**
 * When to stop waiting for an acknowledgement (RFC 6298, with samples that name the very packet they answer). The
 * samples are of the packet that caused the acknowledgement; an older one may have waited for it a little longer.
 */

const INITIAL_MS = 1_000;
const LEAST_MS = 100;
const MOST_MS = 2_000;
const MOST_BACKOFF = 64;

export class RoundTrip {
  readonly #ackDelayMs: number;
  #smoothed: number | undefined;
  #variation = 0;
  #expiries = 0;

  constructor(ackDelayMs: number) {
    this.#ackDelayMs = ackDelayMs;
  }

  sample(milliseconds: number): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = milliseconds;
      this.#variation = milliseconds / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - milliseconds) - this.#variation) / 4;
      this.#smoothed += (milliseconds - this.#smoothed) / 8;
    }
    this.#expiries = 0;
  }

  /** Each expiry doubles the next wait. Returns how many there were since the last sample. */
  expired(): number {
    this.#expiries += 1;
    return this.#expiries;
  }

  /** Milliseconds after which silence means loss. */
  get timeout(): number {
    const base =
      this.#smoothed === undefined
        ? INITIAL_MS
        : Math.max(LEAST_MS, this.#smoothed + 4 * this.#variation + this.#ackDelayMs);
    return Math.min(MOST_MS, base * Math.min(MOST_BACKOFF, 2 ** this.#expiries));
  }
}
