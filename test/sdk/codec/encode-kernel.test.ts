/** The encoder's words from WebAssembly are those from TypeScript. */
import { encodeAns } from "@sluice/sdk/codec/ans/encode.js";
import { expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer } from "./layers.js";

const SEED = 78;
const MODELS = 16;

it(`the encoding kernel writes the bytes of the plain encoder (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const kinds = new Set<number>();
  for (let round = 0; round < MODELS; round += 1) {
    const layers = [randomLayer(random.next), randomLayer(random.next)];
    const options = {
      pairs: random.pick(["never", "always"] as const),
      lanes: random.pick([1, 2, 8, 16, 32]),
      fewestLanes: random.pick([1, 4, 16]),
      segmentWeights: random.pick([64, 500, 65_536]),
      tableLog: random.pick([8, 9, 10, 11]),
    };
    const kernel = encodeAns(layers, options);
    const plain = encodeAns(layers, { ...options, kernel: false });
    expect(Buffer.concat(kernel.streams).equals(Buffer.concat(plain.streams)), `round ${round}`).toBe(true);
    for (const stream of kernel.streams) kinds.add(stream[0] & 3);
  }
  expect([...kinds].sort()).toEqual(expect.arrayContaining([1, 2]));
});
