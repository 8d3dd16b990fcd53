/** A model's weights are never larger than in the best of the codecs it may use, layer by layer and in all. */
import {
  ansCodec,
  codecChoice,
  deflateCodec,
  encodeSmallest,
  type LayerWeights,
  rawCodec,
} from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { randomGraph } from "../../support/random-graph.js";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer } from "./layers.js";

const SEED = 81;
const MODELS = 11;

function periodic(length: number): LayerWeights {
  const layout = { outputs: 16, inputs: length / 16, kernelHeight: 1, kernelWidth: 1, outputTile: 16 };
  const weights = Int8Array.from({ length }, (_, index) => ((index % 64) * 89) & 255);
  return { name: "periodic", layout, weights };
}

describe("the smallest of several codecs", () => {
  it(`is never larger than stored or DEFLATE, and decodes (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const used = new Map<string, number>();
    for (let round = 0; round < MODELS; round += 1) {
      const layers = Array.from({ length: 1 + (round % 3) }, () => randomLayer(random.next));
      if (round % 5 === 0) layers.push(periodic(4096), randomLayer(random.next, "uniform"));
      const { tables, streams } = encodeSmallest(layers, ansCodec, [rawCodec, deflateCodec]);
      const deflated = deflateCodec.encode(layers).streams;
      let total = tables.length;
      let best = 0;
      layers.forEach(({ layout, weights }, index) => {
        const { codec, bytes } = streams[index];
        expect(codec.openDecoder(tables).decode(bytes, layout)).toEqual(weights);
        const limit = Math.min(weights.length, deflated[index].length);
        expect(bytes.length).toBeLessThanOrEqual(limit);
        total += bytes.length;
        best += limit;
        used.set(codec.name, (used.get(codec.name) ?? 0) + 1);
      });
      expect(total).toBeLessThanOrEqual(best);
      if (!streams.some(({ codec }) => codec === ansCodec)) expect(tables.length).toBe(0);
    }
    expect([...used.keys()].sort()).toEqual(["ans", "deflate", "raw"]);
  });

  it("goes without tables that its streams do not pay for", () => {
    const layout = { outputs: 1, inputs: 14, kernelHeight: 1, kernelWidth: 1, outputTile: 16 };
    const layer = { name: "tiny", layout, weights: new Int8Array(14) };
    const alone = ansCodec.encode([layer]);
    expect(alone.streams[0].length + alone.tables.length).toBeGreaterThan(14);
    expect(encodeSmallest([layer], ansCodec, [rawCodec]).streams[0].codec).toBe(rawCodec);
  });

  it("is what a package holds when fallbacks are given", () => {
    const graph = randomGraph(SEED, { dialect: "int8", kinds: ["convolution"], blocks: 4, maxSize: 6 });
    const sizes = (names: string): number[] =>
      compile(graph, { geometry: smallGeometry, ...codecChoice(names) }).layers.map(
        (layer) => layer.compressedBytes,
      );
    const [smallest, ans, deflate, raw] = ["ans,deflate", "ans", "deflate", "raw"].map(sizes);
    smallest.forEach((bytes, index) => {
      expect(bytes).toBeLessThanOrEqual(Math.min(ans[index], deflate[index], raw[index]));
    });
  });

  it("takes codecs by name, the one with tables first", () => {
    expect(codecChoice("ans, deflate")).toEqual({ codec: ansCodec, fallbacks: [deflateCodec] });
    expect(() => codecChoice("deflate,ans")).toThrow(expect.objectContaining({ code: "codec-tables" }));
    expect(() => codecChoice("ans,lzma")).toThrow(expect.objectContaining({ code: "unknown-codec" }));
  });
});
