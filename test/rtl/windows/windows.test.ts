/** Compute commands from their steps to the array's operands: order, weight lines, padding, banks, stalls. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const files = ["activation_memory", "window_walker", "window_fetch"];
let binary: string;

describe(`windows of compute commands against loops, seed ${SEED}`, () => {
  beforeAll(() => {
    binary = buildBench({
      name: "windows",
      top: "windows_bench",
      rtl: ["sluice_pkg.sv", ...files.map((name) => `${name}.sv`), "../sim/windows/windows_bench.sv"],
    });
  }, 300_000);

  it("walks random commands and brings every operand nine cycles later", () => {
    const run = spawnSync(binary, [`${SEED}`, "500"], { encoding: "utf8" });
    expect(run.status, `${run.stdout}${run.stderr}`).toBe(0);
    const steps = Number(/steps (\d+)/.exec(run.stdout)?.[1]);
    console.log(`windows: ${steps} steps`);
    expect(steps).toBeGreaterThan(50_000);
  });
});
