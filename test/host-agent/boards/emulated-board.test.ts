import { spawn } from "node:child_process";
import { once } from "node:events";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { BoardClient } from "@sluice/host-agent/client";
import { tcpTransport } from "@sluice/host-agent/transport";
import { assert, describe, it } from "vitest";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("startEmulatedBoard", () => {
  it("starts a board that shakes hands, and stops it", async () => {
    const board = await startEmulatedBoard({ name: "twin", geometry: "p4i8o8" });
    const client = await BoardClient.connect(tcpTransport(board));
    assert.equal(client.board.name, "twin");
    assert.equal(client.board.kind, "emulated");
    assert.equal(client.geometry, "p4i8o8");
    assert.isTrue((await client.status()).readings.power?.available === false);
    await client.close();
    await board.stop();
    assert.isFalse(isAlive(board.pid));
    await board.stop();
  });

  it("says what is wrong when the board cannot start", async () => {
    const error = await startEmulatedBoard({ geometry: "p1i1o1" }).catch((thrown) => thrown);
    assert.equal(error.name, "TransportError");
    assert.equal(error.code, "board-failed");
    assert.include(error.found, "p1i1o1");
  });

  it("does not outlive a parent that is killed", async () => {
    const script = `
      import { startEmulatedBoard } from "@sluice/host-agent/boards";
      const board = await startEmulatedBoard();
      process.stdout.write(board.pid + "\\n");
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(parent.stdout, "data");
    const pid = Number(String(line));
    assert.isTrue(isAlive(pid));
    parent.kill("SIGKILL");
    for (let waited = 0; waited < 5_000 && isAlive(pid); waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.isFalse(isAlive(pid), "the board ended with its parent");
  });
});
