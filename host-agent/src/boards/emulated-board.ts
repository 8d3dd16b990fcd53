/**
 * Starts an emulated board as a process of its own. It serves this process only: connections of this process use the
 * key that was made for it by themselves.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "@sluice/sdk/protocol";
import { temporaryKey } from "../pairing/temporary-key.js";
import {
  type BoardProcess,
  type EmulatedBoardOptions,
  type ParentKey,
  startBoardProcess,
} from "./board-process.js";

export type { EmulatedBoardOptions } from "./board-process.js";

export interface EmulatedBoard {
  readonly host: string;
  readonly port: number;
  /** Of the process that serves now. */
  readonly pid: number;
  /** How often it died and was started again. */
  readonly restarts: number;
  /** Ends the process; resolves when it is gone. May be called twice. */
  stop(): Promise<void>;
}

/** @throws {TransportError} `board-failed` (with what it printed), `timeout` */
export async function startEmulatedBoard(options: EmulatedBoardOptions = {}): Promise<EmulatedBoard> {
  const pair = temporaryKey();
  const key = { board: toHex(pair.boardId), host: toHex(pair.hostId), key: toHex(pair.key) };
  // A twin's own store would be gone, or left behind, when the process dies.
  const temporary =
    options.faults && options.store === undefined ? mkdtempSync(join(tmpdir(), "sluice-twin-")) : undefined;
  const forget = () => {
    pair.drop();
    if (temporary) rmSync(temporary, { recursive: true, force: true });
  };
  const settings = { ...options, store: options.store ?? temporary };
  try {
    const first = await startBoardProcess(settings, key);
    if (options.faults) return new SupervisedBoard(settings, key, first, forget);
    const { host, port, pid } = first;
    const stop = async () => {
      await first.stop();
      forget();
    };
    return { host, port, pid, restarts: 0, stop };
  } catch (error) {
    forget();
    throw error;
  }
}

/**
 * A twin that may kill itself: it comes back on the same port with what its disk still has, as a board does whose power
 * returns. A fault that was to strike once has struck.
 */
class SupervisedBoard implements EmulatedBoard {
  readonly #options: EmulatedBoardOptions;
  readonly #key: ParentKey;
  readonly #afterStop: () => void;
  #process: BoardProcess;
  #starting: Promise<void> | undefined;
  #stopped = false;
  restarts = 0;

  constructor(options: EmulatedBoardOptions, key: ParentKey, first: BoardProcess, afterStop: () => void) {
    this.#options = options;
    this.#key = key;
    this.#afterStop = afterStop;
    this.#process = first;
    this.#watch(first);
  }

  get host(): string {
    return this.#process.host;
  }

  get port(): number {
    return this.#process.port;
  }

  get pid(): number {
    return this.#process.pid;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#starting;
    await this.#process.stop();
    this.#afterStop();
  }

  #watch(board: BoardProcess): void {
    void board.ended.then(() => {
      if (this.#stopped) return;
      this.restarts += 1;
      this.#starting = this.#restart().catch((error: unknown) => {
        // Hosts notice: nobody answers on the port.
        process.stderr.write(`the emulated board does not start again: ${String(error)}\n`);
      });
    });
  }

  async #restart(): Promise<void> {
    const { faults = [], faultSeed = 1 } = this.#options;
    const again = {
      ...this.#options,
      tcp: `${this.host}:${this.port}`,
      faults: faults.filter((fault) => fault.includes(":")),
      // Another life, other accidents.
      faultSeed: faultSeed + this.restarts,
    };
    this.#process = await startBoardProcess(again, this.#key);
    this.#watch(this.#process);
  }
}
