/** Pairing, keys and signatures as a person types them, against real processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runBoard } from "@sluice/board-firmware/main.js";
import type { SluiceError } from "@sluice/sdk/errors.js";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import { runSluice } from "../../support/run-sluice.js";

const script = fileURLToPath(new URL("../../../board-firmware/bin/sluice-board.js", import.meta.url));
const boards: ChildProcess[] = [];
let folder: string;
const configHome = process.env.XDG_CONFIG_HOME;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-security-"));
  process.env.XDG_CONFIG_HOME = join(folder, "config");
});

afterAll(async () => {
  for (const board of boards) {
    const ended = new Promise((resolve) => board.once("exit", resolve));
    board.stdin?.end();
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
  if (configHome === undefined) delete process.env.XDG_CONFIG_HOME;
  else process.env.XDG_CONFIG_HOME = configHome;
});

/** The board's own process: its first line, and whatever it says on its console. */
async function board(...args: string[]): Promise<{ link: string; console: () => string }> {
  const child = spawn(process.execPath, [script, "--with-parent", "--tcp", "127.0.0.1:0", ...args]);
  boards.push(child);
  let console = "";
  child.stderr.on("data", (text) => {
    console += String(text);
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (text) => resolve(String(text)));
    child.once("exit", () => reject(new Error(console)));
  });
  return { link: `tcp:127.0.0.1:${JSON.parse(line).tcp.port}`, console: () => console };
}

async function boardCommand(...args: string[]): Promise<string> {
  const { stdout } = await runSluice(["board", ...args]);
  return stdout;
}

describe("sluice pair", () => {
  it("pairs with the code on the board's console, and forgets", async () => {
    const state = join(folder, "state");
    const { link, console } = await board("--state", state);
    const code = /--code (\S+)/.exec(console())?.[1] ?? "";
    assert.match(code, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);

    const stranger = await runSluice(["deploy", "--link", link, "--limit", "1"]);
    assert.equal(stranger.code, 4);
    assert.include(stranger.stderr, "[not-paired]");

    const paired = await runSluice([
      "pair",
      "--link",
      link,
      "--code",
      code,
      "--name",
      "bench",
      "--json",
      "-",
    ]);
    assert.equal(paired.code, 0, paired.stderr);
    assert.include(JSON.parse(paired.stdout), { name: "bench", link, authentication: "pre-shared-key" });
    assert.equal(statSync(join(folder, "config", "sluice", "paired-boards.json")).mode & 0o777, 0o600);
    const key = JSON.parse(readFileSync(join(state, "paired-hosts.json"), "utf8")).hosts[0].key;
    assert.notInclude(paired.stdout, key);

    const list = await runSluice(["pair", "--list"]);
    assert.include(list.stdout, "bench");
    assert.match(await boardCommand("hosts", "--state", state), /^[0-9a-f]{32} /);

    const again = await runSluice(["pair", "--link", link, "--code", code]);
    assert.include(again.stderr, "[pairing-closed]");
    assert.match(await boardCommand("pair", "--state", state), /^[0-9A-Z]{4}-[0-9A-Z]{4}\n/);

    const id = (await boardCommand("hosts", "--state", state)).split(" ")[0];
    await boardCommand("hosts", "--state", state, "--forget", id);
    const forgotten = await runSluice(["deploy", "--link", link, "--limit", "1"]);
    assert.include(forgotten.stderr, "[not-paired]");
    assert.include((await runSluice(["pair", "--forget", "bench"])).stdout, "forgot bench");
    assert.equal((await runSluice(["pair", "--forget", "bench"])).code, 3);
  });
});

describe("a board that would serve strangers", () => {
  const started = (options: Parameters<typeof runBoard>[0]) =>
    runBoard({ ...options, logLevel: "silent" }).then(
      async (running) => {
        await running.close();
        return "started";
      },
      (error: SluiceError) => error.code,
    );

  it("does not start beyond this machine without keys, unless told in so many words", async () => {
    const everywhere = { host: "0.0.0.0", port: 0 };
    assert.equal(await started({ tcp: everywhere }), "open-to-strangers");
    assert.equal(await started({ tcp: { host: "::", port: 0 } }), "open-to-strangers");
    assert.equal(await started({ serial: [{ path: "/dev/ttyS9" }] }), "open-to-strangers");
    assert.equal(await started({ tcp: { port: 0 } }), "started");
    assert.equal(await started({ tcp: everywhere, state: join(folder, "guarded") }), "started");
    assert.equal(await started({ tcp: everywhere, insecure: true }), "started");
  });
});

describe("sluice keygen and sign", () => {
  it("makes a pair, signs a package, and a board with the public key takes nothing else", async () => {
    const at = { cwd: folder };
    const made = await runSluice(["keygen", "--out", "release", "--json", "-"], at);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(statSync(join(folder, "release.key")).mode & 0o777, 0o600);
    assert.equal((await runSluice(["keygen", "--out", "release"], at)).code, 2, "an existing key stays");

    const { link } = await board("--require-signature", join(folder, "release.pub"));
    const packing = await runSluice(["deploy", "--limit", "1", "--out", "model.sluice", "--link", link], at);
    assert.include(packing.stderr, "[unsigned-package]");
    const signed = await runSluice(["sign", "model.sluice", "--key", "release.key", "--json", "-"], at);
    assert.equal(JSON.parse(signed.stdout).signer, JSON.parse(made.stdout).signer);
    assert.include((await runSluice(["inspect", "model.sluice"], at)).stdout, "signed by");
    const deployed = await runSluice(["deploy", "model.sluice", "--limit", "1", "--link", link], at);
    assert.equal(deployed.code, 0, deployed.stderr);
    assert.include(deployed.stdout, "BIT-EXACT");
    assert.equal((await runSluice(["sign", "model.sluice", "--key", "release.pub"], at)).code, 4);
  });
});
