/** Sums, maxima and codes of windows against plain loops in C++ (bitstreams/sim/window-sum). */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_260_105);
const COMMANDS = 400;

let binary: string;

describe(`window sums against plain loops, seed ${SEED}`, () => {
  beforeAll(() => {
    binary = buildBench({
      name: "window-sum",
      top: "window_sum_bench",
      rtl: ["sluice_pkg.sv", "window_sum.sv", "dsp_pair_sum.sv", "../sim/window-sum/window_sum_bench.sv"],
    });
  }, 600_000);

  it(`follows ${COMMANDS} random commands step by step`, () => {
    const run = spawnSync(binary, [`${SEED}`, `${COMMANDS}`], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
    console.log(`window sums: ${run.stdout.trim()}`);
  }, 120_000);
});
