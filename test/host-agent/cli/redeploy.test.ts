/** Deploying a model again after one of its layers changed: to a board that keeps what it was sent. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BoardRuntime, runBoard } from "@sluice/board-firmware/main.js";
import { defaultModel } from "@sluice/host-agent/default-model.js";
import { DeployMemory } from "@sluice/host-agent/jobs/deploy-memory.js";
import { modelProto } from "@sluice/sdk/import/onnx/schema.js";
import { readPackage } from "@sluice/sdk/package";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runSluice } from "../../support/run-sluice.js";

let folder: string;
let board: BoardRuntime;
let link: string;
const earlierHomes = { config: process.env.XDG_CONFIG_HOME, cache: process.env.XDG_CACHE_HOME };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-redeploy-"));
  process.env.XDG_CONFIG_HOME = join(folder, "config");
  process.env.XDG_CACHE_HOME = join(folder, "cache");
  board = await runBoard({ tcp: { port: 0 }, store: join(folder, "store"), logLevel: "silent" });
  link = `tcp:127.0.0.1:${board.ready.tcp?.port}`;
});

afterAll(async () => {
  await board.close();
  rmSync(folder, { recursive: true, force: true });
  for (const [name, value] of Object.entries(earlierHomes)) {
    const variable = `XDG_${name.toUpperCase()}_HOME`;
    if (value === undefined) delete process.env[variable];
    else process.env[variable] = value;
  }
});

/** The bundled model with two weights of its largest constant exchanged, in a file of its own. */
function modelFile(name: string, changed: boolean): string {
  const model = modelProto.decode(new Uint8Array(readFileSync(defaultModel().modelPath)));
  const { initializer: constants } = (
    model as unknown as { graph: { initializer: { rawData: Uint8Array }[] } }
  ).graph;
  const largest = constants.reduce((a, b) => (b.rawData.length > a.rawData.length ? b : a));
  if (changed) {
    const values = new Float32Array(largest.rawData.slice().buffer);
    const other = values.findIndex((value) => Math.abs(value - values[0]) > 0.02);
    [values[0], values[other]] = [values[other], values[0]];
    largest.rawData = new Uint8Array(values.buffer);
  }
  const path = join(folder, name);
  writeFileSync(path, modelProto.encode(model).finish());
  return path;
}

async function deploy(path: string, ...more: string[]) {
  const { code, stdout, stderr } = await runSluice([
    "deploy",
    path,
    "--link",
    link,
    "--limit",
    "2",
    "--json",
    "-",
    ...more,
  ]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe("deploying again after one layer changed", () => {
  it("sends that layer and the program, no more", async () => {
    const path = modelFile("model.onnx", false);
    const first = await deploy(path);
    expect(first.uploadedBytes).toBeGreaterThan(60_000);
    expect((await deploy(path)).uploadedBytes).toBe(0);
    modelFile("model.onnx", true);
    const out = join(folder, "changed.sluice");
    const again = await deploy(path, "--out", out);
    expect(again.verdict.bitExact).toBe(true);
    const largest = Math.max(
      ...again.layers.map(({ compressedBytes }: { compressedBytes: number }) => compressedBytes),
    );
    const program = readPackage(new Uint8Array(readFileSync(out))).compiled.sections.find(
      ({ kind }) => kind === "program",
    );
    expect(again.uploadedBytes).toBeLessThanOrEqual(largest + (program?.bytes.length ?? 0));
    expect((await deploy(path, "--fresh")).uploadedBytes).toBeGreaterThan(1.5 * again.uploadedBytes);
    // Both versions are on the board now.
    expect((await deploy(path)).uploadedBytes).toBe(0);
    const unavailable = { available: false, reason: expect.stringMatching(/^not available: /) };
    expect(again.telemetry["energy per inference"]).toEqual(unavailable);
  });

  it("sends all of it where the remembered package cannot be read", async () => {
    const path = modelFile("forgotten.onnx", false);
    const first = await deploy(path, "--fresh");
    const memory = new DeployMemory();
    const model = { path, geometry: "p8i8o16", codec: "ans" };
    const remembered = memory.recall(model);
    expect(remembered).toBeDefined();
    const tables = readPackage(remembered!).compiled.sections.find(({ kind }) => kind === "tables")!.bytes;
    // Its tables are of a version that does not exist.
    const damaged = Buffer.from(remembered!);
    damaged[damaged.indexOf(tables)] = 255;
    memory.remember(model, damaged);
    modelFile("forgotten.onnx", true);
    const again = await deploy(path);
    expect(again.verdict.bitExact).toBe(true);
    expect(again.layers).toHaveLength(first.layers.length);
  });

  it("does so from a package that is named as well, and refuses what is none", async () => {
    const one = modelFile("one.onnx", false);
    const two = modelFile("two.onnx", true);
    const [first, plain, like] = ["first", "plain", "like"].map((name) => join(folder, `${name}.sluice`));
    for (const args of [
      [one, "--out", first],
      [two, "--out", plain],
      [two, "--out", like, "--like", first],
    ]) {
      expect((await runSluice(["pack", ...args])).code).toBe(0);
    }
    const sectionsOf = (path: string) =>
      readPackage(new Uint8Array(readFileSync(path))).manifest.sections.map(({ sha256 }) =>
        Buffer.from(sha256).toString("hex"),
      );
    const known = new Set(sectionsOf(first));
    const news = (path: string) => sectionsOf(path).filter((hash) => !known.has(hash)).length;
    // The layer, the program, and the graph that stays on the host.
    expect(news(like)).toBeLessThanOrEqual(3);
    expect(news(plain)).toBeGreaterThan(news(like));
    const wrong = await runSluice(["pack", two, "--like", one]);
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toContain("[not-a-package]");
  });
});

describe("DeployMemory", () => {
  const model = (path: string) => ({ path, geometry: "p8i8o16", codec: "ans" });

  it("recalls what it was given by model, geometry and codec, and keeps the newest 32", () => {
    const memory = new DeployMemory(join(folder, "memory"));
    const path = defaultModel().modelPath;
    expect(memory.recall(model(path))).toBeUndefined();
    memory.remember(model(path), Uint8Array.of(1, 2, 3));
    expect(memory.recall(model(path))).toEqual(Uint8Array.of(1, 2, 3));
    expect(memory.recall({ ...model(path), codec: "raw" })).toBeUndefined();
    for (let index = 0; index < 40; index += 1) {
      memory.remember({ ...model(path), codec: `codec ${index}` }, Uint8Array.of(index));
    }
    const kept = Array.from({ length: 40 }, (_, index) =>
      memory.recall({ ...model(path), codec: `codec ${index}` }),
    );
    expect(kept.filter((bytes) => bytes !== undefined)).toHaveLength(32);
    expect(kept[39]).toEqual(Uint8Array.of(39));
  });

  it("is an empty cache where it cannot write, and where the model is gone", () => {
    writeFileSync(join(folder, "file"), "");
    const memory = new DeployMemory(join(folder, "file"));
    memory.remember(model(defaultModel().modelPath), Uint8Array.of(1));
    expect(memory.recall(model(defaultModel().modelPath))).toBeUndefined();
    expect(memory.recall(model(join(folder, "no such model")))).toBeUndefined();
  });
});
