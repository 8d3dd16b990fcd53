/** Who has the device. One connection at a time; the others are told who and since when. */
import { TransportError } from "@sluice/sdk/errors.js";

export interface Holder {
  /** Host and connection identifier, hexadecimal; the same host gets its own hold back after it lost the link. */
  readonly clientId: string;
  readonly client: string;
  readonly link: string;
  /** performance.now(): a board without a battery gets the time of day from the network, long after it started. */
  readonly since: number;
  /** Ends the holder's connection; called when its own client takes over. */
  readonly release: (reason: TransportError) => void;
}

export class Hold {
  #holder: Holder | undefined;

  get holder(): Holder | undefined {
    return this.#holder;
  }

  /** @throws {TransportError} `busy` */
  acquire(holder: Holder): void {
    const current = this.#holder;
    if (current && current.clientId !== holder.clientId) {
      const seconds = Math.round((performance.now() - current.since) / 1000);
      throw new TransportError("busy", "The board is in use by another host.", {
        expected: "a free board",
        found: `${current.client} on ${current.link}, for ${seconds} s`,
        hint: "Wait until it is done, or choose another board with --link.",
        details: { holder: current.client, link: current.link, seconds },
      });
    }
    this.#holder = holder;
    current?.release(
      new TransportError("replaced", "The same host connected again; this older connection was closed.", {
        place: current.link,
      }),
    );
  }

  /** Harmless unless `holder` is the one that holds. */
  giveBack(holder: Holder): void {
    if (this.#holder === holder) this.#holder = undefined;
  }
}
