/**
 * Damaged ONNX files: every one either imports to a Graph that validates or is refused with a SluiceError, in bounded
 * time and memory. Bytes are damaged blindly, and decoded messages are damaged field by field so that the damage gets
 * past the protobuf decoder.
 */
import { SluiceError } from "@sluice/sdk/errors.js";
import { validateGraph } from "@sluice/sdk/graph";
import { importModel } from "@sluice/sdk/import";
import { modelProto } from "@sluice/sdk/import/onnx/schema.js";
import { describe, expect, it } from "vitest";
import { mutate } from "../../../support/mutate.js";
import { randomQonnx } from "../../../support/random-qonnx.js";
import {
  seededRandom as bitSource,
  type SeededRandom,
  seededRandom,
} from "../../../support/seeded-random.js";
import { hasSharedData, sharedFile } from "../../../support/shared-data.js";

const MAX_MILLISECONDS = 20_000;
const TEST_TIMEOUT = 300_000;
const MAX_GROWTH_BYTES = 600 * 2 ** 20;

interface Tally {
  imported: number;
  readonly refused: Map<string, number>;
}

/** Imports one damaged file; anything but a valid Graph or a SluiceError fails the test with its seed. */
function importDamaged(bytes: Uint8Array, place: string, tally: Tally): void {
  const start = performance.now();
  try {
    validateGraph(importModel(bytes, { file: "damaged.onnx" }));
    tally.imported += 1;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw new Error(`${place}: not a typed error`, { cause: error });
    tally.refused.set(error.code, (tally.refused.get(error.code) ?? 0) + 1);
  }
  expect(performance.now() - start, place).toBeLessThan(MAX_MILLISECONDS);
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function bases(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => randomQonnx(seededRandom(1000 + index)).bytes);
}

/** Overwrites a few bytes with the longest varint: huge lengths, dimensions and counts. */
function withHugeVarint(original: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(original);
  const varint = random.pick([
    [0xff, 0xff, 0xff, 0xff, 0x07],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x80, 0x80, 0x80, 0x80, 0x10],
  ]);
  bytes.set(varint.slice(0, bytes.length), random.integer(0, Math.max(0, bytes.length - varint.length)));
  return bytes;
}

/** A piece of one file in the middle of another. */
function spliced(original: Uint8Array, donor: Uint8Array, random: SeededRandom): Uint8Array {
  const from = random.integer(0, donor.length - 1);
  const piece = donor.subarray(from, from + random.integer(1, 200));
  const at = random.integer(0, original.length);
  return Uint8Array.from([
    ...original.subarray(0, at),
    ...piece,
    ...original.subarray(at + random.integer(0, 200)),
  ]);
}

type Tree = Record<string, unknown> | unknown[];

/** Replaces one random leaf of the decoded message, or drops or doubles one element of a list. */
function withDamagedField(original: Uint8Array, random: SeededRandom): Uint8Array {
  const message = modelProto.toObject(modelProto.decode(original), { longs: Number }) as Tree;
  let parent: Tree = message;
  for (;;) {
    const keys = Object.keys(parent);
    if (keys.length === 0) break;
    const key = random.pick(keys);
    const child = (parent as Record<string, unknown>)[key];
    if (Array.isArray(child) && child.length > 0 && random.chance(0.05)) {
      const index = random.integer(0, child.length - 1);
      if (random.chance()) child.splice(index, 1);
      else child.splice(index, 0, child[random.integer(0, child.length - 1)]);
      break;
    }
    if (typeof child === "object" && child !== null && !ArrayBuffer.isView(child)) {
      parent = child as Tree;
      continue;
    }
    (parent as Record<string, unknown>)[key] = damagedLeaf(child, random);
    break;
  }
  return modelProto.encode(modelProto.fromObject(message as Record<string, unknown>)).finish();
}

function damagedLeaf(value: unknown, random: SeededRandom): unknown {
  if (typeof value === "number") {
    const extremes = [
      0,
      -1,
      1,
      2,
      3,
      7,
      255,
      65_535,
      65_536,
      2 ** 31 - 1,
      -(2 ** 31),
      2 ** 40,
      Number.NaN,
      0.3,
    ];
    return random.pick([...extremes, value + 1, value - 1, -value]);
  }
  if (typeof value === "string") {
    return random.pick([
      "",
      "input",
      `${value}_`,
      "Conv",
      "Relu",
      "Quant",
      "Add",
      "GlobalAveragePool",
      "Flatten",
    ]);
  }
  if (value instanceof Uint8Array) {
    const bytes = Uint8Array.from(value);
    if (bytes.length > 0) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
    return random.chance() ? bytes : bytes.subarray(0, random.integer(0, bytes.length));
  }
  return value;
}

describe("damaged ONNX files", () => {
  it(
    "are refused with typed errors: 7,000 with damaged bytes",
    () => {
      const files = bases(40);
      const tally: Tally = { imported: 0, refused: new Map() };
      const before = memory();
      for (let seed = 1; seed <= 7_000; seed += 1) {
        const random = seededRandom(seed);
        const original = random.pick(files);
        const kind = random.integer(0, 3);
        let bytes = mutate(original, bitSource(seed));
        if (kind === 1) bytes = withHugeVarint(original, random);
        if (kind === 2) bytes = spliced(original, random.pick(files), random);
        importDamaged(bytes, `seed ${seed}`, tally);
      }
      expect(memory() - before).toBeLessThan(MAX_GROWTH_BYTES);
      // The damage must reach different layers, or the test proves little.
      expect(tally.refused.get("malformed-protobuf")).toBeGreaterThan(500);
      expect(tally.refused.size).toBeGreaterThan(12);
      expect(tally.imported).toBeGreaterThan(50);
    },
    TEST_TIMEOUT,
  );

  it(
    "are refused with typed errors: 4,000 with one damaged field",
    () => {
      const files = bases(40);
      const tally: Tally = { imported: 0, refused: new Map() };
      const before = memory();
      for (let seed = 1; seed <= 4_000; seed += 1) {
        const random = seededRandom(100_000 + seed);
        let bytes = withDamagedField(random.pick(files), random);
        if (random.chance(0.3)) bytes = withDamagedField(bytes, random);
        importDamaged(bytes, `seed ${100_000 + seed}`, tally);
      }
      expect(memory() - before).toBeLessThan(MAX_GROWTH_BYTES);
      expect(tally.refused.size).toBeGreaterThan(20);
      expect(tally.imported).toBeGreaterThan(500);
    },
    TEST_TIMEOUT,
  );

  it.skipIf(!hasSharedData)("are refused with typed errors: 40 copies of a real model", () => {
    const original = sharedFile("models", "resnet8.onnx");
    const tally: Tally = { imported: 0, refused: new Map() };
    for (let seed = 1; seed <= 40; seed += 1) {
      importDamaged(mutate(original, bitSource(seed)), `seed ${seed}`, tally);
    }
    expect(tally.imported + [...tally.refused.values()].reduce((sum, count) => sum + count, 0)).toBe(40);
  });
});
