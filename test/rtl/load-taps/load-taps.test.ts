/** LOAD of expanded windows: random shapes, strides, paddings and memories against the definition of the command. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const files = ["tap_store", "tap_walker", "tap_words", "load_taps"];
let binary: string;

function bench(...words: readonly (string | number)[]): { status: number | null; text: string } {
  const run = spawnSync(binary, words.map(String), { encoding: "utf8" });
  return { status: run.status, text: `${run.stdout}${run.stderr}` };
}

describe(`expanded windows against their definition, seed ${SEED}`, () => {
  beforeAll(() => {
    binary = buildBench({
      name: "load-taps",
      top: "load_taps_bench",
      rtl: ["sluice_pkg.sv", ...files.map((name) => `${name}.sv`), "../sim/load-taps/load_taps_bench.sv"],
    });
  }, 300_000);

  it("writes every word of every window once, whatever the memory does", () => {
    const { status, text } = bench(SEED, 400);
    expect(status, text).toBe(0);
    expect(text).toContain("cases 400");
  });

  it("takes a step per cycle: a first layer of 3 x 32 x 32, and of 3 x 96 x 96 at stride 2", () => {
    const cycles = (...shape: readonly number[]) =>
      Number(/cycles (\d+)/.exec(bench("time", ...shape).text)?.[1]);
    const small = cycles(32, 32, 3, 3, 1, 1);
    const large = cycles(96, 96, 3, 3, 2, 1);
    console.log(`expanded windows: ${small} and ${large} cycles`);
    // Six steps for a window's four words, eight pixels together; the port brings 16 bytes a cycle.
    expect(small).toBeLessThan(32 * 4 * 6 + 60 + 40);
    expect(large).toBeLessThan(48 * 6 * 6 + 60 + 120);
  });
});
