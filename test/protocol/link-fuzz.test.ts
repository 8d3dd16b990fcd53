/**
 * Damaged frames against a live board process, on TCP and on a serial cable, before and after the proof. A slice here;
 * SLUICE_FUZZ_FRAMES and SLUICE_FUZZ_REPORT make it the million of bench/fuzz-link.mjs.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCable } from "@sluice/board-firmware/testing";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { BoardClient } from "@sluice/host-agent/client";
import { userKeyRing } from "@sluice/host-agent/pairing";
import { serialTransport, tcpTransport } from "@sluice/host-agent/transport";
import { SecurityError } from "@sluice/sdk/errors.js";
import { assert, describe, it } from "vitest";
import {
  type FuzzCounts,
  fuzzAfterProof,
  fuzzSerialBeforeProof,
  fuzzTcpBeforeProof,
} from "../support/link-fuzzer.js";

const FRAMES = Number(process.env.SLUICE_FUZZ_FRAMES ?? 5_000);
const SEED = Number(process.env.SLUICE_SEED ?? 61_121);
const SHARES = { tcpBefore: 0.25, serialBefore: 0.25, tcpAfter: 0.35, serialAfter: 0.15 };
const BATCHES = Math.max(1, Math.round(FRAMES / 100_000));
/** What a runtime may come to hold: its code compiled, buffers at their limits. Far below one leak per frame. */
const MOST_GROWTH_BYTES = 64e6;

describe("fuzz of the live board", () => {
  it(`survives ${FRAMES} damaged frames before and after the proof (seed ${SEED})`, {
    timeout: 120_000 + FRAMES * 20,
  }, async () => {
    const store = mkdtempSync(join(tmpdir(), "sluice-fuzz-"));
    const cable = makeCable();
    const board = await startEmulatedBoard({
      logLevel: "silent",
      store,
      storeBytes: 16 * 2 ** 20,
      serial: [cable.paths[1]],
    });
    const keys = userKeyRing();
    // Wrong proofs make a line wait for up to half a minute, there being only one address on it: not in the slice.
    const serialHostId = FRAMES > 10_000 ? keys.hostId : new Uint8Array(16);
    const phases: Record<keyof typeof SHARES, FuzzCounts> = {
      tcpBefore: { frames: 0, connections: 0 },
      serialBefore: { frames: 0, connections: 0 },
      tcpAfter: { frames: 0, connections: 0 },
      serialAfter: { frames: 0, connections: 0 },
    };
    const memory: number[] = [];
    const watch = setInterval(() => memory.push(residentBytes(board.pid)), 500);
    const overTcp = () => tcpTransport(board);
    const overSerial = () => serialTransport({ path: cable.paths[0] }, { silenceMs: 60_000 });
    const startedAt = performance.now();
    const say = (text: string) => {
      if (process.env.SLUICE_FUZZ_REPORT) process.stderr.write(`${text}\n`);
    };
    /** One share of a phase; `batch` makes its seeds its own. */
    const run = async (
      phase: keyof typeof SHARES,
      batch: number,
      work: (frames: number, seed: number) => Promise<FuzzCounts>,
    ) => {
      const counts = await work(Math.round((FRAMES * SHARES[phase]) / BATCHES), SEED + batch * 50_000_017);
      phases[phase].frames += counts.frames;
      phases[phase].connections += counts.connections;
      say(`${batch + 1} of ${BATCHES}, ${phase}: ${Math.round(performance.now() - startedAt)} ms`);
    };
    try {
      await greet(overTcp);
      const before = { bytes: residentBytes(board.pid), descriptors: descriptors(board.pid) };
      for (let batch = 0; batch < BATCHES; batch += 1) {
        await run("tcpBefore", batch, (frames, seed) =>
          fuzzTcpBeforeProof(board.port, keys.hostId, frames, seed),
        );
        await run("serialBefore", batch, (frames, seed) =>
          fuzzSerialBeforeProof(cable.paths[0], serialHostId, frames, seed),
        );
      }
      // Nothing that a stranger sent had an effect.
      const client = await BoardClient.connect(overTcp);
      const { frames, storeUsedBytes, model, security } = await client.status();
      const listing = await client.sections();
      await client.close();
      assert.deepEqual(
        { frames, storeUsedBytes, model, count: listing.count },
        {
          frames: 0,
          storeUsedBytes: 0,
          model: undefined,
          count: 0,
        },
      );
      assert.deepEqual([...readdirSync(join(store, "sections")), ...readdirSync(join(store, "partial"))], []);
      assert.equal(security.authenticated, 2, "nobody but the two clients of this test proved anything");
      await greet(overSerial);

      for (let batch = 0; batch < BATCHES; batch += 1) {
        await run("tcpAfter", batch, async (frames, seed) => {
          const lanes = [true, false, false].map((hold, i) =>
            fuzzAfterProof(overTcp, keys, Math.ceil(frames / 3), seed + i, hold),
          );
          const counts = await Promise.all(lanes);
          return {
            frames: counts.reduce((sum, lane) => sum + lane.frames, 0),
            connections: counts.reduce((sum, lane) => sum + lane.connections, 0),
          };
        });
        await run("serialAfter", batch, (frames, seed) =>
          fuzzAfterProof(overSerial, keys, frames, seed, true),
        );
      }
      // The board still serves, on both links.
      await greet(overTcp);
      await greet(overSerial);
      const after = { bytes: residentBytes(board.pid), descriptors: descriptors(board.pid) };
      const most = Math.max(after.bytes, ...memory);
      const report = {
        phases,
        refused: security.refused,
        before,
        after,
        most,
        seconds: (performance.now() - startedAt) / 1000,
      };
      if (process.env.SLUICE_FUZZ_REPORT)
        writeFileSync(process.env.SLUICE_FUZZ_REPORT, JSON.stringify(report));
      assert.isBelow(most, before.bytes + MOST_GROWTH_BYTES, `${before.bytes} bytes before, ${most} at most`);
      assert.isAtMost(after.descriptors, before.descriptors + 4, "descriptors");
    } finally {
      clearInterval(watch);
      await board.stop();
      await cable.close();
      rmSync(store, { recursive: true, force: true });
    }
  });
});

async function greet(open: () => ReturnType<typeof tcpTransport>): Promise<void> {
  const client = await connectPatiently(open);
  assert.isAbove((await client.status()).uptimeMs, 0);
  await client.close();
}

/** Wrong proofs that came over this link make everyone on it wait. */
async function connectPatiently(open: () => ReturnType<typeof tcpTransport>): Promise<BoardClient> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await BoardClient.connect(open, { hold: false, connectMs: 20_000 });
    } catch (error) {
      if (!(error instanceof SecurityError) || error.code !== "back-off" || tries > 2) throw error;
      await new Promise((resolve) => setTimeout(resolve, 31_000));
    }
  }
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
}

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
