import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

const root = fileURLToPath(new URL("../../../bitstreams/", import.meta.url));
const folder = join(root, "build", "dsp");
const RECORD = 60;
const LATENCY = { array: 12, product: 6 };

/** Verilates the plain or the DSP48E2 form. */
function build(form: "plain" | "synthesis") {
  const objects = join(folder, form);
  mkdirSync(objects, { recursive: true });
  const options =
    "--cc --build --exe --top-module dsp_forms -O3 --x-assign fast --x-initial fast -Wno-fatal -Wno-lint";
  const binary = join(folder, `${form}-bench`);
  const places = ["rtl", "sim", "sim/dsp"].flatMap((name) => ["-y", join(root, name)]);
  const run = spawnSync(
    "verilator",
    [
      ...options.split(" "),
      ...(form === "synthesis" ? ["-DSYNTHESIS"] : []),
      ...["-CFLAGS", "-O1 -std=c++17", "-o", binary, "--Mdir", objects],
      ...places,
      ...["dsp_forms.sv", "bench.cpp"].map((name) => join(root, "sim", "dsp", name)),
    ],
    { encoding: "utf8" },
  );
  if (run.status !== 0) throw new Error(`Verilator failed:\n${run.stdout}\n${run.stderr}`);
  return binary;
}

const verilator = spawnSync("verilator", ["--version"]).status === 0;
if (!verilator) console.warn("Skipped: DSP forms. On Debian or Ubuntu: sudo apt-get install verilator");

describe.skipIf(!verilator)("DSP48E2 forms", () => {
  const random = seededRandom(Number(process.env.SLUICE_SEED ?? 11));
  const cycles = 6000;
  const input = Buffer.alloc(cycles * RECORD);
  const outputs = new Map<string, Buffer>();

  beforeAll(() => {
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const record = input.subarray(cycle * RECORD, (cycle + 1) * RECORD);
      // Extremes often: all operands -128 is the one sum that does not fit the low half of a slice.
      const kind = random.integer(0, 3);
      const code = () =>
        kind === 0 ? -128 : kind === 1 ? [-128, 127][random.integer(0, 1)] : random.integer(-128, 127);
      record[0] = random.integer(0, 7) > 0 ? 1 : 0;
      record[1] = random.integer(0, 5) === 0 || cycle === 0 ? 1 : 0;
      for (let index = 4; index < 52; index += 1) record.writeInt8(code(), index);
      for (const at of [52, 56]) {
        record.writeInt32LE(
          kind === 0 ? -(2 ** 31) : kind === 1 ? 2 ** 31 - 1 : random.integer(-(2 ** 31), 2 ** 31 - 1),
          at,
        );
      }
    }
    input[0] = 1;
    for (const form of ["plain", "synthesis"] as const) {
      const run = spawnSync(build(form), { input, maxBuffer: 2 ** 28 });
      if (run.status !== 0)
        throw new Error(`The ${form} bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
      outputs.set(form, run.stdout);
    }
  }, 300_000);

  const shown = (form: string, cycle: number) => outputs.get(form)!.subarray(cycle * 40, cycle * 40 + 40);

  for (const form of ["plain", "synthesis"]) {
    it(`adds up exact dot products, ${form}`, () => {
      const acc = new Int32Array(8);
      for (let cycle = 0; cycle + LATENCY.array < cycles; cycle += 1) {
        const record = input.subarray(cycle * RECORD, (cycle + 1) * RECORD);
        if (record[0] === 1) {
          for (let pixel = 0; pixel < 2; pixel += 1) {
            for (let output = 0; output < 4; output += 1) {
              let sum = record[1] === 1 ? 0 : acc[pixel * 4 + output];
              for (let lane = 0; lane < 8; lane += 1) {
                sum += record.readInt8(4 + pixel * 8 + lane) * record.readInt8(20 + lane * 4 + output);
              }
              acc[pixel * 4 + output] = sum;
            }
          }
        }
        const result = shown(form, cycle + LATENCY.array);
        expect(Array.from(acc, (_, index) => result.readInt32LE(index * 4))).toEqual([...acc]);
      }
    });

    it(`multiplies 32 by 32 bits, ${form}`, () => {
      for (let cycle = 0; cycle + LATENCY.product < cycles; cycle += 1) {
        const record = input.subarray(cycle * RECORD, (cycle + 1) * RECORD);
        const product = BigInt(record.readInt32LE(52)) * BigInt(record.readInt32LE(56));
        expect(shown(form, cycle + LATENCY.product).readBigInt64LE(32)).toBe(product);
      }
    });
  }
});
