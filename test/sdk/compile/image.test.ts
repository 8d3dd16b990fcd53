/** The DDR image: alignment, order, reuse, and what a change of one layer's weights touches. */
import { deflateCodec, type LayerWeights, rawCodec, type WeightCodec } from "@sluice/sdk/codec";
import { type CompiledModel, compile } from "@sluice/sdk/compile";
import type { ConvolutionNode, Graph } from "@sluice/sdk/graph";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { randomGraph } from "../../support/random-graph.js";

const SEED = 3;
const graph = randomGraph(SEED, { dialect: "int8", kinds: ["convolution"], blocks: 4, maxSize: 6 });

function compiledWith(codec: WeightCodec, model: Graph = graph): CompiledModel {
  return compile(model, { geometry: smallGeometry, codec });
}

describe("the image", () => {
  it("has aligned sections with unique names that do not overlap", () => {
    for (const codec of [rawCodec, deflateCodec]) {
      const { sections, plan } = compiledWith(codec);
      let end = 0;
      for (const section of sections) {
        expect(section.offset % 64).toBe(0);
        expect(section.offset).toBeGreaterThanOrEqual(end);
        end = section.offset + section.bytes.length;
      }
      expect(plan.imageBytes).toBeGreaterThanOrEqual(end);
      expect(new Set(sections.map(({ name }) => name)).size).toBe(sections.length);
    }
  });

  it("is the same twice", () => {
    expect(compiledWith(deflateCodec)).toEqual(compiledWith(deflateCodec));
  });

  it("changes only the changed layer's sections, and the program where offsets move", () => {
    const at = graph.nodes.findIndex(({ kind }) => kind === "convolution");
    const node = graph.nodes[at] as ConvolutionNode;
    const weights = node.weights.map((weight, index) => (index === 0 ? (weight === 1 ? 2 : 1) : weight));
    const nodes = graph.nodes.map((other, index) => (index === at ? { ...node, weights } : other));
    const before = compiledWith(rawCodec);
    const after = compiledWith(rawCodec, { ...graph, nodes });
    const changed = before.sections.filter(
      (section, index) => !equal(section.bytes, after.sections[index].bytes),
    );
    const layer = before.layers[0].name;
    expect(
      changed.map(({ name }) => name).filter((name) => name !== "program" && !name.startsWith(layer)),
    ).toEqual([]);
    expect(changed.map(({ name }) => name)).toContain(layer);
  });

  it("stores a layer that the codec would enlarge, and no tables when all layers are stored", () => {
    const enlarging: WeightCodec = {
      name: "enlarging",
      id: 9,
      encode: (layers: readonly LayerWeights[]) => ({
        tables: Uint8Array.of(1, 2, 3),
        streams: layers.map(({ weights }) => new Uint8Array(weights.length + 1)),
      }),
      openDecoder: rawCodec.openDecoder,
    };
    const compiled = compiledWith(enlarging);
    expect(
      compiled.layers.every(
        ({ codec, weightBytes, compressedBytes }) => codec === "raw" && weightBytes === compressedBytes,
      ),
    ).toBe(true);
    expect(compiled.plan.tablesBytes).toBe(0);
    expect(compiled.sections).toEqual(compiledWith(rawCodec).sections);
  });

  it("reports progress up to 1", () => {
    const seen: number[] = [];
    compile(graph, { geometry: smallGeometry, codec: deflateCodec, onProgress: (done) => seen.push(done) });
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
