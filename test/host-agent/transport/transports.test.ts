import { createServer, type Server } from "node:net";
import { makeCable } from "@sluice/board-firmware/testing";
import {
  acceptedTcp,
  memoryPair,
  type ReliableTransport,
  SerialAcceptor,
  SerialTransport,
  serialTransport,
  type Transport,
  tcpTransport,
} from "@sluice/host-agent/transport";
import { assert, describe, it } from "vitest";
import { type TransportPair, transportContract } from "../../contract/transport.js";
import { seededRandom } from "../../support/seeded-random.js";

const DEADLINE_MS = 5_000;

transportContract("memory", async () => {
  const [host, board] = memoryPair();
  return {
    async open(atHost, atBoard) {
      await host.open(atHost, DEADLINE_MS);
      await board.open(atBoard, DEADLINE_MS);
      return { host, board };
    },
    close: () => host.close(),
  };
});

transportContract("tcp", async () => {
  const accepted: ((transport: Transport) => void)[] = [];
  const server: Server = createServer((socket) => accepted.shift()?.(acceptedTcp(socket)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const ends: Transport[] = [];
  return {
    async open(atHost, atBoard) {
      const incoming = new Promise<Transport>((resolve) => accepted.push(resolve));
      const host = tcpTransport({ port });
      await host.open(atHost, DEADLINE_MS);
      const board = await incoming;
      await board.open(atBoard, DEADLINE_MS);
      ends.push(host, board);
      return { host, board };
    },
    async close() {
      await Promise.all(ends.map((end) => end.close()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
});

async function serialPair(cableOptions: Parameters<typeof makeCable>[0]): Promise<TransportPair> {
  const cable = makeCable(cableOptions);
  let acceptor: SerialAcceptor | undefined;
  let host: Transport | undefined;
  return {
    async open(atHost, atBoard) {
      const incoming = new Promise<ReliableTransport>((resolve) => {
        acceptor = new SerialAcceptor(
          new SerialTransport({ path: cable.paths[1] }),
          (transport) => {
            void transport.open(atBoard, DEADLINE_MS);
            resolve(transport);
          },
          () => undefined,
        );
      });
      await acceptor?.open(DEADLINE_MS);
      host = serialTransport({ path: cable.paths[0] });
      await host.open(atHost, DEADLINE_MS);
      return { host, board: await incoming };
    },
    async close() {
      await host?.close();
      await acceptor?.close();
      await cable.close();
    },
  };
}

transportContract("serial", () => serialPair({}));
transportContract("serial with one byte in a thousand damaged,", () =>
  serialPair({ corrupt: 1e-3, random: seededRandom(9).next }),
);

describe("opening a link", () => {
  const handlers = { data: () => undefined, drain: () => undefined, closed: () => undefined };
  const codeOf = (opening: Promise<void>) => opening.then(() => "opened").catch((error) => error.code);

  it("names a serial port that is not there", async () => {
    assert.equal(
      await codeOf(serialTransport({ path: "/dev/no-such-port" }).open(handlers, 1_000)),
      "no-such-port",
    );
  });

  it("gives up when nobody answers on the serial port", async () => {
    const cable = makeCable();
    assert.equal(await codeOf(serialTransport({ path: cable.paths[0] }).open(handlers, 600)), "timeout");
    await cable.close();
  });

  it("names a TCP port where nobody listens, and a host that does not exist", async () => {
    assert.equal(await codeOf(tcpTransport({ port: 1 }).open(handlers, 1_000)), "refused");
    assert.equal(
      await codeOf(tcpTransport({ host: "no-such-host.invalid" }).open(handlers, 5_000)),
      "no-such-host",
    );
  });
});
