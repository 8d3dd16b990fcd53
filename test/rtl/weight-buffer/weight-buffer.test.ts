/** The weight tile buffer: lines as the format orders them, replayed per tile, fetched ahead over tile and layer borders. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const LAYERS = 300;

let binary: string;

describe(`weight tile buffer, seed ${SEED}`, () => {
  beforeAll(() => {
    binary = buildBench({
      name: "weight-buffer",
      top: "weight_buffer",
      rtl: ["sluice_pkg.sv", "weight_lines.sv", "weight_ring.sv", "../sim/weight-buffer/weight_buffer.sv"],
    });
  }, 300_000);

  it("gives the array every line of every tile, as often as it is asked for", () => {
    const run = spawnSync(binary, [SEED, LAYERS].map(String), { encoding: "utf8" });
    expect(run.stdout + run.stderr, `seed ${SEED}`).toMatch(
      /^\d+ lines of \d+ layers, asked for \d+ times in \d+ cycles\n$/,
    );
    expect(run.status).toBe(0);
    console.log(`weight buffer: ${run.stdout.trim()}`);
  });
});
