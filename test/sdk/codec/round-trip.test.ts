import { comparisonCodecs, type LayerWeights, weightCodecs } from "@sluice/sdk/codec";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { encodeAns } from "@sluice/sdk/codec/ans/encode.js";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";
import { distributions, randomLayer, randomLayout } from "./layers.js";

/** The codecs' common promise: every layer comes back, whatever it holds. */
describe.each([...weightCodecs, ...comparisonCodecs].map((codec) => [codec.name, codec] as const))(
  "codec %s",
  (name, codec) => {
    it.each(Object.keys(distributions))("gives back %s weights of any shape", (distribution) => {
      const seed = 7 + distribution.length;
      const random = seededRandom(seed).next;
      for (let round = 0; round < 3; round += 1) {
        const layers = Array.from({ length: 3 }, () => randomLayer(random, distribution));
        const { tables, streams } = codec.encode(layers);
        const decoder = codec.openDecoder(tables);
        layers.forEach(({ layout, weights }, index) => {
          expect(
            decoder.decode(streams[index], layout),
            `${name} seed ${seed} ${JSON.stringify(layout)}`,
          ).toEqual(weights);
        });
      }
    });

    it("gives back a single weight", () => {
      const layout = { outputs: 1, inputs: 1, kernelHeight: 1, kernelWidth: 1, outputTile: 16 };
      const layers: LayerWeights[] = [{ name: "one", layout, weights: Int8Array.of(-5) }];
      const { tables, streams } = codec.encode(layers);
      expect(codec.openDecoder(tables).decode(streams[0], layout)).toEqual(Int8Array.of(-5));
    });

    it("gives the same bytes twice, and reports progress up to 1", () => {
      const layers = [randomLayer(seededRandom(3).next), randomLayer(seededRandom(4).next)];
      const progress: number[] = [];
      const first = codec.encode(layers, { onProgress: (done) => progress.push(done) });
      expect(codec.encode(layers)).toEqual(first);
      if (name !== "raw") expect(progress.at(-1)).toBe(1);
      expect(progress).toEqual([...progress].sort((left, right) => left - right));
    });
  },
);

describe("the decoders of codec ans", () => {
  it("agree on random layers, lane counts and table sizes", () => {
    const seed = 11;
    const random = seededRandom(seed).next;
    for (let round = 0; round < 40; round += 1) {
      const lanes = [1, 2, 4, 8, 16, 32][Math.floor(random() * 6)];
      const tableLog = 8 + Math.floor(random() * 4);
      const layers = Array.from({ length: 2 }, () =>
        randomLayer(random, undefined, randomLayout(random, 24)),
      );
      const { tables, streams } = encodeAns(layers, { lanes, tableLog });
      layers.forEach(({ layout, weights }, index) => {
        const place = `seed ${seed} round ${round} ${JSON.stringify(layout)}`;
        expect(decodeReference(tables, streams[index], layout), place).toEqual(weights);
      });
    }
  });
});

describe("few values", () => {
  it("cost what a table of them costs, where neighbouring taps look alike too", () => {
    const random = seededRandom(13).next;
    const layout = { outputs: 32, inputs: 32, kernelHeight: 3, kernelWidth: 3, outputTile: 16 };
    const size = 32 * 9;
    // Smooth kernels rounded to powers of two: prediction from neighbours would smear 15 values over all bytes.
    const weights = new Int8Array(32 * size);
    const kernel = Array.from({ length: 32 * 32 }, () => (random() + random() + random() - 1.5) * 60);
    for (let index = 0; index < weights.length; index += 1) {
      const real = kernel[index % (32 * 32)] + (random() - 0.5) * 20;
      const exponent = Math.min(6, Math.round(Math.log2(Math.max(Math.abs(real), 0.5))));
      weights[index] = exponent < 0 ? 0 : Math.sign(real) * 2 ** exponent;
    }
    const counts = new Map<number, number>();
    for (const weight of weights) counts.set(weight, (counts.get(weight) ?? 0) + 1);
    let entropy = 0;
    for (const count of counts.values()) entropy -= count * Math.log2(count / weights.length);
    const { tables, streams } = encodeAns([{ name: "powers", layout, weights }], {});
    expect(8 * (tables.length + streams[0].length)).toBeLessThan(1.05 * entropy + 400);
  });
});
