/** What the importer makes of single layers, and what it says about models it cannot take. */
import type { ConvolutionNode, RequantizeNode } from "@sluice/sdk/graph";
import { importOnnx } from "@sluice/sdk/import/onnx";
import { modelProto } from "@sluice/sdk/import/onnx/schema.js";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { OnnxBuilder, type QuantSpec } from "../../../support/onnx-builder.js";

const step: QuantSpec = { scale: 2 ** -4 };
const dims = [1, 2, 3, 3];

/** A model "input -> Quant -> BODY -> Quant". */
function imported(body: (builder: OnnxBuilder, x: string) => string, spec: QuantSpec = step) {
  const builder = new OnnxBuilder();
  const x = builder.quant("input", step);
  const output = builder.quant(body(builder, x), spec);
  return importOnnx(builder.build(output, dims), { file: "folder/small.onnx" });
}

const pointwise =
  (values: number[], spec: QuantSpec = step) =>
  (builder: OnnxBuilder, x: string) =>
    builder.node("Conv", [x, builder.quant(builder.constant(values, [values.length / 2, 2, 1, 1]), spec)]);

describe("importOnnx", () => {
  it("describes where the graph comes from and how pixels are encoded", () => {
    const graph = imported((builder, x) => builder.node("Relu", [x]));
    expect(graph.source).toMatchObject({ format: "qonnx", file: "small.onnx" });
    expect(graph.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(graph.inputEncoding).toEqual({
      kind: "normalize",
      scale: 1 / 255,
      mean: [0],
      std: [1],
      rounding: "half-even",
    });
    expect(graph.tensors[graph.input]).toMatchObject({
      shape: [3, 3, 2],
      scale: 2 ** -4,
      min: -128,
      max: 127,
    });
  });

  it("turns OIHW weights and a finer bias grid into one convolution", () => {
    const graph = imported((builder, x) => {
      const weights = builder.constant(
        [1, 2, 3, 4, 5, 6, 7, 8].map((value) => value / 16),
        [1, 2, 2, 2],
      );
      const bias = builder.quant(builder.constant([3 / 1024]), { scale: 2 ** -10, bits: 16 });
      return builder.node("Conv", [x, builder.quant(weights, step), bias], { pads: [1, 0, 0, 0] });
    });
    const convolution = graph.nodes[0] as ConvolutionNode;
    expect([...convolution.weights]).toEqual([1, 5, 2, 6, 3, 7, 4, 8]);
    expect(convolution).toMatchObject({
      accumulatorShift: 2,
      padding: { top: 1, bottom: 0, left: 0, right: 0 },
    });
    expect([...convolution.bias]).toEqual([3]);
    expect(graph.tensors[convolution.output].scale).toBe(2 ** -10);
  });

  it("gives channels with scales of their own shifts of their own", () => {
    const scales: QuantSpec = { scale: [2 ** -4, 2 ** -6], scaleDims: [2, 1, 1, 1] };
    const graph = imported(pointwise([1, 1, 0.5, 0.5], scales));
    const quant = graph.nodes[1] as RequantizeNode;
    expect([...quant.stageA.shift]).toEqual([4, 6]);
    expect(Number.isNaN(graph.tensors[quant.inputs[0]].scale)).toBe(true);
  });

  it("permutes a matrix behind a Flatten of more than one pixel", () => {
    const builder = new OnnxBuilder();
    const x = builder.quant("input", { scale: 1 });
    const matrix = builder.constant([1, 2, 3, 4], [1, 4]);
    const row = builder.node("Flatten", [x]);
    const sum = builder.node("Gemm", [row, builder.quant(matrix, { scale: 1 })], { transB: 1 });
    const graph = importOnnx(builder.build(builder.quant(sum, { scale: 1 }), [1, 2, 1, 2]), {
      file: "m.onnx",
    });
    // Pixels (y0,x0) = [10, 30], (y0,x1) = [20, 40] in HWC order; ONNX sees 10 20 30 40.
    const { output } = createReference(graph).run(Int8Array.of(1, 3, 2, 4));
    expect([...output]).toEqual([1 * 1 + 2 * 2 + 3 * 3 + 4 * 4]);
  });

  const withFloatBias = (weight: number) =>
    imported((builder, x) => {
      const weights = builder.quant(builder.constant([weight, weight], [1, 2, 1, 1]), step);
      return builder.node("Conv", [x, weights, builder.constant([Math.fround(1 / 3)])]);
    });

  it("keeps a bias that is not quantised exact where 32 bits allow it", () => {
    const graph = withFloatBias(1 / 16);
    const { bias, accumulatorShift } = graph.nodes[0] as ConvolutionNode;
    expect(bias[0] / 2 ** (8 + accumulatorShift)).toBe(Math.fround(1 / 3));
    expect(graph.notes).toEqual([]);
  });

  it("rounds it to the finest grid that fits otherwise, and notes it", () => {
    const graph = withFloatBias(7);
    const { bias, accumulatorShift } = graph.nodes[0] as ConvolutionNode;
    const exact = Math.fround(1 / 3) * 2 ** (8 + accumulatorShift);
    expect(bias[0]).not.toBe(exact);
    expect(Math.abs(bias[0] - exact)).toBeLessThanOrEqual(0.5);
    expect(accumulatorShift).toBeGreaterThan(12);
    expect(graph.notes.join()).toContain("not quantised");
  });

  it("reads typed fields like raw data, and int32, float16 and double constants", () => {
    const weightsOf = (make: (builder: OnnxBuilder) => string) => {
      const graph = imported((builder, x) => builder.node("Conv", [x, builder.quant(make(builder), step)]));
      return [...(graph.nodes[0] as ConvolutionNode).weights];
    };
    const raw = weightsOf((builder) => builder.constant([0.5, -0.25], [1, 2, 1, 1]));
    expect(raw).toEqual([8, -4]);
    expect(weightsOf((builder) => builder.constant([0.5, -0.25], [1, 2, 1, 1], "float", true))).toEqual(raw);
    expect(weightsOf((builder) => builder.constant([0.5, -0.25], [1, 2, 1, 1], "double"))).toEqual(raw);
    expect(weightsOf((builder) => builder.constant([0x3800, 0xb400], [1, 2, 1, 1], "float16"))).toEqual(raw);
    expect(weightsOf((builder) => builder.constant([8, -4], [1, 2, 1, 1], "int32"))).toEqual(raw);
    expect(weightsOf((builder) => builder.constant([8, -4], [1, 2, 1, 1], "int8", true))).toEqual(raw);
  });

  const refused: { code: string; place?: string; body: (builder: OnnxBuilder, x: string) => string }[] = [
    { code: "unsupported-op", place: "Sigmoid", body: (builder, x) => builder.node("Sigmoid", [x]) },
    {
      code: "weights-not-quantized",
      body: (builder, x) => builder.node("Conv", [x, builder.constant([1, 1], [1, 2, 1, 1])]),
    },
    { code: "weights-too-wide", body: pointwise([100, 1], { scale: 2 ** -4, bits: 16 }) },
    {
      code: "shape-mismatch",
      body: (builder, x) => {
        const weights = builder.quant(builder.constant([1, 1, 1], [1, 3, 1, 1]), step);
        return builder.node("Conv", [x, weights]);
      },
    },
    { code: "constant-operand", body: (builder, x) => builder.node("Add", [x, builder.constant([1])]) },
    { code: "unknown-input", body: (builder, x) => builder.node("Add", [x, "nowhere"]) },
    {
      code: "average-not-quantized",
      body: (builder, x) => builder.node("Relu", [builder.node("GlobalAveragePool", [x])]),
    },
    {
      code: "bound-off-grid",
      body: (builder, x) =>
        builder.node("Clip", [x, builder.constant([-0.3], []), builder.constant([1], [])]),
    },
    { code: "unsupported-reshape", body: (builder, x) => builder.node("Flatten", [x], { axis: 2 }) },
    { code: "unsupported-concat", body: (builder, x) => builder.node("Concat", [x, x], { axis: 2 }) },
    { code: "bad-attribute", body: (builder, x) => builder.node("MaxPool", [x]) },
    { code: "flatten-order", body: (builder, x) => builder.node("Softmax", [builder.node("Flatten", [x])]) },
    {
      code: "empty-window",
      body: (builder, x) => builder.node("MaxPool", [x], { kernel_shape: [1, 1], pads: [1, 0, 0, 0] }),
    },
  ];
  for (const { code, place, body } of refused) {
    it(`refuses with ${code}${place ? ` (${place})` : ""}`, () => {
      let thrown: { code?: string; place?: string; hint?: string } = {};
      try {
        imported(body);
      } catch (error) {
        thrown = error as typeof thrown;
      }
      expect(thrown.code).toBe(code);
      expect(thrown.place).toContain(place ?? "node");
    });
  }

  it("refuses a scale that is no power of two, with the way out", () => {
    const facts = { code: "scale-not-power-of-two", hint: expect.stringContaining("power-of-two") };
    expect(() => imported((_, x) => x, { scale: 0.3 })).toThrow(expect.objectContaining(facts));
  });

  it("refuses models without Quants, without an input Quant, and with an unknown size", () => {
    const plain = new OnnxBuilder();
    const relu = plain.node("Relu", ["input"]);
    const of = (builder: OnnxBuilder, output: string, shape: number[]) => () =>
      importOnnx(builder.build(output, shape), { file: "m.onnx" });
    expect(of(plain, relu, dims)).toThrow(expect.objectContaining({ code: "not-quantized" }));
    const late = new OnnxBuilder();
    const output = late.quant(late.node("Relu", ["input"]), step);
    expect(of(late, output, dims)).toThrow(expect.objectContaining({ code: "input-not-quantized" }));
    const sized = new OnnxBuilder();
    expect(of(sized, sized.quant("input", step), [1, 3, 0, 4])).toThrow(
      expect.objectContaining({ code: "unsupported-input" }),
    );
  });

  it("refuses tensors kept in another file", () => {
    const builder = new OnnxBuilder();
    const output = builder.quant("input", step);
    const message = modelProto.decode(builder.build(output, dims)) as unknown as {
      graph: { initializer: { dataLocation: number; externalData: object[] }[] };
    };
    message.graph.initializer[0].dataLocation = 1;
    message.graph.initializer[0].externalData = [{ key: "location", value: "weights.bin" }];
    const bytes = modelProto.encode(message as never).finish();
    expect(() => importOnnx(bytes, { file: "m.onnx" })).toThrow(
      expect.objectContaining({ code: "external-data", found: "weights.bin" }),
    );
  });
});
