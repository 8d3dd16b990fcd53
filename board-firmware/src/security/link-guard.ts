/** What all connections of one server share about security: who may in, who has to wait, what was refused. */

import { BackOff } from "./back-off.js";
import type { BoardAccess } from "./board-access.js";
import { ConnectionRate } from "./connection-rate.js";

export class LinkGuard {
  readonly access: BoardAccess;
  readonly backOff: BackOff;
  readonly rate: ConnectionRate;
  readonly #onWrongCode: () => void;
  readonly #refused = new Map<string, number>();
  #authenticated = 0;

  constructor(
    access: BoardAccess,
    options: { backOff?: BackOff; rate?: ConnectionRate; onWrongCode?: () => void } = {},
  ) {
    this.access = access;
    this.backOff = options.backOff ?? new BackOff();
    this.rate = options.rate ?? new ConnectionRate();
    this.#onWrongCode = options.onWrongCode ?? (() => undefined);
  }

  /** @param reason code of a SecurityError */
  refused(reason: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    if (reason === "wrong-code") this.#onWrongCode();
  }

  authenticated(): void {
    this.#authenticated += 1;
  }

  get counts(): { authenticated: number; refused: Record<string, number> } {
    return { authenticated: this.#authenticated, refused: Object.fromEntries(this.#refused) };
  }
}
