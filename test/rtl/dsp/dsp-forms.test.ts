import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

const root = fileURLToPath(new URL("../../../bitstreams/", import.meta.url));
const folder = join(root, "build", "dsp");
const RECORD = 88;
const RESULT = 52;
const LATENCY = { array: 13, product: 6, pair: 2, sum: 4 };

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

/** Fields of a record, see bench.cpp. */
const AT = {
  valid: 0,
  first: 1,
  less: 2,
  half: 3,
  keep: 4,
  own: 5,
  shared: 6,
  codes: 8,
  line: 24,
  a: 56,
  b: 64,
  acc: 68,
  sum: 72,
  addend0: 76,
  addend1: 80,
  value: 84,
};
/** Fields of a result. */
const OUT = { product: 32, sumA: 40, sumB: 44, sum: 48 };
/** Which terms of the final sum count, and the factor. */
const RUNS = [
  { terms: { acc: 1, addends: 0, code: 0 }, factor: -117 },
  { terms: { acc: 0, addends: 1, code: 0 }, factor: 0 },
  { terms: { acc: 0, addends: 0, code: 1 }, factor: 1 },
  { terms: { acc: 0, addends: 0, code: 0 }, factor: 1 },
  { terms: { acc: 1, addends: 1, code: 1 }, factor: -256 },
];

