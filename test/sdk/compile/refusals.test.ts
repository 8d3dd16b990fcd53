/** What the compiler refuses: a typed error that names the layer, the numbers and the way out. */
import { rawCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { CompileError } from "@sluice/sdk/errors.js";
import type { ConvolutionNode, Graph, RoundingStage, Window } from "@sluice/sdk/graph";
import { kv260Geometry, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../support/graph-builder.js";

const padding = { top: 0, bottom: 0, left: 0, right: 0 };
const pointwise: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding };
const signed = { min: -128, max: 127 };
const stageA = (shift: number, multiplier = 1): RoundingStage => {
  return { multiplier: Int32Array.of(multiplier), shift: Uint8Array.of(shift), rounding: "half-even" };
};

function builder(height = 4, width = 4, channels = 8): GraphBuilder {
  return new GraphBuilder({ shape: [height, width, channels], ...signed, scale: 1, zeroPoint: 0 });
}

function convolution(inputs: number, changes: Partial<ConvolutionNode> = {}) {
  return {
    kind: "convolution" as const,
    ...pointwise,
    groups: 1,
    weights: new Int16Array(4 * inputs).fill(3),
    weightZeroPoint: 0,
    weightScale: Float64Array.of(1),
    weightBits: 8,
    bias: new Int32Array(4),
    accumulatorShift: 0,
    ...changes,
  };
}

function quant(stage: RoundingStage, clamp = signed) {
  return { kind: "requantize" as const, inputZeroPoint: 0, stageA: stage, zeroPoint: 0, clamp };
}

function refusal(graph: Graph, geometry = smallGeometry): CompileError {
  try {
    compile(graph, { geometry, codec: rawCodec });
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError);
    const refused = error as CompileError;
    expect(refused.place).toBeTruthy();
    expect(refused.hint).toBeTruthy();
    return refused;
  }
  throw new Error("the graph was compiled");
}

describe("refusals", () => {
  it("of an accumulator as output", () => {
    const net = builder();
    expect(refusal(net.finish("wide", net.add(convolution(8), [0]))).code).toBe("wide-output");
  });

  it("of an activation wider than a table", () => {
    const net = builder();
    const wide = net.add(quant(stageA(2), { min: -2048, max: 2047 }), [net.add(convolution(8), [0])]);
    const error = refusal(net.finish("wide", net.add(quant(stageA(4)), [wide])));
    expect(error).toMatchObject({ code: "wide-activation", found: "-2048..2047" });
  });

  it("of a product that could exceed 64 bits", () => {
    const net = builder();
    const bias = new Int32Array(4).fill(2 ** 31 - 2 ** 20);
    const accumulator = net.add(convolution(8, { bias }), [0]);
    const scale = stageA(62, 2 ** 31 - 1);
    expect(() =>
      compile(net.finish("fits", net.add(quant(scale), [accumulator])), {
        geometry: smallGeometry,
        codec: rawCodec,
      }),
    ).not.toThrow();
    const steep = builder();
    const scaled = steep.add(quant(stageA(0, 2 ** 20)), [steep.add(convolution(8, { bias }), [0])]);
    const error = refusal(steep.finish("steep", scaled));
    expect(error).toMatchObject({ code: "overflow", place: "convolution0, channel 0" });
  });

  it("of a scale beyond the engine's product", () => {
    const scaled = (multiplier: number) => {
      const net = builder(4, 4, 1);
      const weights = new Int16Array(4).fill(1);
      return net.finish(
        "scale",
        net.add(quant(stageA(0, multiplier)), [net.add(convolution(1, { weights }), [0])]),
      );
    };
    expect(() => compile(scaled(2 ** 20 - 1), { geometry: smallGeometry, codec: rawCodec })).not.toThrow();
    expect(refusal(scaled(2 ** 20))).toMatchObject({ code: "scale-range", place: "convolution0, channel 0" });
  });

  it("of an accumulator that could overflow", () => {
    const net = builder(1, 1, 8);
    // Declared by hand: the builder's own proof would refuse the graph before the compiler sees it.
    const accumulator = net.add(convolution(8), [0]);
    const output = net.add(quant(stageA(9)), [accumulator]);
    const graph = net.finish("overflow", output);
    const node = { ...(graph.nodes[0] as ConvolutionNode), bias: new Int32Array(4).fill(2 ** 31 - 1) };
    let error: unknown;
    try {
      compile({ ...graph, nodes: [node, graph.nodes[1]] }, { geometry: smallGeometry, codec: rawCodec });
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: expect.stringMatching(/overflow|range/) });
  });

  it("of an average pool over padding", () => {
    const net = builder();
    const pooled = net.add(
      {
        kind: "average-pool",
        ...pointwise,
        kernel: [2, 2],
        padding: { top: 1, bottom: 0, left: 0, right: 0 },
        inputZeroPoint: 0,
        numerator: 1,
        denominator: 1,
        rounding: "half-up",
        zeroPoint: 0,
        clamp: signed,
      },
      [0],
    );
    expect(refusal(net.finish("padded", pooled)).code).toBe("average-padding");
  });

  it("of a weight tile larger than the buffer", () => {
    const channels = 8 * (kv260Geometry.weightLines + 1);
    const net = builder(1, 1, channels);
    const weights = new Int16Array(4 * channels);
    const output = net.add(quant(stageA(9)), [net.add(convolution(channels, { weights }), [0])]);
    const error = refusal(net.finish("tile", output), kv260Geometry);
    expect(error).toMatchObject({
      code: "weight-tile",
      found: expect.stringContaining(String(kv260Geometry.weightLines + 1)),
    });
  });

  it("of a stride no command can hold", () => {
    const net = builder(40, 40, 8);
    const strided = net.add(convolution(8, { stride: [20, 20] }), [0]);
    const error = refusal(net.finish("stride", net.add(quant(stageA(9)), [strided])));
    expect(error).toMatchObject({ code: "field-range", expected: "an integer in 0..15", found: "20" });
  });

  it("of a model without work for the overlay", () => {
    const net = builder();
    expect(refusal(net.finish("nothing", net.add({ kind: "clamp", min: -128, max: 127 }, [0]))).code).toBe(
      "no-layers",
    );
  });
});
