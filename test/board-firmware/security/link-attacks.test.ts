/** Every attack of docs/security.md against the live server, with somebody in the middle of a real link. */
import { randomBytes } from "node:crypto";
import { Connection } from "@sluice/board-firmware/connection";
import { BackOff, type HostKeys, LinkGuard, singleHostAccess } from "@sluice/board-firmware/security";
import { BoardClient, type ConnectOptions } from "@sluice/host-agent/client";
import { SecurityError, type SluiceError } from "@sluice/sdk/errors.js";
import { encodeFrame, encodeRequest, hello, pair, remove, status } from "@sluice/sdk/protocol";
import { afterEach, assert, beforeEach, describe, it } from "vitest";
import { randomModel } from "../../support/arithmetic-runner.js";
import { type AttackedBoard, attackedBoard, type Tamper } from "../../support/middleman.js";
import { examples } from "../../support/protocol-examples.js";

const bytes = (count: number) => new Uint8Array(randomBytes(count));
const [boardId, hostId, key] = [bytes(16), bytes(16), bytes(32)];
const keys: HostKeys = { hostId, keyOf: () => key };
const stranger: HostKeys = { hostId: bytes(16), keyOf: () => bytes(32) };
const wrongKey: HostKeys = { hostId, keyOf: () => bytes(32) };
const unaware: HostKeys = { hostId: bytes(16), keyOf: () => undefined };
/** Units of a side before the protected bytes of the client begin. TLS: greeting, hello, CCS, finished. */
const HANDSHAKE_UNITS = { tcp: { host: 4, board: 1 }, serial: { host: 2, board: 2 } };
const { sections } = randomModel(5, [3_000]);
const code = (error: unknown) => (error as SluiceError).code;

