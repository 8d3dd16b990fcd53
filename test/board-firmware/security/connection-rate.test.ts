/** Strangers that connect again and again: a limit for each address, and none for hosts that prove themselves. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { ConnectionRate, LinkGuard, singleHostAccess } from "@sluice/board-firmware/security";
import { listenTcp } from "@sluice/board-firmware/server/listeners/tcp.js";
import { BoardClient } from "@sluice/host-agent/client";
import { tcpTransport } from "@sluice/host-agent/transport";
import { afterEach, describe, expect, it } from "vitest";
import { startTestBoard } from "../../support/test-board.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe("ConnectionRate", () => {
  it("allows a burst, then so many a second, address by address, and remembers few", () => {
    let now = 0;
    const rate = new ConnectionRate(() => now);
    const allowed = (address: string, tries: number) =>
      Array.from({ length: tries }, () => rate.take(address)).filter(Boolean).length;
    expect(allowed("a", 100)).toBe(40);
    expect(allowed("b", 100)).toBe(40);
    now += 1_000;
    expect(allowed("a", 100)).toBe(5);
    now += 3_600_000;
    expect(allowed("a", 100)).toBe(40);
    rate.giveBack("a");
    expect(allowed("a", 2)).toBe(1);
    for (let index = 0; index < 1_000; index += 1) rate.take(`address ${index}`);
    expect(rate.addresses).toBe(256);
  });
});

describe("a board whose address book is tried", () => {
  it("hangs up on an address that is too fast, and lets others and the proven in", async () => {
    let now = 0;
    const bytes = (count: number) => new Uint8Array(randomBytes(count));
    const [boardId, hostId, key] = [bytes(16), bytes(16), bytes(32)];
    const guard = new LinkGuard(singleHostAccess(boardId, hostId, key), {
      rate: new ConnectionRate(() => now),
    });
    const board = startTestBoard({ guard });
    closing.push(() => board.close());
    const listener = await listenTcp(board.server, { port: 0 });
    closing.push(() => listener.close());

    const knock = (localAddress: string) =>
      new Promise<void>((resolve) => {
        const socket = connect({ host: "127.0.0.1", port: listener.port, localAddress });
        socket.on("error", () => undefined).on("close", () => resolve());
        socket.on("data", () => socket.destroy());
        socket.end("GET / HTTP/1.0\r\n\r\n");
      });
    const deploy = async () => {
      const keys = { hostId, keyOf: () => key };
      const client = await BoardClient.connect(tcpTransport({ port: listener.port }), { keys, hold: false });
      await client.status();
      await client.close();
    };
    // A host that proves itself may come as often as it likes.
    for (let round = 0; round < 60; round += 1) await deploy();
    for (let round = 0; round < 50; round += 1) await knock("127.0.0.1");
    expect(guard.counts.refused).toEqual({ "not-paired": 40, "too-fast": 10 });
    await knock("127.7.7.7");
    expect(guard.counts.refused).toEqual({ "not-paired": 41, "too-fast": 10 });
    await expect(deploy()).rejects.toMatchObject({ code: "disconnected" });
    now += 1_000;
    await deploy();
  });
});
