/** The table loader against the decoder's own state tables: random tables and buckets of every size, damage, crafted sections. */
import { spawnSync } from "node:child_process";
import { ESCAPE, SYMBOLS } from "@sluice/sdk/codec/ans/state-table.js";
import {
  MAX_CLASSES,
  type ModelTables,
  packTables,
  type TableClass,
  unpackTables,
} from "@sluice/sdk/codec/ans/tables.js";
import { crc32c } from "@sluice/sdk/overlay";
import { beforeAll, describe, expect, it } from "vitest";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";
import { classEntries, rawBitsOf } from "../class-entries.js";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_260_103);
/** States the lanes can hold, of all classes together. */
const ENTRIES = 8192;
const STATUS = { built: 0, damaged: 1, known: 2 };

interface Result {
  readonly status: number;
  readonly cycles: number;
  readonly log: number;
  readonly classes: ReturnType<typeof rawBitsOf>[];
  readonly entries: Uint32Array;
}

let binary: string;

function loadAll(sections: readonly Uint8Array[], stalls: boolean): Result[] {
  const input = sections.flatMap((section, index) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(stalls ? 2 * index + 1 : 0, 0);
    head.writeUInt32LE(section.length, 4);
    return [head, section];
  });
  const run = spawnSync(binary, { input: Buffer.concat(input), maxBuffer: 2 ** 28 });
  if (run.status !== 0) throw new Error(`The bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
  let at = 0;
  const word = (): number => {
    at += 4;
    return run.stdout.readUInt32LE(at - 4);
  };
  return sections.map(() => {
    const [status, cycles, log, classCount] = [word(), word(), word(), word()];
    const narrow = Array.from({ length: 16 }, word);
    const wide = Array.from({ length: 16 }, word);
    const entries = Uint32Array.from({ length: word() }, word);
    const classes = narrow.slice(0, classCount).map((bits, index) => ({ narrow: bits, wide: wide[index] }));
    return { status, cycles, log, classes, entries };
  });
}

/** Counts that sum to 2^log: a few large, many small, gaps, perhaps symmetric, perhaps with an escape. */
function randomCounts(random: SeededRandom, log: number): Uint16Array {
  const counts = new Uint16Array(SYMBOLS);
  const symmetric = random.chance(0.3);
  const extent = random.pick([0, 1, random.integer(1, 20), random.integer(1, 127), symmetric ? 127 : 128]);
  let left = 1 << log;
  const give = (symbol: number, wanted: number): void => {
    counts[symbol] = Math.min(wanted, left);
    left -= counts[symbol];
  };
  // An escape is 8 bits more, a symbol at most 16 in all.
  if (random.chance(0.5)) give(ESCAPE, random.integer(1 << Math.max(0, log - 8), 1 << (log - 4)));
  const density = random.pick([0.1, 0.5, 1]);
  for (let b = 1; b <= extent; b += 1) {
    const wanted = random.chance(density) ? random.integer(0, random.pick([2, 8, (1 << log) >> 4])) : 0;
    if (symmetric) {
      if (left < 2 * wanted) continue;
      give(b, wanted);
      give(256 - b, wanted);
    } else {
      if (b < 128) give(b, wanted);
      if (random.chance(density)) give(256 - b, random.integer(0, 9));
    }
  }
  counts[0] = left;
  return counts;
}

/** A class of a table; no symbol of it, not even of count 1, takes more than 16 bits. */
function randomClass(random: SeededRandom, log: number, tables: number): TableClass {
  const table = random.integer(0, tables - 1);
  const most = Math.min(7, 16 - log);
  const shift = random.integer(0, most);
  if (shift === most || random.chance(0.4)) return { table, shift, from: 0, tail: 0 };
  return {
    table,
    shift,
    from: 1 << random.integer(0, 6),
    tail: random.integer(1, Math.min(4, most - shift)),
  };
}

/** Tables that several classes use, or none. */
function randomTables(random: SeededRandom): ModelTables {
  const log = random.integer(8, 11);
  const most = Math.min(MAX_CLASSES, ENTRIES >> log);
  const tables = Array.from({ length: random.integer(1, MAX_CLASSES) }, () => randomCounts(random, log));
  const classes = Array.from({ length: random.integer(1, most) }, () =>
    randomClass(random, log, tables.length),
  );
  return { log, tables, classes };
}

function accepted(section: Uint8Array): ModelTables | undefined {
  try {
    return unpackTables(section);
  } catch {
    return undefined;
  }
}

function sealed(payload: Uint8Array): Uint8Array {
  const section = new Uint8Array(payload.length + 4);
  section.set(payload);
  new DataView(section.buffer).setUint32(payload.length, crc32c(payload), true);
  return section;
}

describe(`table loader against the decoder, seed ${SEED}`, () => {
  beforeAll(() => {
    const files = ["table_loader", "table_bits", "table_counts", "table_builder", "read_job", "fifo"];
    binary = buildBench({
      name: "tables",
      top: "table_loader",
      rtl: ["sluice_pkg.sv", ...files.map((name) => `${name}.sv`)],
    });
  }, 300_000);

  for (const stalls of [false, true]) {
    it(`builds random tables of 256 to 2,048 states ${stalls ? "behind a moody memory" : ""}`, () => {
      const random = seededRandom(SEED + Number(stalls));
      const models = Array.from({ length: 120 }, () => randomTables(random));
      const used = (table: number, { classes }: ModelTables) =>
        classes.filter((own) => own.table === table).length;
      expect(models.some((model) => used(0, model) > 1)).toBe(true);
      expect(models.some((model) => used(0, model) === 0)).toBe(true);
      const results = loadAll(models.map(packTables), stalls);
      results.forEach((result, index) => {
        const model = models[index];
        expect(accepted(packTables(model)), `case ${index}: the decoder takes these tables`).toBeDefined();
        expect(result.status, `case ${index}`).toBe(STATUS.built);
        expect(result.log, `case ${index}`).toBe(model.log);
        expect(result.classes, `case ${index}`).toEqual(model.classes.map(rawBitsOf));
        expect([...result.entries], `case ${index}`).toEqual(classEntries(model));
      });
    });
  }

  it("builds two states a cycle", () => {
    const random = seededRandom(SEED + 2);
    for (const log of [8, 9, 10, 11]) {
      const tables = Array.from({ length: 4 }, () => randomCounts(random, log));
      const classes = tables.map((_, table) => ({ table, shift: 1, from: 2, tail: 1 }));
      const [{ status, cycles }] = loadAll([packTables({ log, tables, classes })], false);
      console.log(`tables: 4 of ${1 << log} states in ${cycles} cycles`);
      expect(status).toBe(STATUS.built);
      // Two reads of the section, then per class the pairs of states and the symbols, eight at a time; a look at each class.
      expect(cycles).toBeLessThan(
        400 + 4 * ((1 << log) / 2 + (1 << log) / 8 + SYMBOLS + 20 + classes.length),
      );
    }
  });

  it("refuses what no lane could hold or refill", () => {
    const wide = new Uint16Array(SYMBOLS);
    [wide[0], wide[5]] = [(1 << 10) - 1, 1];
    const model = (...classes: Omit<TableClass, "table">[]): ModelTables => ({
      log: 10,
      tables: [wide],
      classes: classes.map((buckets) => ({ table: 0, ...buckets })),
    });
    const narrow = { shift: 6, from: 0, tail: 0 };
    const cases = [
      model(...new Array(8).fill(narrow)),
      model({ shift: 2, from: 4, tail: 4 }),
      // The wide symbol takes 17 bits; with `from` above it there is none.
      model({ shift: 6, from: 4, tail: 1 }),
      model({ shift: 6, from: 8, tail: 1 }),
      model({ shift: 7, from: 0, tail: 0 }),
      // 8 raw bits.
      model({ shift: 4, from: 64, tail: 4 }),
      model(...new Array(9).fill(narrow)),
    ];
    const { built, damaged } = STATUS;
    const results = loadAll(cases.map(packTables), false);
    expect(results.map(({ status }) => status)).toEqual([
      built,
      built,
      damaged,
      built,
      damaged,
      damaged,
      damaged,
    ]);
    // All but the last are decided by the format alone.
    const taken = cases.map((model) => accepted(packTables(model)) !== undefined);
    expect(taken).toEqual([true, true, false, true, false, false, true]);
  });

  it("does not build the same tables twice, and builds others again", () => {
    const random = seededRandom(SEED + 3);
    const [a, b] = [packTables(randomTables(random)), packTables(randomTables(random))];
    const results = loadAll([a, a, b, b, a], false);
    const { built, known } = STATUS;
    expect(results.map(({ status }) => status)).toEqual([built, known, built, known, built]);
    expect(results[1].cycles).toBeLessThan(150 + a.length);
  });

  it("agrees with the decoder about damaged sections and about malformed ones with a good checksum", () => {
    const random = seededRandom(SEED + 4);
    const sections = Array.from({ length: 400 }, (_, index) => {
      const section = packTables(randomTables(random)).slice();
      const payload = section.subarray(0, -4);
      const changes = random.integer(1, 3);
      for (let count = 0; count < changes; count += 1) {
        payload[random.integer(0, Math.min(payload.length - 1, random.pick([4, 30, 4000])))] ^=
          1 << random.integer(0, 7);
      }
      const cut = random.chance(0.2) ? payload.subarray(0, random.integer(1, payload.length)) : payload;
      return index % 4 === 0 ? section : sealed(cut.slice());
    });
    let taken = 0;
    loadAll(sections, false).forEach((result, index) => {
      const model = accepted(sections[index]);
      // What the format allows but 8,192 states cannot hold is refused here.
      const fits = model !== undefined && model.classes.length << model.log <= ENTRIES;
      expect(result.status, `case ${index}`).toBe(fits ? STATUS.built : STATUS.damaged);
      if (!fits) return;
      taken += 1;
      expect([...result.entries], `case ${index}`).toEqual(classEntries(model));
    });
    console.log(`tables: ${taken} of ${sections.length} mutated sections are tables after all`);
  });
});
