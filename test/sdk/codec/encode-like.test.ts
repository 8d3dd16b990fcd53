/** A model that is a little different from an earlier one: what did not change keeps its bytes, all of it decodes. */
import {
  ansCodec,
  deflateCodec,
  type EarlierWeights,
  encodeLike,
  encodeSmallest,
  type LayerWeights,
  rawCodec,
  type SmallestStreams,
} from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import type { ConvolutionNode, Graph } from "@sluice/sdk/graph";
import { smallGeometry } from "@sluice/sdk/overlay";
import { decodeLayerWeights, earlierWeights, readPackage, writePackage } from "@sluice/sdk/package";
import { defaultPreprocessing } from "@sluice/sdk/preprocess";
import { describe, expect, it } from "vitest";
import { randomGraph } from "../../support/random-graph.js";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer } from "./layers.js";

const SEED = Number(process.env.SLUICE_SEED ?? 97);

const earlierOf = (
  layers: readonly LayerWeights[],
  { tables, streams }: SmallestStreams,
): EarlierWeights => ({
  tables,
  layers: layers.map((layer, index) => ({ ...layer, stream: streams[index] })),
});

function decoded(layers: readonly LayerWeights[], { tables, streams }: SmallestStreams): Int8Array[] {
  return layers.map(({ layout }, index) => {
    return streams[index].codec.openDecoder(tables).decode(streams[index].bytes, layout);
  });
}

describe("encodeLike", () => {
  it(`keeps what has not changed, byte for byte, and codes the rest with the same tables (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const codecs = [ansCodec, [rawCodec, deflateCodec]] as const;
    for (let round = 0; round < 6; round += 1) {
      const layers = Array.from({ length: 4 }, () => randomLayer(random.next, "gaussian"));
      const before = encodeSmallest(layers, ...codecs);
      const at = random.integer(0, 3);
      const changed = layers.map((layer, index) =>
        index === at ? randomLayer(random.next, round % 2 ? undefined : "gaussian", layer.layout) : layer,
      );
      const after = encodeLike(earlierOf(layers, before), changed, ...codecs);
      expect(decoded(changed, after)).toEqual(changed.map(({ weights }) => weights));
      layers.forEach((_, index) => {
        if (index !== at) expect(after.streams[index]).toBe(before.streams[index]);
      });
      const usesTables = before.streams.some(({ codec }, index) => codec === ansCodec && index !== at);
      if (usesTables) expect(after.tables).toBe(before.tables);
      // No layer is larger than without the earlier model's help.
      const { length } = after.streams[at].bytes;
      expect(length).toBeLessThanOrEqual(rawCodec.encode([changed[at]]).streams[0].length);
    }
  });

  it("makes new tables when no layer needs the earlier ones, and is the same when nothing changed", () => {
    const random = seededRandom(SEED);
    const layout = { outputs: 32, inputs: 64, kernelHeight: 3, kernelWidth: 3, outputTile: 16 };
    const layers = [0, 1].map(() => randomLayer(random.next, "narrow", layout));
    const before = encodeSmallest(layers, ansCodec, [rawCodec]);
    expect(before.streams.every(({ codec }) => codec === ansCodec)).toBe(true);
    const earlier = earlierOf(layers, before);
    expect(encodeLike(earlier, layers, ansCodec, [rawCodec])).toEqual(before);
    const others = [0, 1].map(() => randomLayer(random.next, "gaussian", layout));
    expect(encodeLike(earlier, others, ansCodec, [rawCodec])).toEqual(
      encodeSmallest(others, ansCodec, [rawCodec]),
    );
    // A codec that is not wanted any more is not kept either.
    expect(encodeLike(earlier, layers, deflateCodec, [rawCodec])).toEqual(
      encodeSmallest(layers, deflateCodec, [rawCodec]),
    );
  });

  it("codes any weights with the tables of any others (ans)", () => {
    const random = seededRandom(SEED + 1);
    const tables = Array.from({ length: 6 }, () => {
      return ansCodec.encode(Array.from({ length: 3 }, () => randomLayer(random.next))).tables;
    }).filter(({ length }) => length > 0);
    expect(tables.length).toBeGreaterThan(2);
    for (let round = 0; round < 60; round += 1) {
      const layer = randomLayer(random.next);
      const given = tables[round % tables.length];
      const { tables: used, streams } = ansCodec.encode([layer], { tables: given });
      if (used.length > 0) expect(used).toBe(given);
      expect(ansCodec.openDecoder(used).decode(streams[0], layer.layout)).toEqual(layer.weights);
      const plain = ansCodec.encode([layer], { tables: given, kernel: false } as object);
      expect(plain.streams, "with and without WebAssembly").toEqual(streams);
    }
  });
});

describe("compile with an earlier model", () => {
  const options = { geometry: smallGeometry, codec: ansCodec };
  const graph = randomGraph(5, { dialect: "int8", kinds: ["convolution"], blocks: 5, maxSize: 6 });
  const convolutions = graph.nodes.filter(({ kind }) => kind === "convolution") as ConvolutionNode[];
  const largest = convolutions.reduce((a, b) => (b.weights.length > a.weights.length ? b : a));

  /** Two weights of the largest layer exchanged. */
  function changed(): Graph {
    const weights = largest.weights.slice();
    const other = weights.findIndex((weight) => weight !== weights[0]);
    [weights[0], weights[other]] = [weights[other], weights[0]];
    return { ...graph, nodes: graph.nodes.map((node) => (node === largest ? { ...node, weights } : node)) };
  }

  it("changes the sections of the changed layer, and the program where offsets moved", () => {
    const before = compile(graph, options);
    const stored = readPackage(writePackage(before, graph, defaultPreprocessing(graph))).compiled;
    const next = changed();
    const after = compile(next, { ...options, like: earlierWeights(stored) });
    const known = new Set(before.sections.map(({ bytes }) => Buffer.from(bytes).toString("hex")));
    const sent = after.sections.filter(({ bytes }) => !known.has(Buffer.from(bytes).toString("hex")));
    expect(sent.filter(({ kind }) => kind === "weights")).toHaveLength(1);
    expect(sent.filter(({ kind }) => kind !== "weights" && kind !== "program")).toEqual([]);
    expect(decodeLayerWeights(after)).toEqual(decodeLayerWeights(compile(next, options)));
  });

  it("is the earlier model when nothing changed", () => {
    const before = compile(graph, options);
    expect(compile(graph, { ...options, like: earlierWeights(before) })).toEqual(before);
  });
});
