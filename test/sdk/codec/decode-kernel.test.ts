/** The decoders in WebAssembly, in TypeScript and the reference on the same streams, whole and damaged. */
import { existsSync } from "node:fs";
import { openAnsDecoder } from "@sluice/sdk/codec/ans/decode.js";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { encodeAns } from "@sluice/sdk/codec/ans/encode.js";
import { CodecError } from "@sluice/sdk/errors.js";
import { beforeAll, describe, expect, it } from "vitest";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer } from "./layers.js";

const SEED = 77;
const MODELS = 24;
const DAMAGED_PER_LAYER = 25;

/** The weights as text, or the code of the CodecError. */
function outcome(decode: () => Int8Array): string {
  try {
    return Buffer.from(decode()).toString("base64");
  } catch (error) {
    if (error instanceof CodecError) return `error ${error.code}`;
    throw error;
  }
}

describe("the decoding kernel", () => {
  beforeAll(() => {
    const kernel = new URL("../../../sdk/dist/codec/ans/kernel.wasm", import.meta.url);
    expect(existsSync(kernel), "the kernels are built (npm run build)").toBe(true);
  });

  it(`gives what the other decoders give, for whole and damaged streams (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const kinds = new Set<string>();
    for (let round = 0; round < MODELS; round += 1) {
      const layers = [randomLayer(random.next), randomLayer(random.next)];
      const { tables, streams } = encodeAns(layers, {
        pairs: random.pick(["auto", "never", "always"] as const),
        lanes: random.pick([1, 2, 4, 8, 16, 32]),
        fewestLanes: random.pick([1, 4, 16]),
        segmentWeights: random.pick([64, 500, 65_536]),
        tableLog: random.pick([8, 9, 10, 11]),
      });
      const kernel = openAnsDecoder(tables);
      const plain = openAnsDecoder(tables, { kernel: false });
      layers.forEach(({ layout, weights }, index) => {
        const place = `seed ${SEED} round ${round} layer ${index}`;
        const expected = Buffer.from(weights).toString("base64");
        expect(outcome(() => kernel.decode(streams[index], layout)) === expected, place).toBe(true);
        expect(outcome(() => plain.decode(streams[index], layout)) === expected, place).toBe(true);
        expect(outcome(() => decodeReference(tables, streams[index], layout)) === expected, place).toBe(true);
        kinds.add(`kind ${streams[index][0] & 3}`);
        for (let n = 0; n < DAMAGED_PER_LAYER; n += 1) {
          const damaged = mutate(streams[index], random);
          const found = outcome(() => kernel.decode(damaged, layout));
          expect(found, place).toBe(outcome(() => plain.decode(damaged, layout)));
          if (found.startsWith("error")) kinds.add(found);
        }
      });
    }
    expect([...kinds]).toEqual(
      expect.arrayContaining(["kind 0", "kind 1", "kind 2", "error checksum-mismatch", "error truncated"]),
    );
  });
});
