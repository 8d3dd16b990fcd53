import {
  bramOf,
  codecByName,
  comparisonCodecs,
  orderZeroEntropy,
  reportCodecs,
  weightCodecs,
  weightsOfGraph,
} from "@sluice/sdk/codec";
import { importModel } from "@sluice/sdk/import";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedFile } from "../../support/shared-data.js";
import { randomLayer } from "./layers.js";

describe("reportCodecs", () => {
  it("counts every stream and the tables, and measures each codec", () => {
    const random = seededRandom(5).next;
    const layers = [randomLayer(random, "gaussian"), randomLayer(random, "ternary")];
    const report = reportCodecs(layers);
    expect(report.totals.map(({ codec }) => codec)).toEqual(
      [...weightCodecs, ...comparisonCodecs].map(({ name }) => name),
    );
    for (const { codec, bytes, tableBytes } of report.totals) {
      const { tables, streams } = [...weightCodecs, ...comparisonCodecs]
        .find(({ name }) => name === codec)!
        .encode(layers);
      expect(tableBytes).toBe(tables.length);
      expect(bytes).toBe(streams.reduce((sum, stream) => sum + stream.length, tables.length));
    }
    expect(report.layers.map(({ weights }) => weights)).toEqual(layers.map(({ weights }) => weights.length));
  });

  it("refuses a codec that does not give the weights back", () => {
    const raw = codecByName("raw");
    const broken = { ...raw, openDecoder: () => ({ decode: () => new Int8Array(1) }) };
    const layout = { outputs: 1, inputs: 1, kernelHeight: 1, kernelWidth: 1, outputTile: 1 };
    const layers = [{ name: "one", layout, weights: Int8Array.of(3) }];
    expect(() => reportCodecs(layers, { codecs: [broken] })).toThrowError(
      expect.objectContaining({ name: "CodecError", code: "round-trip" }),
    );
  });

  it("knows entropies and block memories", () => {
    expect(orderZeroEntropy(Int8Array.of(1, 2, 3, 4))).toBe(2);
    expect(orderZeroEntropy(Int8Array.of(7, 7))).toBe(0);
    expect([bramOf(0), bramOf(1), bramOf(4608), bramOf(4609)]).toEqual([0, 1, 1, 2]);
  });
});

describe.skipIf(!hasSharedData)("codec ans on ResNet-8", () => {
  it("saves at least 20.2 % and no layer exceeds gzip -9", () => {
    const graph = importModel(sharedFile("models", "resnet8.onnx"), { file: "resnet8.onnx" });
    const report = reportCodecs(weightsOfGraph(graph), { codecs: [codecByName("ans")] });
    expect(report.totals[0].saved).toBeGreaterThan(20.2);
    for (const { bytes, gzipBytes, name } of report.layers) {
      expect(bytes.ans, name).toBeLessThanOrEqual(gzipBytes);
    }
  });
});
