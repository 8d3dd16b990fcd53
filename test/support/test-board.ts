/** A board server in this process, over whatever links a test wants. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Board, BoardServer, type BoardServerOptions } from "@sluice/board-firmware/server";
import { SectionStore } from "@sluice/board-firmware/store";
import { memoryPair, type Transport } from "@sluice/board-firmware/transport";
import { pino } from "pino";
import { arithmeticRunner } from "./arithmetic-runner.js";

export interface TestBoardOptions extends Partial<Omit<BoardServerOptions, "board" | "log">> {
  readonly capacityBytes?: number;
  /** Kept at the end when given. */
  readonly directory?: string;
}

export function startTestBoard(options: TestBoardOptions = {}) {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "sluice-test-store-"));
  const runner = arithmeticRunner();
  const store = new SectionStore(directory, { capacityBytes: options.capacityBytes });
  const identity = { kind: "emulated", name: "bench", device: "arithmetic", release: "test" } as const;
  const log = pino({ level: "silent" });
  const board = new Board({ identity, runner, store, log });
  const server = new BoardServer({ ...options, board, log });
  return {
    directory,
    runner,
    store,
    board,
    server,
    /** The host's end of a new in-memory link. */
    link(): Transport {
      const [host, boardEnd] = memoryPair();
      void server.accept(boardEnd);
      return host;
    },
    async close() {
      await server.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

export type TestBoard = ReturnType<typeof startTestBoard>;