describe.skipIf(!verilator)("DSP48E2 forms", () => {
  const random = seededRandom(Number(process.env.SLUICE_SEED ?? 11));
  const cycles = 6000;
  const input = Buffer.alloc(cycles * RECORD);
  const outputs = new Map<string, Buffer[]>();
  const record = (cycle: number) => input.subarray(cycle * RECORD, (cycle + 1) * RECORD);

  beforeAll(() => {
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const at = record(cycle);
      // Extremes often: all operands -128 is the one sum that does not fit the low half of a slice.
      const kind = random.integer(0, 3);
      const pick = (bits: number) => {
        const limit = 2 ** (bits - 1);
        if (kind === 0) return -limit;
        if (kind === 1) return random.pick([-limit, limit - 1, 0]);
        return random.integer(-limit, limit - 1);
      };
      at[AT.valid] = random.integer(0, 7) > 0 ? 1 : 0;
      at[AT.first] = random.integer(0, 5) === 0 || cycle === 0 ? 1 : 0;
      at[AT.less] = random.integer(0, 1);
      at[AT.half] = random.pick([0, 1, 2, 4, 8]);
      at[AT.keep] = cycle === 0 ? 0 : random.integer(0, 5) > 0 ? 1 : 0;
      at[AT.own] = random.integer(0, 1);
      at[AT.shared] = random.integer(0, 1);
      for (let index = AT.codes; index < AT.a; index += 1) at.writeInt8(pick(8), index);
      // Products whose low bits are zero, in a quarter of the cycles.
      const zeros = random.integer(0, 3) === 0 ? 20n : 0n;
      at.writeBigInt64LE(BigInt.asIntN(44, BigInt(pick(44)) << zeros), AT.a);
      for (const field of [AT.b, AT.acc, AT.addend0, AT.addend1]) at.writeInt32LE(pick(32), field);
      at.writeInt32LE(pick(24), AT.sum);
      at.writeInt32LE(pick(11), AT.value);
    }
    input[AT.valid] = 1;
    for (const form of ["plain", "synthesis"] as const) {
      const binary = build(form);
      outputs.set(
        form,
        RUNS.map(({ terms, factor }) => {
          const head = Buffer.alloc(8);
          head.writeInt32LE(factor, 0);
          head.writeInt32LE(terms.acc | (terms.addends << 1) | (terms.code << 2), 4);
          const run = spawnSync(binary, { input: Buffer.concat([head, input]), maxBuffer: 2 ** 28 });
          if (run.status !== 0)
            throw new Error(`The ${form} bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
          return run.stdout;
        }),
      );
    }
  }, 300_000);

  const shown = (form: string, cycle: number, run = 0) =>
    outputs.get(form)![run].subarray(cycle * RESULT, (cycle + 1) * RESULT);

  for (const form of ["plain", "synthesis"]) {
    it(`adds up exact dot products, ${form}`, () => {
      const acc = new Int32Array(8);
      for (let cycle = 0; cycle + LATENCY.array < cycles; cycle += 1) {
        const at = record(cycle);
        if (at[AT.valid] === 1) {
          for (let pixel = 0; pixel < 2; pixel += 1) {
            for (let output = 0; output < 4; output += 1) {
              let sum = at[AT.first] === 1 ? 0 : acc[pixel * 4 + output];
              for (let lane = 0; lane < 8; lane += 1) {
                sum += at.readInt8(AT.codes + pixel * 8 + lane) * at.readInt8(AT.line + lane * 4 + output);
              }
              acc[pixel * 4 + output] = sum;
            }
          }
        }
        const result = shown(form, cycle + LATENCY.array);
        expect(Array.from(acc, (_, index) => result.readInt32LE(index * 4))).toEqual([...acc]);
      }
    });

    it(`multiplies 44 by 32 bits and adds the rounding term, ${form}`, () => {
      let zeros = 0;
      for (let cycle = 0; cycle + LATENCY.product < cycles; cycle += 1) {
        const less = BigInt(record(cycle + 1)[AT.less]);
        const half = record(cycle + 2)[AT.half];
        const addend = [22n, 35n, 48n, 61n].reduce(
          (sum, bit, index) => sum + (BigInt((half >> index) & 1) << bit),
          0n,
        );
        const at = record(cycle);
        const exact = at.readBigInt64LE(AT.a) * BigInt(at.readInt32LE(AT.b)) - less + addend;
        const found = shown(form, cycle + LATENCY.product).readBigUInt64LE(OUT.product);
        expect(found & ((1n << 59n) - 1n), `cycle ${cycle}`).toBe(BigInt.asUintN(59, exact >> 17n));
        expect(found >> 63n, `cycle ${cycle}`).toBe((exact & 0x1ffffn) === 0n ? 1n : 0n);
        zeros += Number(found >> 63n);
      }
      expect(zeros).toBeGreaterThan(100);
    });

    it(`adds up pairs of sums, ${form}`, () => {
      const sums = [0, 0];
      for (let cycle = 0; cycle + LATENCY.pair < cycles; cycle += 1) {
        const at = record(cycle);
        if (at[AT.valid] === 1) {
          sums.forEach((sum, index) => {
            const own = at[AT.own] === 1 ? at.readInt8(AT.codes + index) : 0;
            const shared = at[AT.shared] === 1 ? at.readInt32LE(AT.value) : 0;
            sums[index] = (((at[AT.keep] === 1 ? sum : 0) + own + shared) << 8) >> 8;
          });
        }
        const result = shown(form, cycle + LATENCY.pair);
        expect([OUT.sumA, OUT.sumB].map((field) => (result.readInt32LE(field) << 8) >> 8)).toEqual(sums);
      }
    });

    it(`sums up what a value is before it is scaled, ${form}`, () => {
      RUNS.forEach(({ terms, factor }, run) => {
        for (let cycle = 0; cycle + LATENCY.sum < cycles; cycle += 1) {
          const at = record(cycle);
          const operand = terms.code === 1 ? at.readInt8(AT.codes) : at.readInt32LE(AT.sum);
          let sum = at.readInt32LE(AT.b) + factor * operand;
          if (terms.acc === 1) sum += at.readInt32LE(AT.acc);
          if (terms.addends === 1) {
            sum += record(cycle + 1).readInt32LE(AT.addend0) + record(cycle + 2).readInt32LE(AT.addend1);
          }
          expect(
            shown(form, cycle + LATENCY.sum, run).readInt32LE(OUT.sum),
            `run ${run}, cycle ${cycle}`,
          ).toBe(sum | 0);
        }
      });
    });
  }
});
