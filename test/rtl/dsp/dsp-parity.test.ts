/** The parity of many bits in its plain and its DSP48E2 form against a count of ones. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

const root = fileURLToPath(new URL("../../../bitstreams/", import.meta.url));
const SEED = Number(process.env.SLUICE_SEED ?? 13);
const CYCLES = 20_000;
/** Bytes of bits; then clear and enable. */
const BITS = 12;
const RECORD = BITS + 2;

function build(form: "plain" | "synthesis"): string {
  const objects = join(root, "build", "dsp_parity", form);
  mkdirSync(objects, { recursive: true });
  const binary = join(objects, "bench");
  const options = "--cc --build --exe --top-module dsp_parity -O3 -Wno-fatal -Wno-lint -CFLAGS -O1";
  const define = form === "synthesis" ? ["-DSYNTHESIS"] : [];
  const places = ["-y", join(root, "rtl"), "-y", join(root, "sim"), "-o", binary, "--Mdir", objects];
  const sources = [join(root, "rtl", "dsp_parity.sv"), join(root, "sim", "dsp_parity", "bench.cpp")];
  const run = spawnSync("verilator", [...options.split(" "), ...define, ...places, ...sources], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`Verilator failed:\n${run.stdout}\n${run.stderr}`);
  return binary;
}

const verilator = spawnSync("verilator", ["--version"]).status === 0;
if (!verilator) console.warn("Skipped: the wide parity. On Debian or Ubuntu: sudo apt-get install verilator");

describe.skipIf(!verilator).each(["plain", "synthesis"] as const)(
  `the wide parity, %s form, seed ${SEED}`,
  (form) => {
    it("is that of all bits, where it may change", () => {
      const random = seededRandom(SEED);
      const input = Buffer.alloc(CYCLES * RECORD);
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        const at = cycle * RECORD;
        if (random.chance(0.3)) {
          const bit = random.integer(0, 8 * BITS - 1);
          input[at + (bit >> 3)] = 1 << (bit & 7);
        } else {
          for (let byte = 0; byte < BITS; byte += 1) input[at + byte] = random.integer(0, 255);
        }
        input[at + BITS] = cycle === 0 || random.chance(0.05) ? 1 : 0;
        input[at + BITS + 1] = random.chance(0.7) ? 1 : 0;
      }
      const run = spawnSync(build(form), { input, maxBuffer: 2 ** 24 });
      if (run.status !== 0)
        throw new Error(`The bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
      expect(run.stdout.length).toBe(CYCLES);
      let parity = 0;
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        const record = input.subarray(cycle * RECORD, (cycle + 1) * RECORD);
        // What the register holds before the first clear is unknown.
        if (cycle > 0 && run.stdout[cycle] !== parity) {
          expect(run.stdout[cycle], `cycle ${cycle}`).toBe(parity);
        }
        let ones = 0;
        for (const byte of record.subarray(0, BITS)) {
          for (let bit = 0; bit < 8; bit += 1) ones += (byte >> bit) & 1;
        }
        parity = record[BITS] ? 0 : record[BITS + 1] ? ones & 1 : parity;
      }
    }, 300_000);
  },
);
