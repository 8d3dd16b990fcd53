import { listenSerial } from "@sluice/board-firmware/server/listeners/serial.js";
import { type CableOptions, makeCable } from "@sluice/board-firmware/testing";
import { BoardClient } from "@sluice/host-agent/client";
import { serialTransport } from "@sluice/host-agent/transport";
import { pino } from "pino";
import { afterEach, assert, describe, it } from "vitest";
import { expectedOutput, randomModel, sumOfSections } from "../../support/arithmetic-runner.js";
import { seededRandom } from "../../support/seeded-random.js";
import { startTestBoard } from "../../support/test-board.js";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

async function boardOnSerial(cableOptions: CableOptions) {
  const cable = makeCable(cableOptions);
  open.push(cable);
  const board = startTestBoard();
  open.push(board);
  open.push(await listenSerial(board.server, { path: cable.paths[1] }, pino({ level: "silent" })));
  return { cable, board };
}

describe("BoardClient over serial", () => {
  it("installs and runs over a pseudo-terminal", async () => {
    const { cable } = await boardOnSerial({});
    const client = await BoardClient.connect(serialTransport({ path: cable.paths[0] }));
    open.push(client);
    const { plan, sections, frames } = randomModel(21);
    const report = await client.install(plan, sections);
    assert.equal(report.bytesSent, report.bytesTotal);
    const inputs = frames(40);
    const { outputs } = await client.run(inputs);
    const imageSum = sumOfSections(sections);
    const expected = Buffer.concat(inputs.map((frame) => expectedOutput(frame, 64, imageSum)));
    assert.isTrue(expected.equals(outputs));
    assert.equal((await client.readLayers()).frame, 39);
  });

  it("resumes an upload after the cable was cut, without sending again what had arrived", async () => {
    const { cable, board } = await boardOnSerial({ baud: 460_800 });
    const lost: string[] = [];
    const client = await BoardClient.connect(
      () => serialTransport({ path: cable.paths[0] }, { silenceMs: 700 }),
      { reconnectMs: 20_000, connectMs: 1_000, onReconnect: ({ code }) => lost.push(code) },
    );
    open.push(client);
    const { plan, sections } = randomModel(22, [640, 60_000, 60_000]);
    let cutAt = 0;
    const report = await client.install(plan, sections, {
      onProgress: ({ done }) => {
        if (cutAt > 0 || done < 40_000) return;
        cutAt = done;
        cable.cut();
        // Longer than the link waits: it is given up and has to be opened again.
        setTimeout(() => cable.mend(), 2_000);
      },
    });
    assert.deepEqual(lost, ["disconnected"]);
    assert.equal(report.bytesSent, 120_640);
    assert.equal(board.store.count, 3);
    // Everything on the wire in that direction, lost packets and the repeated handshake included.
    assert.isBelow(
      cable.carried[0],
      120_640 * 1.04 + 3 * 32_256,
      "what was in flight may be sent twice, no more",
    );
  });

  it("goes on after a short cut without even noticing", async () => {
    const { cable } = await boardOnSerial({ baud: 460_800 });
    const client = await BoardClient.connect(serialTransport({ path: cable.paths[0] }));
    open.push(client);
    const { plan, sections } = randomModel(23, [640, 100_000]);
    let cut = false;
    await client.install(plan, sections, {
      onProgress: () => {
        if (cut) return;
        cut = true;
        cable.cut();
        setTimeout(() => cable.mend(), 500);
      },
    });
    assert.isTrue(cut);
  });

  it("loses nothing when one byte in a thousand is damaged", async () => {
    const { cable, board } = await boardOnSerial({ corrupt: 1e-3, random: seededRandom(5).next });
    const client = await BoardClient.connect(serialTransport({ path: cable.paths[0] }));
    open.push(client);
    const { plan, sections, frames } = randomModel(24, [640, 50_000]);
    await client.install(plan, sections);
    assert.equal(board.store.count, 2);
    const inputs = frames(30);
    const { outputs } = await client.run(inputs);
    const imageSum = sumOfSections(sections);
    assert.isTrue(Buffer.concat(inputs.map((frame) => expectedOutput(frame, 64, imageSum))).equals(outputs));
  });
});
