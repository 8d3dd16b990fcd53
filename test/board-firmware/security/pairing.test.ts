/** Pairing over real links with the live server, and the files it leaves. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "@sluice/board-firmware/connection";
import {
  BackOff,
  FirstPairing,
  HostEnd,
  LinkGuard,
  makePairingCode,
  PairedHosts,
  readPairingCode,
} from "@sluice/board-firmware/security";
import { BoardClient } from "@sluice/host-agent/client";
import { KeyRing, pairBoard } from "@sluice/host-agent/pairing";
import type { SluiceError } from "@sluice/sdk/errors.js";
import { pair, remove, status, toHex } from "@sluice/sdk/protocol";
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest";
import { type AttackedBoard, attackedBoard } from "../../support/middleman.js";

const MINUTE = 60_000;
const code = (error: unknown) => (error as SluiceError).code;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-pairing-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

for (const kind of ["tcp", "serial"] as const) {
  describe(`pairing over ${kind}`, () => {
    let now: number;
    let hosts: PairedHosts;
    let ring: KeyRing;
    let guard: LinkGuard;
    let attacked: AttackedBoard;

    beforeEach(async () => {
      now = 1;
      hosts = new PairedHosts(join(folder, "board"), { now: () => now });
      ring = new KeyRing(join(folder, "host"));
      guard = new LinkGuard(hosts, { backOff: new BackOff(() => now) });
      attacked = await attackedBoard(kind, guard);
    });
    afterEach(() => attacked.close());

    const pairing = (typed: string, keyRing = ring) =>
      pairBoard(attacked.open(), { ring: keyRing, code: typed, link: "bench", client: "ada@bench" })
        .then(() => "paired")
        .catch(code);
    const connecting = async (keyRing = ring) => {
      const client = await BoardClient.connect(attacked.open(), { keys: keyRing });
      const { authentication } = client.hello;
      await client.close();
      return authentication;
    };

    it("makes two strangers know each other, and the code nothing more", async () => {
      assert.equal(await connecting().catch(code), "not-paired");
      const offered = hosts.offerCode(10 * MINUTE);
      assert.equal(await pairing(offered.toLowerCase().replace("-", " ")), "paired");
      assert.equal(await connecting(), "pre-shared-key");
      assert.equal(hosts.list()[0].name, "ada@bench");
      assert.equal(hosts.list()[0].key, ring.list()[0].key);
      assert.equal(await pairing(offered, new KeyRing(join(folder, "other"))), "pairing-closed");
      const wire = Buffer.concat(attacked.seen.map(({ unit }) => unit));
      assert.isFalse(wire.includes(Buffer.from(hosts.list()[0].key, "hex")));
    });

    it("uses a code up with one wrong try", async () => {
      const offered = hosts.offerCode(10 * MINUTE);
      const wrong = offered.startsWith("0") ? "1111-1111" : "0000-0000";
      assert.equal(await pairing(wrong), "wrong-code");
      assert.equal(await pairing(offered), "pairing-closed");
      assert.equal(hosts.list().length, 0);
      assert.equal(guard.counts.refused["wrong-code"], 1);
    });

    it("takes no code after its time, and none before somebody asked for one", async () => {
      assert.equal(await pairing("0000-0000"), "pairing-closed");
      const offered = hosts.offerCode(10 * MINUTE);
      now += 10 * MINUTE;
      assert.equal(await pairing(offered), "pairing-closed");
    });

    it("lets two hosts with one code fight for it, and one win", async () => {
      const offered = hosts.offerCode(10 * MINUTE);
      if (kind === "serial") return; // one cable, one host
      const rings = [ring, new KeyRing(join(folder, "second"))];
      const outcomes = await Promise.all(rings.map((keyRing) => pairing(offered, keyRing)));
      assert.equal(outcomes.filter((outcome) => outcome === "paired").length, 1, outcomes.join());
      assert.equal(hosts.list().length, 1);
    });

    it("forgets a host at once", async () => {
      await pairing(hosts.offerCode(10 * MINUTE));
      await connecting();
      // Another process does so: the running board reads the file anew.
      assert.equal(new PairedHosts(join(folder, "board")).forget("ada@bench"), 1);
      assert.equal(await connecting().catch(code), "not-paired");
    });

    it("does nothing else on a connection that pairs, and pairs on no other", async () => {
      for (const exchange of [status, remove]) {
        const offered = hosts.offerCode(10 * MINUTE);
        const keys = { hostId: ring.hostId, keyOf: () => undefined };
        const connection = new Connection(new HostEnd(attacked.open(), { keys, code: offered }), {
          peer: "b",
        });
        await connection.start(10_000);
        const request = exchange === remove ? { sections: [new Uint8Array(32)] } : {};
        const error = await connection
          .request(exchange as never, request as never, { deadlineMs: 3_000 })
          .catch(code);
        assert.equal(error, "handshake-first");
        await connection.close();
        assert.equal(hosts.list().length, 0);
      }
      await pairing(hosts.offerCode(10 * MINUTE));
      const connection = new Connection(new HostEnd(attacked.open(), { keys: ring }), { peer: "b" });
      await connection.start(10_000);
      const error = await connection.request(pair, { client: "again" }, { deadlineMs: 3_000 }).catch(code);
      assert.equal(error, "handshake-first");
      await connection.close();
    });

    it("gives somebody between the two nothing: a changed greeting is a wrong code", async () => {
      const offered = hosts.offerCode(10 * MINUTE);
      // The middleman puts a share of its own in place of the host's, as it would have to.
      attacked.tamper = (unit, from, index) => {
        if (from !== "host" || index !== 0) return [unit];
        const changed = unit.slice();
        changed.set(randomBytes(32), 24);
        return [changed];
      };
      assert.equal(await pairing(offered), "wrong-code");
      assert.equal(hosts.list().length, 0);
      assert.equal(ring.list().length, 0);
    });
  });
}

describe("files with keys", () => {
  it("belong to their owner only, in whole", () => {
    const hosts = new PairedHosts(join(folder, "state"));
    hosts.addHost({ id: "0".repeat(32), name: "h" }, new Uint8Array(32));
    hosts.offerCode(MINUTE);
    for (const name of readdirSync(join(folder, "state"))) {
      assert.notInclude(name, ".part");
      assert.equal(statSync(join(folder, "state", name)).mode & 0o777, 0o600, name);
    }
    assert.equal(statSync(join(folder, "state")).mode & 0o077, 0);
  });

  it("are refused when others can read them, and when they are damaged", () => {
    const path = join(folder, "state");
    new PairedHosts(path);
    const file = join(path, "paired-hosts.json");
    chmodSync(file, 0o644);
    assert.throws(() => new PairedHosts(path), /can be read by others/);
    chmodSync(file, 0o600);
    writeFileSync(file, '{"board": "zz"}');
    assert.throws(() => new PairedHosts(path), /cannot be used/);
  });

  it("are refused by name where no folder can be made for them", () => {
    const inTheWay = join(folder, "file");
    writeFileSync(inTheWay, "");
    // Node's own recursive mkdir never returns in /proc.
    for (const path of [join(inTheWay, "state"), "/proc/sluice-test/state"]) {
      let refused: unknown;
      try {
        new PairedHosts(path);
      } catch (error) {
        refused = error;
      }
      assert.equal(code(refused), "bad-secret-file", path);
    }
  });

  it("keep the identity of board and host", () => {
    const path = join(folder, "state");
    assert.deepEqual(new PairedHosts(path).boardId, new PairedHosts(path).boardId);
    const ring = new KeyRing(join(folder, "host"));
    ring.add({ id: "1".repeat(32), name: "b", key: "2".repeat(64), link: "l" });
    assert.equal(toHex(new KeyRing(join(folder, "host")).hostId), toHex(ring.hostId));
    assert.equal(new KeyRing(join(folder, "host")).forget("l").length, 1);
    assert.equal(ring.list().length, 0);
  });
});

describe("pairing codes", () => {
  it("are read as people type them", () => {
    for (let i = 0; i < 200; i += 1) {
      const made = makePairingCode();
      assert.match(made, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
      assert.equal(readPairingCode(` ${made.toLowerCase().replace("-", "")} `), made);
    }
    assert.equal(readPairingCode("oil0-1234"), "0110-1234");
    for (const wrong of ["", "1234", "1234-567U", "1234-56789"]) assert.isUndefined(readPairingCode(wrong));
  });

  it("are offered anew after a wrong try, later each time, and not for ever", () => {
    vi.useFakeTimers();
    try {
      const shown: string[] = [];
      const hosts = new PairedHosts(join(folder, "state"));
      const first = new FirstPairing(hosts, (offered) => shown.push(offered));
      first.start();
      const waits: number[] = [];
      for (let tries = 0; tries < 12; tries += 1) {
        const before = shown.length;
        hosts.useUpCode(shown.at(-1)!);
        first.failed();
        let waited = 0;
        for (; waited < 120 && shown.length === before; waited += 1) vi.advanceTimersByTime(1_000);
        waits.push(waited);
      }
      assert.equal(new Set(shown).size, 10);
      assert.deepEqual(waits.slice(0, 6), [2, 4, 8, 16, 32, 60]);
      first.stop();
      assert.isUndefined(hosts.pairingCode());
    } finally {
      vi.useRealTimers();
    }
  });

  it("make an address wait longer after every wrong proof, and remember few addresses", () => {
    let now = 0;
    const backOff = new BackOff(() => now);
    const waits = Array.from({ length: 12 }, () => {
      backOff.failed("a");
      return backOff.secondsLeft("a");
    });
    assert.deepEqual(waits, [0, 0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
    now += 30_000;
    assert.equal(backOff.secondsLeft("a"), 0);
    backOff.failed("a");
    for (let i = 0; i < 300; i += 1) backOff.failed(`address ${i}`);
    assert.equal(backOff.secondsLeft("a"), 0, "the oldest is forgotten");
  });
});
