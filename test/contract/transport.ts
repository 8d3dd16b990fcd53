/** What every transport promises, whatever carries its bytes. Called once per implementation. */
import type { Transport, TransportHandlers } from "@sluice/board-firmware/transport";
import { afterEach, assert, describe, it } from "vitest";
import { seededRandom } from "../support/seeded-random.js";

/** Two ends that are ready to be opened, and what else has to be closed afterwards. */
export interface TransportPair {
  /** Opens both ends. */
  open(host: TransportHandlers, board: TransportHandlers): Promise<{ host: Transport; board: Transport }>;
  close(): Promise<void>;
}

class Recorder implements TransportHandlers {
  readonly #pieces: Uint8Array[] = [];
  readonly #waiting: { done: () => boolean; resolve: () => void }[] = [];
  closes = 0;
  drains = 0;
  length = 0;

  data(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    this.length += bytes.length;
    this.#wake();
  }

  drain(): void {
    this.drains += 1;
    this.#wake();
  }

  closed(): void {
    this.closes += 1;
    this.#wake();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ done, resolve }));
  }

  #wake(): void {
    for (const entry of this.#waiting) if (entry.done()) entry.resolve();
  }
}

function randomBytes(seed: number, length: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random.integer(0, 255));
}

export function transportContract(name: string, makePair: () => Promise<TransportPair>): void {
  describe(`${name} transport`, () => {
    let pair: TransportPair | undefined;

    afterEach(async () => {
      await pair?.close();
      pair = undefined;
    });

    async function open() {
      pair = await makePair();
      const host = new Recorder();
      const board = new Recorder();
      return { ...(await pair.open(host, board)), atHost: host, atBoard: board };
    }

    it("carries bytes both ways, in order and unchanged", async () => {
      const { host, board, atHost, atBoard } = await open();
      const there = randomBytes(1, 150_000);
      const back = randomBytes(2, 70_000);
      for (let at = 0; at < there.length; at += 7_001) host.send(there.subarray(at, at + 7_001));
      for (let at = 0; at < back.length; at += 333) board.send(back.subarray(at, at + 333));
      await atBoard.until(() => atBoard.length >= there.length);
      await atHost.until(() => atHost.length >= back.length);
      assert.isTrue(atBoard.bytes.equals(there));
      assert.isTrue(atHost.bytes.equals(back));
    });

    it("carries every byte value, framing bytes included", async () => {
      const { host, atBoard } = await open();
      const all = Uint8Array.from({ length: 4 * 256 }, (_, i) => (i % 2 === 0 ? i >> 1 : 0xc0 + (i % 0x20)));
      host.send(all);
      await atBoard.until(() => atBoard.length >= all.length);
      assert.isTrue(atBoard.bytes.equals(all));
    });

    it("reports its backlog and says when it falls", async () => {
      const { host, atHost, atBoard } = await open();
      host.send(randomBytes(3, 100_000));
      await atBoard.until(() => atBoard.length >= 100_000);
      await atHost.until(() => host.backlog === 0);
      assert.equal(host.backlog, 0);
      assert.isAtLeast(host.counters.bytesSent, 100_000);
    });

    it("delivers what was sent before an orderly close, then closes both ends once", async () => {
      const { host, board, atHost, atBoard } = await open();
      const last = randomBytes(4, 3_000);
      host.send(last);
      await host.close();
      await atBoard.until(() => atBoard.closes > 0);
      assert.isTrue(atBoard.bytes.equals(last));
      await host.close();
      await board.close();
      assert.equal(atHost.closes, 1);
      assert.equal(atBoard.closes, 1);
    });

    it("ignores what is sent after it has closed", async () => {
      const { host, atHost } = await open();
      await host.close();
      await atHost.until(() => atHost.closes > 0);
      host.send(Uint8Array.of(1, 2, 3));
    });

    it("says what it is in words", async () => {
      const { host } = await open();
      assert.include(host.describe(), host.kind);
      assert.isAbove(host.bytesPerSecond, 0);
    });
  });
}
