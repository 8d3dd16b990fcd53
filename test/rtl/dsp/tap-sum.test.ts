/** The predictor's sum in its plain and its DSP48E2 form against the formula of docs/formats/weight-stream.md, section 5. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

const root = fileURLToPath(new URL("../../../bitstreams/", import.meta.url));
const SEED = Number(process.env.SLUICE_SEED ?? 12);
const CYCLES = 20_000;
const RECORD = 10;
/** Cycles from the row to its sum, and to the operands that follow it. */
const LATENCY = { sum: 7, corner: 2, top: 3, left: 4 };

function build(form: "plain" | "synthesis"): string {
  const objects = join(root, "build", "tap_sum", form);
  mkdirSync(objects, { recursive: true });
  const binary = join(objects, "bench");
  const options = "--cc --build --exe --top-module tap_sum -O3 -Wno-fatal -Wno-lint -CFLAGS -O1";
  const define = form === "synthesis" ? ["-DSYNTHESIS"] : [];
  const places = ["-y", join(root, "rtl"), "-y", join(root, "sim"), "-o", binary, "--Mdir", objects];
  const sources = [join(root, "rtl", "tap_sum.sv"), join(root, "sim", "tap_sum", "bench.cpp")];
  const run = spawnSync("verilator", [...options.split(" "), ...define, ...places, ...sources], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`Verilator failed:\n${run.stdout}\n${run.stderr}`);
  return binary;
}

const verilator = spawnSync("verilator", ["--version"]).status === 0;
if (!verilator)
  console.warn("Skipped: the predictor's sum. On Debian or Ubuntu: sudo apt-get install verilator");

describe.skipIf(!verilator).each(["plain", "synthesis"] as const)(
  `the predictor's sum, %s form, seed ${SEED}`,
  (form) => {
    it("is the row and the weighted neighbours, rounded down", () => {
      const random = seededRandom(SEED);
      const input = Buffer.alloc(CYCLES * RECORD);
      for (let at = 0; at < input.length; at += RECORD) {
        const extreme = random.chance(0.3);
        const code = (least: number, most: number): number =>
          extreme ? random.pick([least, most]) : random.integer(least, most);
        for (const place of [0, 1, 3, 5]) input.writeInt8(code(-128, 127), at + place);
        for (const place of [2, 4, 6]) input.writeInt8(code(-32, 31), at + place);
        input.writeInt16LE(code(-16_368, 16_400), at + 8);
      }
      const run = spawnSync(build(form), { input, maxBuffer: 2 ** 24 });
      if (run.status !== 0)
        throw new Error(`The bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
      const signed = (cycle: number, place: number): number => input.readInt8(cycle * RECORD + place);
      for (let cycle = 0; cycle + LATENCY.sum < CYCLES; cycle += 1) {
        const sum =
          input.readInt16LE(cycle * RECORD + 8) +
          signed(cycle + LATENCY.corner, 1) * signed(cycle + LATENCY.corner, 2) +
          signed(cycle + LATENCY.top, 3) * signed(cycle + LATENCY.top, 4) +
          signed(cycle + LATENCY.left, 5) * signed(cycle + LATENCY.left, 6);
        const expected = (signed(cycle, 0) + Math.floor(sum / 32)) & 255;
        if (run.stdout[cycle + LATENCY.sum] !== expected) {
          expect(run.stdout[cycle + LATENCY.sum], `cycle ${cycle}`).toBe(expected);
        }
      }
      expect(run.stdout.length).toBe(CYCLES);
    }, 300_000);
  },
);
