/**
 * Damaged weight streams and tables. A share runs with every test; the whole:
 *   FUZZ_STREAMS=100000 npx vitest run test/sdk/codec/fuzz.test.ts
 */
import { readFileSync } from "node:fs";
import { comparisonCodecs, deflateCodec, type WeightLayout } from "@sluice/sdk/codec";
import { openAnsDecoder } from "@sluice/sdk/codec/ans/decode.js";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { CodecError } from "@sluice/sdk/errors.js";
import { describe, expect, it } from "vitest";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer, randomLayout } from "./layers.js";

const STREAMS = Number(process.env.FUZZ_STREAMS ?? 10_000);
/** The reference decoder is slow: it sees one stream in this many. */
const REFERENCE_SHARE = 100;
const SEED = 2_026;
const TIMEOUT_MS = 60_000 + 10 * STREAMS;

interface Case {
  readonly name: string;
  readonly layout: WeightLayout;
  readonly tables: Uint8Array;
  readonly stream: Uint8Array;
  readonly weights: Int8Array;
}

/** `damaged` in the middle of other bytes, which no decoder may look at. */
function surrounded(damaged: Uint8Array, filler: number): Uint8Array {
  const room = new Uint8Array(damaged.length + 64).fill(filler);
  room.set(damaged, 32);
  return room.subarray(32, 32 + damaged.length);
}

/** The weights, or the code of the CodecError; anything else fails the test. */
function outcome(decode: () => Int8Array): Int8Array | string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
}

/** Element by element; `toEqual` would take most of the time. */
function same(left: Int8Array | string, right: Int8Array | string): boolean {
  if (typeof left === "string" || typeof right === "string") return left === right;
  return left.length === right.length && left.every((weight, index) => weight === right[index]);
}

function vectorCases(): Case[] {
  const file = new URL("../../vectors/weight-stream.json", import.meta.url);
  const bytes = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"));
  const vectors = JSON.parse(readFileSync(file, "utf8")) as {
    name: string;
    tables: string;
    layers: { layout: WeightLayout; stream: string; weights: string }[];
  }[];
  return vectors.flatMap(({ name, tables, layers }) => {
    return layers.map(({ layout, stream, weights }) => {
      return {
        name,
        layout,
        tables: bytes(tables),
        stream: bytes(stream),
        weights: Int8Array.from(bytes(weights)),
      };
    });
  });
}

describe("damaged weight streams", () => {
  it(
    `never give wrong weights, hang or read elsewhere (${STREAMS} streams, seed ${SEED})`,
    () => {
      const cases = vectorCases().map((one) => ({ ...one, decoder: openAnsDecoder(one.tables) }));
      const random = seededRandom(SEED);
      const found = new Map<string, number>();
      for (let round = 0; round < STREAMS; round += 1) {
        const { name, layout, tables, decoder, stream, weights } = random.pick(cases);
        const damaged = mutate(stream, random);
        const place = `seed ${SEED} round ${round} (${name})`;
        const result = outcome(() => decoder.decode(surrounded(damaged, 0), layout));
        const again = outcome(() => decoder.decode(surrounded(damaged, 0xa5), layout));
        if (!same(again, result)) expect.fail(`${place}: depends on bytes outside the stream`);
        if (typeof result !== "string" && !same(result, weights)) expect.fail(`${place}: silently wrong`);
        if (round % REFERENCE_SHARE === 0) {
          const reference = outcome(() => decodeReference(tables, damaged, layout));
          expect(typeof reference, `${place}: decoders disagree`).toBe(typeof result);
        }
        const kind = typeof result === "string" ? result : "unharmed";
        found.set(kind, (found.get(kind) ?? 0) + 1);
      }
      // Every way of detecting damage was exercised.
      for (const code of ["checksum-mismatch", "corrupt", "truncated", "trailing-bytes"]) {
        expect(found.get(code), `${code} in ${JSON.stringify([...found])}`).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  it("are refused when the tables are damaged", () => {
    const random = seededRandom(SEED + 1);
    const cases = vectorCases().filter(({ tables }) => tables.length > 0);
    for (let round = 0; round < STREAMS / 10; round += 1) {
      const { name, layout, tables, stream, weights } = random.pick(cases);
      const damaged = mutate(tables, random);
      const result = outcome(() => openAnsDecoder(damaged).decode(stream, layout));
      if (typeof result !== "string") expect(result, `round ${round} (${name})`).toEqual(weights);
      else expect(result, `round ${round} (${name})`).toBe("corrupt-tables");
    }
  });
});

describe.each([deflateCodec, ...comparisonCodecs].map((codec) => [codec.name, codec] as const))(
  "damaged %s streams",
  (_, codec) => {
    it("end in a CodecError or in weights of the layer's size", () => {
      const random = seededRandom(SEED + 2);
      for (let round = 0; round < 300; round += 1) {
        const layer = randomLayer(random.next, undefined, randomLayout(random.next, 16));
        const { tables, streams } = codec.encode([layer]);
        const damaged = mutate(streams[0], random);
        const result = outcome(() => codec.openDecoder(tables).decode(damaged, layer.layout));
        if (typeof result !== "string") expect(result.length).toBe(layer.weights.length);
      }
    });
  },
);
