/** Every pass on a graph made for it: it does what its name says, and the model computes the same numbers. */
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { FloatGraphBuilder, type NodeParts } from "@sluice/sdk/import/float/builder.js";
import { foldAffine, mergePadding, mergeShortcuts, removeIdentities } from "@sluice/sdk/import/passes";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../support/seeded-random.js";

const random = seededRandom(0x9a55);
const floats = (length: number) => Float32Array.from({ length }, () => random.next() * 2 - 1);
const window = (kernel: number, stride = 1, pad = 0) => ({
  kernel: [kernel, kernel] as const,
  stride: [stride, stride] as const,
  dilation: [1, 1] as const,
  padding: { top: pad, bottom: pad, left: pad, right: pad },
});

function convolution(
  input: number,
  inputs: number,
  outputs: number,
  kernel = 3,
  pad = 0,
  groups = 1,
): NodeParts {
  return {
    ...window(kernel, 1, pad),
    kind: "convolution",
    sourceOp: "Conv",
    inputs: [input],
    groups,
    weights: floats((outputs * kernel * kernel * inputs) / groups),
    bias: floats(outputs),
    structural: false,
  };
}

function affine(input: number, channels: number): NodeParts {
  const [scale, shift] = [floats(channels), floats(channels)];
  return { kind: "affine", sourceOp: "BatchNormalization", inputs: [input], scale, shift };
}

/** A graph of one chain; `build` adds nodes and returns the output. */
function graphOf(channels: number, build: (builder: FloatGraphBuilder, input: number) => number): FloatGraph {
  const builder = new FloatGraphBuilder("pass.test");
  const input = builder.addTensor({ name: "input", shape: [6, 6, channels] });
  const output = build(builder, input);
  return builder.build({ name: "g", source: { format: "synthetic", file: "", sha256: "" }, input, output });
}

function expectSame(before: FloatGraph, after: FloatGraph): void {
  const [height, width, channels] = before.tensors[before.input].shape;
  const image = floats(height * width * channels);
  const expected = createFloatInterpreter(before).run(image);
  const actual = createFloatInterpreter(after).run(image);
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs(actual[index] - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
  });
}

const kinds = (graph: FloatGraph) => graph.nodes.map(({ kind }) => kind);

describe("passes", () => {
  it("removeIdentities keeps the grid of what it removes", () => {
    const grid = { scale: 0.5, zeroPoint: 1, min: 0, max: 255 };
    const graph = graphOf(4, (builder, input) => {
      const first = builder.add("c", convolution(input, 4, 4));
      return builder.add("i", { kind: "identity", sourceOp: "Dropout", inputs: [first] }, undefined, grid);
    });
    const after = removeIdentities(graph);
    expect(kinds(after)).toEqual(["convolution"]);
    expect(after.tensors[after.output]).toMatchObject({ name: "c", quantization: grid });
    expectSame(graph, after);
  });

  it("foldAffine goes backwards into the convolution, which takes the name of its result", () => {
    const graph = graphOf(4, (builder, input) =>
      builder.add("bn", affine(builder.add("c", convolution(input, 4, 6, 3, 1, 2)), 6)),
    );
    const after = foldAffine(graph);
    expect(kinds(after)).toEqual(["convolution"]);
    expect(after.nodes[0].name).toBe("bn");
    expectSame(graph, after);
  });

  it("foldAffine goes forwards where there is no padding, and groups are kept apart", () => {
    const graph = graphOf(4, (builder, input) => {
      const clamped = builder.addClamp("r", "Relu", input, [0, Infinity]);
      return builder.add("c", convolution(builder.add("bn", affine(clamped, 4)), 4, 6, 3, 0, 2));
    });
    const after = foldAffine(graph);
    expect(kinds(after)).toEqual(["clamp", "convolution"]);
    expectSame(graph, after);
  });

  it("foldAffine does not fold a shift into a padded convolution: the border holds 0, not the shift", () => {
    const graph = graphOf(4, (builder, input) =>
      builder.add("c", convolution(builder.add("bn", affine(input, 4)), 4, 6, 3, 1)),
    );
    const after = foldAffine(graph);
    expect(after.nodes.map((node) => node.kind === "convolution" && node.groups)).toEqual([4, 1]);
    expectSame(graph, after);
  });

  it("foldAffine leaves a convolution that others read alone", () => {
    const graph = graphOf(4, (builder, input) => {
      const c = builder.add("c", convolution(input, 4, 4, 3, 1));
      return builder.add("sum", {
        kind: "add",
        sourceOp: "Add",
        inputs: [c, builder.add("bn", affine(c, 4))],
      });
    });
    const after = foldAffine(graph);
    expect(kinds(after)).toEqual(["convolution", "convolution", "add"]);
    expectSame(graph, after);
  });

  it("mergePadding merges zeros into convolutions, and nothing else", () => {
    const padded = (value: number) =>
      graphOf(4, (builder, input) => {
        const parts = { kind: "pad" as const, sourceOp: "Pad", inputs: [input], value };
        const pad = builder.add("p", { ...parts, before: [1, 0, 0], after: [2, 1, 0] });
        return builder.add("c", convolution(pad, 4, 5));
      });
    const merged = mergePadding(padded(0));
    expect(kinds(merged)).toEqual(["convolution"]);
    expect(merged.nodes[0]).toMatchObject({ padding: { top: 1, bottom: 2, left: 0, right: 1 } });
    expect(kinds(mergePadding(padded(1)))).toEqual(["pad", "convolution"]);
    const graph = padded(0);
    expectSame(graph, mergePadding(graph));
  });

  it("mergeShortcuts makes one 0-and-1 convolution of a strided slice and its channel padding", () => {
    const graph = graphOf(4, (builder, input) => {
      const slice = builder.add(
        "s",
        { kind: "slice", sourceOp: "Slice", inputs: [input], start: [0, 0, 1], step: [2, 3, 2] },
        [3, 2, 2],
      );
      return builder.add("p", {
        kind: "pad",
        sourceOp: "Pad",
        inputs: [slice],
        before: [0, 0, 3],
        after: [0, 0, 2],
        value: 0,
      });
    });
    const after = mergeShortcuts(graph);
    expect(after.nodes).toHaveLength(1);
    expect(after.nodes[0]).toMatchObject({ kind: "convolution", structural: true, stride: [2, 3] });
    expectSame(graph, after);
  });

  it("mergeShortcuts leaves a slice that no stride describes", () => {
    const graph = graphOf(4, (builder, input) =>
      builder.add(
        "s",
        { kind: "slice", sourceOp: "Slice", inputs: [input], start: [1, 0, 0], step: [1, 1, 1] },
        [5, 6, 4],
      ),
    );
    expect(kinds(mergeShortcuts(graph))).toEqual(["slice"]);
  });
});
