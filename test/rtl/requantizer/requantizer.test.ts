/** The requantiser, with its lanes and CRCs, against plain arithmetic in C++ (bitstreams/sim/requantizer). */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_260_104);
const COMMANDS = 300;

let binary: string;

describe(`requantiser against 64-bit arithmetic, seed ${SEED}`, () => {
  beforeAll(() => {
    const files = ["requantizer", "requantize_lane", "output_crc", "wide_multiply", "dsp_final_sum"];
    binary = buildBench({
      name: "requantizer",
      top: "requantizer_bench",
      rtl: ["sluice_pkg.sv", ...files.map((name) => `${name}.sv`), "../sim/requantizer/requantizer_bench.sv"],
    });
  }, 600_000);

  it(`writes the right codes and CRCs for ${COMMANDS} random commands`, () => {
    const run = spawnSync(binary, [`${SEED}`, `${COMMANDS}`], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
    console.log(`requantiser: ${run.stdout.trim()}`);
    const met = JSON.parse(run.stdout);
    for (const ties of [...met.tiesA, ...met.tiesB]) expect(ties).toBeGreaterThan(1000);
    for (const corner of [met.saturated, met.limited, met.tables]) expect(corner).toBeGreaterThan(1000);
    expect(met.secondOutputs).toBeGreaterThan(50);
  }, 120_000);
});
