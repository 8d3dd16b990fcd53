/**
 * A board that knows no host yet offers a code on its console by itself: whoever can read the console owns the board.
 * A wrong try costs a new code and a longer pause; after ten of them somebody has to ask for a code
 * (`sluice-board pair`).
 */
import type { PairedHosts } from "./paired-hosts.js";

const FOR_EVER_MS = 100 * 365 * 24 * 3_600_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const MOST_CODES = 10;

export class FirstPairing {
  readonly #hosts: PairedHosts;
  readonly #show: (code: string) => void;
  #codes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(hosts: PairedHosts, show: (code: string) => void) {
    this.#hosts = hosts;
    this.#show = show;
  }

  start(): void {
    if (this.#hosts.list().length > 0 || this.#codes >= MOST_CODES) return;
    this.#codes += 1;
    this.#show(this.#hosts.offerCode(FOR_EVER_MS));
  }

  /** Somebody proved another code. */
  failed(): void {
    clearTimeout(this.#timer);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#codes);
    this.#timer = setTimeout(() => this.start(), pauseMs);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (this.#codes > 0) this.#hosts.withdrawCode();
  }
}
