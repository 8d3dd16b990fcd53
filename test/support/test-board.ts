/** A board server in this process, over whatever links a test wants. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LinkGuard, openAccess, singleHostAccess } from "@sluice/board-firmware/security";
import {
  Board,
  type BoardOptions,
  BoardServer,
  type BoardServerOptions,
} from "@sluice/board-firmware/server";
import { SectionStore } from "@sluice/board-firmware/store";
import { memoryPair, type Transport } from "@sluice/board-firmware/transport";
import { userKeyRing } from "@sluice/host-agent/pairing";
import { pino } from "pino";
import { arithmeticRunner } from "./arithmetic-runner.js";

export interface TestBoardOptions extends Partial<Omit<BoardServerOptions, "board" | "log">> {
  readonly capacityBytes?: number;
  /** Whose signature a package needs. Default nobody's. */
  readonly signatures?: BoardOptions["signatures"];
  /** Serves everyone, with nothing around the frames. */
  readonly open?: boolean;
  /** Kept at the end when given. */
  readonly directory?: string;
}

export function startTestBoard(options: TestBoardOptions = {}) {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "sluice-test-store-"));
  const runner = arithmeticRunner();
  const store = new SectionStore(directory, { capacityBytes: options.capacityBytes });
  const identity = { kind: "emulated", name: "bench", device: "arithmetic", release: "test" } as const;
  const log = pino({ level: "silent" });
  const board = new Board({ identity, runner, store, log, signatures: options.signatures });
  const guard = options.guard ?? guardFor(options.open ?? false);
  const server = new BoardServer({ ...options, board, log, guard });
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

/** Unless open, this process only, as an emulated board does: conversations in tests run on protected links. */
function guardFor(open: boolean): LinkGuard {
  const ring = userKeyRing();
  const [boardId, key] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  if (open) return new LinkGuard(openAccess(boardId));
  ring.addTemporary(boardId, key);
  return new LinkGuard(singleHostAccess(boardId, ring.hostId, key));
}

export type TestBoard = ReturnType<typeof startTestBoard>;
