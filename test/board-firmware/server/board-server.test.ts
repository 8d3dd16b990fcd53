import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "@sluice/board-firmware/connection";
import { HostEnd } from "@sluice/board-firmware/security";
import { memoryPair, type Transport } from "@sluice/board-firmware/transport";
import { BoardClient } from "@sluice/host-agent/client";
import { userKeyRing } from "@sluice/host-agent/pairing";
import { encodeFrame, encodeRequest, hello, run, status, upload } from "@sluice/sdk/protocol";
import { afterEach, assert, describe, it } from "vitest";
import { randomModel } from "../../support/arithmetic-runner.js";
import { examples } from "../../support/protocol-examples.js";
import { startTestBoard, type TestBoard } from "../../support/test-board.js";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

function boardFor(options?: Parameters<typeof startTestBoard>[0]): TestBoard {
  const board = startTestBoard(options);
  open.push(board);
  return board;
}

async function connect(...args: Parameters<typeof BoardClient.connect>): Promise<BoardClient> {
  const client = await BoardClient.connect(...args);
  open.push(client);
  return client;
}

/** A connection whose host proved itself and has not said hello. */
async function silentHost(board: TestBoard): Promise<Connection> {
  const connection = new Connection(new HostEnd(board.link(), { keys: userKeyRing() }), { peer: "board" });
  await connection.start(1_000);
  open.push(connection);
  return connection;
}

const asks = { deadlineMs: 2_000 };

