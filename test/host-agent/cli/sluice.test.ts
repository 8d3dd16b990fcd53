import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultModel } from "@sluice/host-agent/default-model.js";
import { parseNpy } from "@sluice/sdk/npy";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runSluice } from "../../support/run-sluice.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("sluice deploy", () => {
  it("takes the bundled model from file to verdict on an emulated board of its own", async () => {
    const logits = join(folder, "logits.npy");
    const out = join(folder, "default.sluice");
    const args = [
      "deploy",
      "--board",
      "kv260",
      "--device",
      "emulated",
      "--limit",
      "6",
      "--check-images",
      "2",
    ];
    const { code, stdout, stderr } = await runSluice([
      ...args,
      "--logits",
      logits,
      "--out",
      out,
      "--json",
      "-",
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      model: "resnet8-shapes.onnx",
      board: { kind: "kv260", device: "emulated", link: expect.stringMatching(/^tcp 127\.0\.0\.1:\d+$/) },
      package: { weights: 77_360, rawWeightBytes: 77_360, codec: expect.any(String) },
      verdict: { bitExact: true, images: 6, layerImages: 2 },
      accuracy: { images: 6, top1: expect.any(Number) },
      latency: { clockMHz: 250, cyclesPerFrame: expect.any(Number), milliseconds: expect.any(Number) },
      timings: { importMs: expect.any(Number), compileMs: expect.any(Number), uploadMs: expect.any(Number) },
    });
    expect(result.verdict.layers).toBe(result.layers.length);
    expect(result.latency.milliseconds).toBeCloseTo(result.latency.cyclesPerFrame / 250_000, 9);
    expect(result.package.compressedWeightBytes).toBeLessThan(result.package.rawWeightBytes);
    for (const layer of result.layers) expect(layer.crc32c).toMatch(/^[0-9a-f]{8}$/);

    const array = parseNpy(new Uint8Array(readFileSync(logits)));
    expect(array.shape).toEqual([6, 10]);

    // The package alone deploys to the same bits.
    const again = await runSluice([
      "deploy",
      out,
      "--device",
      "emulated",
      "--dataset",
      defaultModel().dataset,
      "--limit",
      "6",
      "--check-images",
      "1",
      "--json",
      "-",
    ]);
    expect(again.code).toBe(0);
    const repeated = JSON.parse(again.stdout);
    expect(repeated.verdict.bitExact).toBe(true);
    expect(repeated.accuracy).toEqual(result.accuracy);
  });

  it("prints a report for people", async () => {
    const { code, stdout } = await runSluice(["deploy", "--device", "emulated", "--limit", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("BIT-EXACT");
    expect(stdout).toMatch(/not measured on silicon/);
  });
});

describe("sluice pack, inspect and verify", () => {
  it("make, show and check a package", async () => {
    const out = join(folder, "packed.sluice");
    const packed = await runSluice([
      "pack",
      defaultModel().modelPath,
      "--codec",
      "deflate",
      "--out",
      out,
      "--json",
      "-",
    ]);
    expect(packed.code).toBe(0);
    expect(JSON.parse(packed.stdout)).toMatchObject({ codec: "deflate", rawWeightBytes: 77_360 });

    const shown = await runSluice(["inspect", out, "--program"]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("cycles a frame by the cycle model");
    expect(shown.stdout).toMatch(/CONV/);

    const verified = await runSluice(["verify", out, "--limit", "2", "--json", "-"]);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout).verdict).toMatchObject({ bitExact: true, images: 2 });
  });

  it("refuse a damaged package and leave nothing behind", async () => {
    const out = join(folder, "packed.sluice");
    const bytes = readFileSync(out);
    bytes[bytes.length - 5] ^= 0x10;
    const damaged = join(folder, "damaged.sluice");
    writeFileSync(damaged, bytes);
    const { code, stderr } = await runSluice(["verify", damaged]);
    expect(code).toBe(3);
    expect(stderr).toContain("[corrupt-section]");
    expect(stderr).not.toContain("    at ");
  });
});

describe("mistakes on the command line", () => {
  const mistakes: { name: string; args: string[]; code: number; says: RegExp }[] = [
    { name: "an unknown command", args: ["fly"], code: 2, says: /unknown command 'fly'/ },
    { name: "an unknown board", args: ["deploy", "--board", "zcu104"], code: 2, says: /kv260/ },
    { name: "a limit that is no number", args: ["deploy", "--limit", "many"], code: 2, says: /whole number/ },
    { name: "a model that is not there", args: ["deploy", "nothing.onnx"], code: 3, says: /\[unreadable\]/ },
    { name: "an unknown codec", args: ["deploy", "--codec", "zip"], code: 3, says: /\[unknown-codec\]/ },
    {
      name: "a data set of an unknown kind",
      args: ["deploy", "--dataset", "svhn:x"],
      code: 3,
      says: /cifar10:DIR/,
    },
    { name: "a link that is none", args: ["deploy", "--link", "pigeon:1"], code: 4, says: /\[bad-link\]/ },
    {
      name: "a board nobody answers for",
      args: ["deploy", "--link", "tcp:127.0.0.1:1"],
      code: 4,
      says: /\[refused\]/,
    },
    { name: "no physical board", args: ["deploy", "--device", "kv260"], code: 4, says: /--link tcp:HOST/ },
  ];
  for (const { name, args, code, says } of mistakes) {
    it(`answers ${name} with exit code ${code}, the fact and the next step`, async () => {
      const finished = await runSluice(args);
      expect(finished.code).toBe(code);
      expect(finished.stderr).toMatch(says);
      expect(finished.stderr).not.toContain("    at ");
    });
  }

  it("are reported as JSON where JSON was asked for", async () => {
    const { code, stdout } = await runSluice(["pack", "nothing.onnx", "--json", "-"]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      error: "ImportError",
      code: "unreadable",
      place: "nothing.onnx",
    });
    expect(existsSync("nothing.sluice")).toBe(false);
  });
});
