/**
 * How long packets should be on this line. With h bytes of overhead and a probability p that a byte arrives damaged,
 * a packet of n data bytes delivers n (1 - p)^(n + h) bytes for n + h sent; for small p the best n is about
 * sqrt(h / p). p is estimated from packets lost and bytes carried, with old evidence fading.
 */
import { DATA_OVERHEAD, MAX_PAYLOAD, MIN_PAYLOAD } from "./packets.js";

/** Evidence halves over this many bytes. */
const HALF_LIFE = 16_384;
/** Start: as if a good line had been seen for a while, so that the first packets are long. */
const PRIOR_BYTES = 10_000;
const PRIOR_LOSSES = 0.1;

export class LineQuality {
  #bytes = PRIOR_BYTES;
  #losses = PRIOR_LOSSES;

  /** A packet of this many bytes on the wire arrived. */
  delivered(wireBytes: number): void {
    this.#fade(wireBytes);
  }

  lost(wireBytes: number): void {
    this.#fade(wireBytes);
    this.#losses += 1;
  }

  /** Probability that a byte arrives damaged. */
  get byteErrorRate(): number {
    return this.#losses / this.#bytes;
  }

  get payload(): number {
    const best = Math.sqrt(DATA_OVERHEAD / this.byteErrorRate);
    return Math.round(Math.min(MAX_PAYLOAD, Math.max(MIN_PAYLOAD, best)));
  }

  #fade(wireBytes: number): void {
    const keep = 2 ** (-wireBytes / HALF_LIFE);
    // The prior itself never fades away: a quiet line returns to long packets.
    this.#bytes = PRIOR_BYTES + (this.#bytes - PRIOR_BYTES) * keep + wireBytes;
    this.#losses = PRIOR_LOSSES + (this.#losses - PRIOR_LOSSES) * keep;
  }
}