describe("board server", () => {
  it("wants a hello first", async () => {
    const connection = await silentHost(boardFor());
    const error = await connection.request(status, {}, asks).catch((thrown) => thrown);
    assert.equal(error.code, "handshake-first");
    assert.isFalse(connection.open);
  });

  it("names both versions when they do not match", async () => {
    const connection = await silentHost(boardFor());
    const future = { ...(examples[0].request as object), protocol: { lowest: 7, highest: 9 } };
    const error = await connection.request(hello, future as never, asks).catch((thrown) => thrown);
    assert.equal(error.code, "protocol-version");
    assert.include(error.found, "versions 7 to 9");
    assert.include(error.expected, "version 1");
    assert.include(error.hint, "Update the runtime on the board");
  });

  it("closes a connection that never says hello", async () => {
    const board = boardFor({ handshakeMs: 200 });
    const connection = await silentHost(board);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    assert.isFalse(connection.open);
    assert.equal(board.server.connections, 0);
  });

  it("takes no attachment from a connection that only looks", async () => {
    const board = boardFor();
    const connection = await silentHost(board);
    await connection.request(
      hello,
      { ...(examples[0].request as never as object), hold: false } as never,
      asks,
    );
    const request = { sha256: new Uint8Array(32), bytes: 10, offset: 0 };
    const attachment = new Uint8Array(10);
    const error = await connection
      .request(upload, request, { ...asks, attachment })
      .catch((thrown) => thrown);
    assert.equal(error.code, "frame-too-long");
  });

  it("ends a connection that asks more at once than was agreed", async () => {
    const board = boardFor({ limits: { outstanding: 2 } });
    const { plan, sections, frames } = randomModel(31);
    const client = await connect(board.link(), { clientId: new Uint8Array(16) });
    await client.install(plan, sections);
    board.runner.delayMs = 100;
    const connection = await silentHost(board);
    await connection.request(
      hello,
      { ...(examples[0].request as object), clientId: new Uint8Array(16) } as never,
      asks,
    );
    const ask = () =>
      connection.request(
        run,
        { model: 1, indices: [0], readLayers: false },
        { ...asks, attachment: frames(1)[0] },
      );
    const answers = await Promise.allSettled([ask(), ask(), ask()]);
    const codes = answers.map((answer) => (answer.status === "rejected" ? answer.reason.code : "ok"));
    assert.include(codes, "too-many-requests");
  });

  it("answers an exchange it does not know, and goes on", async () => {
    const board = boardFor({ open: true });
    const [host, boardEnd] = memoryPair();
    void board.server.accept(boardEnd);
    const received: Buffer[] = [];
    const handlers = {
      data: (bytes: Uint8Array) => void received.push(Buffer.from(bytes)),
      drain: () => undefined,
      closed: () => undefined,
    };
    await host.open(handlers, 1_000);
    open.push(host);
    const send = (code: number, sequence: number, body: Uint8Array) =>
      host.send(encodeFrame({ code, flags: 0, sequence, id: sequence + 1, attachmentBytes: 0 }, body));
    send(hello.code, 0, encodeRequest(hello, examples[0].request as never));
    send(0x7e, 1, Uint8Array.of(0xa0));
    send(status.code, 2, Uint8Array.of(0xa0));
    await until(() => Buffer.concat(received).includes("uptimeMs"));
    assert.isTrue(Buffer.concat(received).includes("unknown-exchange"));
  });

  it("puts an upload on disk while it arrives, and goes on there after the link broke", async () => {
    const board = boardFor({ open: true });
    const content = new Uint8Array(50_000).map((_, i) => i * 7);
    const sha256 = new Uint8Array(createHash("sha256").update(content).digest());
    const section = { kind: "weights", name: "w", offset: 0, bytes: content } as const;
    const link = board.link();
    const sendWhole = link.send.bind(link);
    let broken = false;
    // The cable breaks in the middle of the attachment.
    link.send = (bytes) => {
      if (bytes.length < 10_000) return sendWhole(bytes);
      if (broken) return;
      broken = true;
      sendWhole(bytes.subarray(0, 9_000));
      setImmediate(() => void link.close());
    };
    let first: Transport | undefined = link;
    const source = () => {
      const next = first ?? board.link();
      first = undefined;
      return next;
    };
    const client = await connect(source, { clientId: new Uint8Array(16) });
    const report = await client.upload([section]);
    assert.isTrue(broken);
    assert.equal(report.bytesSent, 50_000);
    assert.isTrue((await client.have([sha256]))[0].complete);
    // The second connection carried what was missing, its handshake, and nothing twice.
    assert.isBelow(client.traffic.bytesSent, 50_000 - 9_000 + 2_000);
  });

  it.each([
    ["damaged on disk", (bytes: number) => new Uint8Array(bytes)],
    ["left empty when power failed", () => new Uint8Array(0)],
  ])("asks for a section again that was %s", async (_, contentOf) => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-damaged-"));
    const { plan, sections } = randomModel(33);
    const before = startTestBoard({ directory });
    const first = await BoardClient.connect(before.link());
    await first.install(plan, sections);
    await first.close();
    await before.close();
    const [name] = readdirSync(join(directory, "sections"));
    const length = sections.find(({ bytes }) => createHash("sha256").update(bytes).digest("hex") === name)
      ?.bytes.length;
    writeFileSync(join(directory, "sections", name), contentOf(length ?? 0));
    const after = boardFor({ directory });
    const client = await connect(after.link());
    const report = await client.install(plan, sections);
    assert.equal(report.sectionsSent, 1);
    assert.equal(report.bytesSent, length);
    rmSync(directory, { recursive: true, force: true });
  });

  it("asks for all damaged sections at once", async () => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-damaged-"));
    const { plan, sections } = randomModel(33);
    const before = startTestBoard({ directory });
    const first = await BoardClient.connect(before.link());
    await first.install(plan, sections);
    await first.close();
    await before.close();
    const names = readdirSync(join(directory, "sections"));
    assert.isAbove(names.length, 2);
    // More than one after another would take more rounds than a host has patience for.
    for (const name of names) {
      const path = join(directory, "sections", name);
      writeFileSync(path, new Uint8Array(readFileSync(path).length));
    }
    const after = boardFor({ directory });
    const client = await connect(after.link());
    assert.equal((await client.install(plan, sections)).sectionsSent, names.length);
    rmSync(directory, { recursive: true, force: true });
  });

  it("runs again what was lost with the link, and counts every frame once", async () => {
    const board = boardFor();
    const clientId = new Uint8Array(16).fill(3);
    let links = 0;
    let current: Transport | undefined;
    const client = await connect(
      () => {
        links += 1;
        current = board.link();
        return current;
      },
      { clientId },
    );
    const { plan, sections, frames } = randomModel(34);
    await client.install(plan, sections);
    board.runner.delayMs = 20;
    const inputs = frames(40);
    const seen: number[] = [];
    const { outputs } = await client.run(inputs, {
      batch: 4,
      onOutput: (index) => {
        seen.push(index);
        if (index === 11 || index === 23) void current?.close();
      },
    });
    assert.equal(links, 3);
    assert.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, i) => i),
    );
    const again = await client.run(inputs);
    assert.isTrue(Buffer.from(again.outputs).equals(outputs));
  });

  it("tells its hosts when it shuts down", async () => {
    const board = startTestBoard();
    const client = await BoardClient.connect(board.link());
    await board.close();
    const error = await client.status().catch((thrown) => thrown);
    assert.equal(error.code, "shutting-down");
    await client.close();
  });

  it("names the deadline a silent board missed", async () => {
    const board = boardFor();
    const link = board.link();
    const client = await connect(link, { deadlineMs: 150 });
    const send = link.send.bind(link);
    link.send = () => undefined;
    const error = await client.status().catch((thrown) => thrown);
    link.send = send;
    assert.equal(error.name, "TransportError");
    assert.equal(error.code, "timeout");
    assert.include(error.place, "memory");
  });
});

async function until(done: () => boolean): Promise<void> {
  for (let waited = 0; !done(); waited += 5) {
    if (waited > 3_000) throw new Error("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
