/** When the faults of a plan strike, and what the store does when its disk is really full. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SectionStore } from "@sluice/board-firmware/store";
import { FaultPlan, faultTable, formatFault, parseFault } from "@sluice/board-firmware/twin";
import { describe, expect, it } from "vitest";
import { runSluice } from "../../support/run-sluice.js";

describe("FaultPlan", () => {
  it("reads what --fault takes, and writes it back", () => {
    for (const { id } of faultTable) {
      for (const text of [id, `${id}@12`, `${id}:0.25`]) expect(formatFault(parseFault(text))).toBe(text);
    }
  });

  for (const text of [
    "",
    "dma",
    "dma-stall@0",
    "dma-stall@",
    "dma-stall:0",
    "dma-stall:1.5",
    "dma-stall@1:0.5",
  ]) {
    it(`refuses "${text}"`, () => {
      expect(() => parseFault(text)).toThrow(expect.objectContaining({ code: "bad-fault" }));
    });
  }

  it("strikes at the first opportunity, at the Nth, or with a probability that the seed decides", () => {
    const once = new FaultPlan(["dma-stall", "disk-full@3"]);
    const strikes = (plan: FaultPlan, id: "dma-stall" | "disk-full", times: number) =>
      Array.from({ length: times }, () => plan.strike(id));
    expect(strikes(once, "dma-stall", 3)).toEqual([true, false, false]);
    expect(strikes(once, "disk-full", 4)).toEqual([false, false, true, false]);
    expect(once.strike("interrupt-lost" as "dma-stall")).toBe(false);
    expect(once.strikes).toBe(2);
    const often = (seed: number) => strikes(new FaultPlan(["dma-stall:0.3"], { seed }), "dma-stall", 400);
    expect(often(5)).toEqual(often(5));
    expect(often(5)).not.toEqual(often(6));
    const hits = often(5).filter(Boolean).length;
    expect(hits).toBeGreaterThan(80);
    expect(hits).toBeLessThan(160);
  });

  it("moves the time of day and puts it back", () => {
    const plan = new FaultPlan([]);
    const before = Date.now();
    plan.skewClock();
    expect(Math.abs(Date.now() - before)).toBeGreaterThan(1_000);
    plan.end();
    expect(Math.abs(Date.now() - before)).toBeLessThan(1_000);
  });

  it("is listed and refused on the command line", async () => {
    const listed = await runSluice(["deploy", "--fault", "list"]);
    for (const { id } of faultTable) expect(listed.stdout).toContain(id);
    const wrong = await runSluice(["deploy", "--fault", "lightning"]);
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toContain("[bad-fault]");
    const real = await runSluice(["board", "--device", "kv260", "--fault", "dma-stall"]);
    expect(real.stderr).toContain("[bad-fault]");
  });
});

describe("SectionStore on a disk that is really full", () => {
  it("answers store-full, keeps what fitted, and goes on when there is room", async ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-small-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
    } catch {
      rmSync(folder, { recursive: true });
      return skip("this user may not mount a small tmpfs");
    }
    try {
      const store = new SectionStore(folder);
      const filler = "a".repeat(64);
      store.complete(fill(store, filler, 40_000));
      const content = randomBytes(40_000);
      const wanted = createHash("sha256").update(content).digest("hex");
      const partial = store.openPartial(wanted, 40_000);
      partial.append(content);
      await expect(partial.written()).rejects.toMatchObject({
        name: "StoreError",
        code: "store-full",
        found: expect.stringContaining("ENOSPC"),
      });
      const { received } = store.state(wanted);
      expect(received).toBeLessThan(40_000);
      expect(() => partial.append(content.subarray(received))).toThrow(
        expect.objectContaining({ code: "store-full" }),
      );
      store.remove(filler);
      const again = store.openPartial(wanted, 40_000);
      expect(again.received).toBe(received);
      again.append(content.subarray(received));
      await again.written();
      store.complete(again);
      expect(Buffer.compare(store.read(wanted), content)).toBe(0);
      store.close();
    } finally {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    }
  });

  function fill(store: SectionStore, hash: string, bytes: number) {
    const partial = store.openPartial(hash, bytes);
    partial.append(randomBytes(bytes));
    return partial;
  }
});