for (const kind of ["tcp", "serial"] as const) {
  describe(`a ${kind} link under attack`, () => {
    /** Milliseconds on the clock that makes wrong proofs wait. */
    let now: number;
    let guard: LinkGuard;
    let attacked: AttackedBoard;
    const clients: BoardClient[] = [];

    beforeEach(async () => {
      now = 0;
      guard = new LinkGuard(singleHostAccess(boardId, hostId, key), { backOff: new BackOff(() => now) });
      attacked = await attackedBoard(kind, guard);
    });

    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close();
      await attacked.close();
    });

    async function connect(options: ConnectOptions = {}): Promise<BoardClient> {
      const client = await BoardClient.connect(attacked.open(), { keys, deadlineMs: 4_000, ...options });
      clients.push(client);
      return client;
    }

    const refused = () => guard.counts.refused;
    const failing = (options: ConnectOptions) => connect(options).then(() => "connected", code);

    /** A connected client with a section on the board; then one attack on the next request to take it away. */
    async function attackedRemoval(tamper: Tamper): Promise<{ outcome: string; kept: boolean }> {
      const client = await connect();
      await client.upload(sections);
      const before = attacked.board.store.count;
      const hashes = (await client.sections()).sections.map(({ sha256 }) => sha256);
      attacked.tamper = tamper;
      const outcome = await client.removeSections(hashes).then(() => "done", code);
      await until(() => attacked.board.server.connections === 0);
      return { outcome, kept: attacked.board.store.count === before };
    }

    it("carries an undisturbed conversation, of which the middleman reads nothing", async () => {
      const client = await connect({ client: "a name that travels" });
      await client.upload(sections);
      assert.equal(client.hello.authentication, "pre-shared-key");
      const wire = Buffer.concat(attacked.seen.map(({ unit }) => unit));
      assert.isFalse(wire.includes("a name that travels"));
      for (const { bytes: content } of sections)
        assert.isFalse(wire.includes(Buffer.from(content.subarray(0, 64))));
      assert.deepEqual(guard.counts, { authenticated: 1, refused: {} });
    });

    it("refuses one changed bit of a request, and does not do it", async () => {
      const { outcome, kept } = await attackedRemoval((unit, from) => [
        from === "host" ? flipped(unit) : unit,
      ]);
      assert.oneOf(outcome, ["tampered", "disconnected"]);
      assert.isTrue(kept);
      assert.deepEqual(refused(), { tampered: 1 });
    });

    it("refuses one changed bit of an answer", async () => {
      const client = await connect();
      attacked.tamper = (unit, from) => [from === "board" ? flipped(unit) : unit];
      assert.equal(await client.status().then(() => "done", code), "tampered");
    });

    it("refuses a request that comes twice", async () => {
      const client = await connect();
      attacked.tamper = (unit, from) => (from === "host" ? [unit, unit] : [unit]);
      await client.status().catch(() => undefined);
      await until(() => attacked.board.server.connections === 0);
      assert.deepEqual(refused(), { tampered: 1 });
    });

    it("refuses records that change places", async () => {
      let held: Uint8Array | undefined;
      const { outcome, kept } = await attackedRemoval((unit, from, _index, wire) => {
        if (from !== "host") return [unit];
        if (held) return [unit, held];
        held = unit;
        // A second request follows, so that there are two to exchange.
        setTimeout(() => void clients[0].status().catch(() => undefined), 5);
        setTimeout(() => wire.hangUp(), 3_000).unref();
        return [];
      });
      assert.oneOf(outcome, ["tampered", "disconnected"]);
      assert.isTrue(kept);
      assert.deepEqual(refused(), { tampered: 1 });
    });

    it("refuses what follows a record that was left out", async () => {
      let dropped = false;
      const { kept } = await attackedRemoval((unit, from) => {
        if (from !== "host" || dropped) return [unit];
        dropped = true;
        setTimeout(() => void clients[0].status().catch(() => undefined), 5);
        return [];
      });
      assert.isTrue(kept);
      assert.deepEqual(refused(), { tampered: 1 });
    });

    it("does not do a request whose record was cut short", async () => {
      const { outcome, kept } = await attackedRemoval((unit, from, _index, wire) => {
        if (from !== "host") return [unit];
        wire.to("board", unit.subarray(0, -1));
        setTimeout(() => wire.hangUp(), 20);
        return [];
      });
      assert.equal(outcome, "disconnected");
      assert.isTrue(kept);
    });

    it("refuses a forged record", async () => {
      const { outcome, kept } = await attackedRemoval((unit, from) => {
        if (from !== "host") return [unit];
        const header = kind === "tcp" ? 5 : 2;
        const forged = unit.slice();
        forged.set(bytes(unit.length - header), header);
        return [forged];
      });
      assert.oneOf(outcome, ["tampered", "disconnected"]);
      assert.isTrue(kept);
      assert.deepEqual(refused(), { tampered: 1 });
    });

    it("refuses its own records sent back", async () => {
      const client = await connect();
      attacked.tamper = (unit, from, _index, wire) => {
        if (from === "board") return [];
        wire.to("host", unit);
        return [unit];
      };
      assert.equal(await client.status().then(() => "done", code), "tampered");
    });

    it("takes nothing of a recorded conversation that is played again", async () => {
      const client = await connect();
      await client.upload(sections);
      await client.removeSections((await client.sections()).sections.map(({ sha256 }) => sha256));
      await client.close();
      await until(() => attacked.board.server.connections === 0);
      const recorded = attacked.seen.filter(({ from }) => from === "host").map(({ unit }) => unit);
      assert.isAbove(recorded.length, HANDSHAKE_UNITS[kind].host + 2);
      const again = attacked.direct();
      await again.open({ data: () => undefined, drain: () => undefined, closed: () => undefined }, 5_000);
      for (const unit of recorded) again.send(unit);
      await until(() => Object.keys(refused()).length > 0 || attacked.board.server.connections === 0);
      await again.close();
      assert.equal(guard.counts.authenticated, 1);
      assert.equal(attacked.board.store.count, 0);
    });

    it("does not come about when one bit of greeting, answer or proof is changed", async () => {
      const last = kind === "serial" ? 2 : 1;
      for (const side of ["host", "board"] as const) {
        for (let index = 0; index < last; index += 1) {
          for (const at of [0, 4, 5, 10, 30, 55]) {
            attacked.tamper = (unit, from, i) =>
              from === side && i === index ? [flipped(unit, at % unit.length)] : [unit];
            const outcome = await failing({ connectMs: 1_500 });
            assert.notEqual(outcome, "connected", `${side}, unit ${index}, byte ${at}`);
            now += 60_000;
          }
        }
      }
      // The host's proof was right where only the verdict on it was changed.
      assert.equal(guard.counts.authenticated, kind === "serial" ? 6 : 0);
    });

    it("uses nothing that somebody slips in between greeting and proof", async () => {
      const { exchange, request } = examples[0];
      const header = { code: exchange.code, flags: 0, sequence: 0, id: 1, attachmentBytes: 0 };
      const slipped = encodeFrame(header, encodeRequest(exchange, request));
      for (const side of ["host", "board"] as const) {
        attacked.tamper = (unit, from, index) =>
          from === side && index === 0 ? [Buffer.concat([unit, slipped])] : [unit];
        const outcome = await failing({ connectMs: 5_000 });
        assert.notEqual(outcome, "connected", side);
        now += 60_000;
      }
      // On serial the host had proved itself before what was slipped in behind the answer reached it.
      assert.equal(guard.counts.authenticated, kind === "serial" ? 1 : 0);
    });

    it("does not let the middleman take the proof away", async () => {
      attacked.tamper = (unit, from, index) => {
        if (from !== "board" || index !== 0) return [unit];
        const open = unit.slice();
        open[5] = 0;
        return [open];
      };
      assert.equal(await failing({}), "downgraded");
      assert.equal(await failing({ insecure: true }), "downgraded");
    });

    it("tells an unpaired host to pair, and does nothing else for it", async () => {
      assert.equal(await failing({ keys: stranger }), "not-paired");
      assert.equal(await failing({ keys: unaware, insecure: true }), "not-paired");
      assert.deepEqual(refused(), { "not-paired": 2 });
    });

    it("refuses a host with another key, and after some tries makes it wait", async () => {
      const outcomes: string[] = [];
      for (let tries = 0; tries < 6; tries += 1) outcomes.push(await failing({ keys: wrongKey }));
      assert.deepEqual(outcomes.slice(0, 4), Array(4).fill("wrong-key"));
      assert.equal(outcomes[5], "back-off");
      assert.equal(guard.counts.authenticated, 0);
      now += 60_000;
      await connect();
    });

    it("answers frames without a greeting with a refusal only", async () => {
      for (const [exchange, request] of [
        [hello, examples[0].request],
        [status, {}],
        [remove, { sections: [bytes(32)] }],
        [pair, { client: "x" }],
      ] as const) {
        const connection = new Connection(attacked.direct(), { peer: "board" });
        await connection.start(5_000);
        const error = await connection
          .request(exchange as never, request as never, { deadlineMs: 3_000 })
          .catch((thrown) => thrown);
        assert.instanceOf(error, SecurityError);
        assert.equal(error.code, "not-paired");
        assert.notInclude(JSON.stringify(error), "bench");
        await connection.close();
        await until(() => attacked.board.server.connections === 0);
      }
      assert.equal(guard.counts.authenticated, 0);
    });

    it("does not use a board that does not have the key", async () => {
      const impostor = await attackedBoard(kind, new LinkGuard(singleHostAccess(boardId, hostId, bytes(32))));
      try {
        const outcome = await BoardClient.connect(impostor.open(), { keys }).then(() => "connected", code);
        assert.equal(outcome, "wrong-key");
        assert.equal(impostor.board.runner.device.kind, "emulated");
      } finally {
        await impostor.close();
      }
    });
  });
}

function flipped(unit: Uint8Array, at = unit.length - 1): Uint8Array {
  const changed = unit.slice();
  changed[at] ^= 0x10;
  return changed;
}

async function until(done: () => boolean): Promise<void> {
  for (let waited = 0; !done(); waited += 5) {
    if (waited > 20_000) throw new Error("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
