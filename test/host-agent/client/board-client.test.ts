import { listenTcp } from "@sluice/board-firmware/server/listeners/tcp.js";
import { tcpTransport } from "@sluice/board-firmware/transport";
import { BoardClient } from "@sluice/host-agent/client";
import { afterEach, assert, describe, it } from "vitest";
import { expectedOutput, randomModel, sumOfSections } from "../../support/arithmetic-runner.js";
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

describe("BoardClient", () => {
  for (const link of ["memory", "tcp"] as const) {
    it(`installs, runs, reads layers and dumps over ${link}`, async () => {
      const board = boardFor();
      const listener = await listenTcp(board.server, { port: 0 });
      open.push({ close: () => board.server.close().then(() => listener.close()) });
      const client = await connect(link === "tcp" ? tcpTransport({ port: listener.port }) : board.link());
      assert.equal(client.board.name, "bench");
      assert.deepEqual(client.hello.codecs, ["raw", "deflate"]);

      const { plan, sections, frames } = randomModel(1);
      const total = sections.reduce((sum, { bytes }) => sum + bytes.length, 0);
      const progress: number[] = [];
      const report = await client.install(plan, sections, { onProgress: ({ done }) => progress.push(done) });
      assert.deepEqual(report, { bytesSent: total, bytesTotal: total, sectionsSent: 4, sectionsKept: 0 });
      assert.equal(progress.at(-1), total);

      const inputs = frames(50);
      const seen: number[] = [];
      const run = await client.run(inputs, { batch: 7, firstIndex: 100, onOutput: (i) => seen.push(i) });
      const imageSum = sumOfSections(sections);
      const expected = Buffer.concat(inputs.map((frame) => expectedOutput(frame, 64, imageSum)));
      assert.isTrue(expected.equals(run.outputs));
      assert.equal(run.cycles, 50_000);
      assert.deepEqual(
        seen,
        Array.from({ length: 50 }, (_, i) => 100 + i),
      );

      const { frame, layers } = await client.readLayers();
      assert.equal(frame, 149);
      assert.equal(layers.length, 5);
      const dumped = await client.dumpLayer(2, inputs[0]);
      assert.deepEqual(dumped.shape, [2, 3, 4]);
      assert.equal(dumped.codes[0], ((inputs[0][0] + 2) << 24) >> 24);
    });
  }

  it("sends only what the board lacks", async () => {
    const board = boardFor();
    const client = await connect(board.link());
    const { plan, sections } = randomModel(2);
    await client.install(plan, sections);
    const again = await client.install(plan, sections);
    assert.equal(again.bytesSent, 0);
    assert.equal(board.runner.loads, 1, "an equal plan is not loaded twice");
    const changed = sections.map((section, i) =>
      i === 2 ? { ...section, bytes: section.bytes.map((byte) => byte ^ 1) } : section,
    );
    const one = await client.install(plan, changed);
    assert.equal(one.bytesSent, changed[2].bytes.length);
    assert.equal(one.sectionsSent, 1);
  });

  it("reads the layers of every frame when asked", async () => {
    const client = await connect(boardFor().link());
    const { plan, sections, frames } = randomModel(3);
    await client.install(plan, sections);
    const read: number[] = [];
    await client.run(frames(4), { onLayers: ({ frame }) => read.push(frame) });
    assert.deepEqual(read, [0, 1, 2, 3]);
  });

  it("tells the second host who holds the board, and lets it look", async () => {
    const board = boardFor();
    const first = await connect(board.link(), { client: "first" });
    const second = await BoardClient.connect(board.link(), { client: "second" }).catch((error) => error);
    assert.equal(second.code, "busy");
    assert.include(second.found, "first");
    const looker = await connect(board.link(), { hold: false });
    assert.equal((await looker.status()).holder?.client, "first");
    const refused = await looker.removeSections([new Uint8Array(32)]).catch((error) => error);
    assert.equal(refused.code, "no-hold");
    await first.close();
    await connect(board.link(), { client: "second" });
  });

  it("gives a host its own hold back", async () => {
    const board = boardFor();
    const clientId = new Uint8Array(16).fill(7);
    const first = await connect(board.link(), { clientId });
    const second = await connect(board.link(), { clientId });
    await second.status();
    const lost = await first.status().catch((error) => error);
    assert.equal(lost.code, "replaced");
  });

  it("frees a board whose host fell silent", async () => {
    const board = boardFor({ limits: { idleMs: 200 } });
    const link = board.link();
    const client = await BoardClient.connect(link);
    link.send = () => undefined; // the cable is cut, but nobody hears of it
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.isUndefined(board.board.hold.holder);
    await connect(board.link(), { client: "next" });
    await client.close();
  });

  it("keeps a board while it is only thinking", async () => {
    const board = boardFor({ limits: { idleMs: 300 } });
    const client = await connect(board.link());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.isDefined(board.board.hold.holder, "the heartbeat keeps it");
    await client.status();
  });

  it("reports what the device reports, in its own class", async () => {
    const client = await connect(boardFor().link());
    const { plan, sections, frames } = randomModel(5);
    await client.install(plan, sections);
    const error = await client.dumpLayer(99, frames(1)[0]).catch((thrown) => thrown);
    assert.equal(error.name, "DeviceError");
    assert.equal(error.code, "no-such-layer");
    assert.equal(error.place, "board bench");
    const early = await client.readLayers().catch((thrown) => thrown);
    assert.equal(early.code, "no-frame");
  });

  it("refuses a port where nobody listens", async () => {
    const error = await BoardClient.connect(tcpTransport({ port: 1 })).catch((thrown) => thrown);
    assert.equal(error.name, "TransportError");
    assert.equal(error.code, "refused");
  });
});
