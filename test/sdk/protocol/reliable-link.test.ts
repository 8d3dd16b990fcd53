import { assert, describe, it } from "vitest";
import { LossyLine } from "../../support/lossy-line.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

const BAUD_115200 = 11_520;

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(0, 255));
}

describe("reliable link", () => {
  it("keeps a clean line busy with little overhead", () => {
    const random = seededRandom(1);
    const line = new LossyLine({ random, bytesPerSecond: BAUD_115200, latencyMs: 20 });
    const data = randomBytes(random, 200_000);
    line.host.link.write(data);
    line.run(() => line.board.link.statistics.deliveredBytes === data.length, 60_000);
    assert.isTrue(line.board.bytes.equals(data));
    const share = data.length / (line.host.wireBytes + line.board.wireBytes);
    const busy = line.host.wireBytes / (line.now / 1_000) / BAUD_115200;
    assert.isAbove(share, 0.96);
    assert.isAbove(busy, 0.98);
    assert.equal(line.host.link.statistics.repeatedBytes, 0);
  });

  it("loses nothing when one byte in a thousand is damaged, and still gets most of the line", () => {
    const random = seededRandom(2);
    const line = new LossyLine({ random, bytesPerSecond: BAUD_115200, latencyMs: 20, corrupt: 1e-3 });
    const data = randomBytes(random, 200_000);
    line.host.link.write(data);
    line.run(() => line.board.link.statistics.deliveredBytes === data.length, 120_000);
    assert.isTrue(line.board.bytes.equals(data));
    const rate = data.length / (line.now / 1_000) / BAUD_115200;
    assert.isAbove(rate, 0.65, `goodput ${rate.toFixed(3)} of the line`);
    assert.isBelow(line.host.link.statistics.payload, 250);
  });

  it("goes on after a cut without sending again what had arrived", () => {
    const random = seededRandom(3);
    const cuts = [{ from: 3_000, to: 8_000 }];
    const line = new LossyLine({ random, bytesPerSecond: BAUD_115200, cuts });
    const data = randomBytes(random, 100_000);
    line.host.link.write(data);
    line.run(() => line.board.link.statistics.deliveredBytes === data.length, 60_000);
    assert.isTrue(line.board.bytes.equals(data));
    // What was in flight when the cable was cut, and the probes while it was.
    assert.isAtMost(line.host.link.statistics.repeatedBytes, 8_192 + 10 * 1_024);
  });

  it("gives up after the agreed silence", () => {
    const random = seededRandom(4);
    const cuts = [{ from: 1_000, to: Number.POSITIVE_INFINITY }];
    const line = new LossyLine({ random, bytesPerSecond: BAUD_115200, cuts, silenceMs: 3_000 });
    line.host.link.write(randomBytes(random, 100_000));
    line.run(() => line.host.link.state === "closed", 20_000);
    assert.equal(line.host.link.end, "silent");
    assert.isBelow(line.now, 4_500);
  });

  it("closes in order after everything was delivered", () => {
    const random = seededRandom(5);
    const line = new LossyLine({ random, bytesPerSecond: BAUD_115200 });
    const data = randomBytes(random, 5_000);
    line.host.link.write(data);
    line.run(() => line.host.link.state === "open", 1_000);
    line.host.link.close(line.now);
    line.run(() => line.board.link.state === "closed" && line.host.link.state === "closed", 5_000);
    assert.isTrue(line.board.bytes.equals(data));
    assert.equal(line.board.link.end, "closed");
  });

  it("delivers both streams exactly, on any line (200 seeded schedules)", () => {
    for (let seed = 100; seed < 300; seed += 1) {
      const random = seededRandom(seed);
      const cutFrom = random.integer(0, 4_000);
      const line = new LossyLine({
        random,
        bytesPerSecond: random.pick([1_200, 11_520, 92_160, 1_000_000]),
        latencyMs: random.pick([0, 1, 16, 100]),
        corrupt: random.pick([0, 1e-4, 1e-3, 5e-3]),
        drop: random.pick([0, 1e-4, 1e-3]),
        window: random.pick([2_048, 8_192, 65_535]),
        cuts: random.next() < 0.3 ? [{ from: cutFrom, to: cutFrom + random.integer(10, 6_000) }] : [],
        silenceMs: 60_000,
      });
      const toBoard = randomBytes(random, random.integer(0, 20_000));
      const toHost = randomBytes(random, random.integer(0, 20_000));
      try {
        writeInPieces(random, line.host.link, toBoard);
        writeInPieces(random, line.board.link, toHost);
        line.run(
          () => line.host.bytes.length === toHost.length && line.board.bytes.length === toBoard.length,
          600_000,
        );
        assert.isTrue(line.board.bytes.equals(toBoard), "host to board");
        assert.isTrue(line.host.bytes.equals(toHost), "board to host");
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});

function writeInPieces(
  random: SeededRandom,
  link: { write(bytes: Uint8Array): void },
  data: Uint8Array,
): void {
  for (let at = 0; at < data.length; ) {
    const length = random.integer(1, 3_000);
    link.write(data.subarray(at, at + length));
    at += length;
  }
}
