import { GraphError } from "@sluice/sdk/errors.js";
import type { ConvolutionNode, Graph, GraphNode, Tensor } from "@sluice/sdk/graph";
import { provenOutputRange, validateGraph } from "@sluice/sdk/graph";
import { describe, expect, it } from "vitest";

const byte = { min: -128, max: 127, scale: 0.5, zeroPoint: 0 };
const convolution: ConvolutionNode = {
  kind: "convolution",
  name: "conv",
  sourceOp: "Conv",
  inputs: [0],
  output: 1,
  kernel: [3, 3],
  stride: [1, 1],
  dilation: [1, 1],
  padding: { top: 1, bottom: 1, left: 1, right: 1 },
  groups: 1,
  weights: new Int16Array(4 * 9 * 2).fill(3),
  weightZeroPoint: 0,
  weightScale: Float64Array.of(0.25),
  weightBits: 8,
  bias: new Int32Array(4).fill(10),
  accumulatorShift: 0,
};
const requantize: GraphNode = {
  kind: "requantize",
  name: "quant",
  sourceOp: "Quant",
  inputs: [1],
  output: 2,
  inputZeroPoint: 0,
  stageA: { multiplier: Int32Array.of(1), shift: Uint8Array.of(5), rounding: "half-even" },
  zeroPoint: 0,
  clamp: { min: -128, max: 127 },
};
const tensors: Tensor[] = [
  { name: "in", shape: [5, 6, 2], ...byte },
  { name: "acc", shape: [5, 6, 4], min: -7000, max: 7000, scale: 0.125, zeroPoint: 0 },
  { name: "out", shape: [5, 6, 4], ...byte },
];
const graph: Graph = {
  name: "small",
  source: { format: "synthetic", file: "small", sha256: "" },
  tensors,
  nodes: [convolution, requantize],
  input: 0,
  inputEncoding: { kind: "codes" },
  output: 2,
  notes: [],
};

const withTensor = (id: number, change: Partial<Tensor>): Graph => ({
  ...graph,
  tensors: tensors.map((tensor, index) => (index === id ? { ...tensor, ...change } : tensor)),
});
const withConvolution = (change: Partial<ConvolutionNode>): Graph => ({
  ...graph,
  nodes: [{ ...convolution, ...change }, requantize],
});
const withRequantize = (change: object): Graph => ({
  ...graph,
  nodes: [convolution, { ...requantize, ...change } as GraphNode],
});

describe("validateGraph", () => {
  it("accepts a sound graph and returns it", () => {
    expect(validateGraph(graph)).toBe(graph);
  });

  it("proves the accumulator's range from the weights, the padding and the bias", () => {
    expect(provenOutputRange(graph, convolution)).toEqual({ min: -128 * 54 + 10, max: 127 * 54 + 10 });
  });

  const broken: [code: string, graph: Graph][] = [
    ["shape-mismatch", withTensor(1, { shape: [5, 5, 4] })],
    ["bad-shape", withTensor(2, { shape: [5, 0, 4] })],
    ["too-large", withTensor(0, { shape: [65535, 65535, 2] })],
    ["duplicate-tensor", withTensor(2, { name: "in" })],
    ["bad-range", withTensor(2, { min: 3, max: 2 })],
    ["bad-range", withTensor(1, { max: 2 ** 31 })],
    ["bad-quantization", withTensor(2, { scale: 0 })],
    ["range-too-narrow", withTensor(1, { min: -6000 })],
    ["range-too-narrow", withTensor(2, { max: 126 })],
    ["not-eight-bit", withTensor(0, { max: 255 })],
    ["bad-length", withConvolution({ weights: new Int16Array(7) })],
    ["bad-weights", withConvolution({ weights: new Int16Array(72).fill(300) })],
    ["bad-weights", withConvolution({ weightZeroPoint: 200, weights: new Int16Array(72).fill(-1) })],
    ["bad-groups", withConvolution({ bias: new Int32Array(3), groups: 2 })],
    ["bad-parameter", withConvolution({ stride: [0, 1] })],
    ["window-too-large", withConvolution({ dilation: [4, 1] })],
    ["accumulator-overflow", withConvolution({ accumulatorShift: 24 })],
    ["bad-order", { ...graph, nodes: [requantize, convolution] }],
    ["bad-output", withRequantize({ output: 1 })],
    ["duplicate-node", withRequantize({ name: "conv" })],
    ["bad-inputs", withRequantize({ inputs: [1, 1] })],
    ["orphan-tensor", { ...graph, tensors: [...tensors, { name: "x", shape: [1, 1, 1], ...byte }] }],
    ["bad-parameter", withRequantize({ stageA: { ...requantize.stageA, shift: Uint8Array.of(63) } })],
    ["bad-length", withRequantize({ stageA: { ...requantize.stageA, multiplier: new Int32Array(3) } })],
    ["bad-rounding", withRequantize({ stageA: { ...requantize.stageA, rounding: "down" } })],
    ["bad-parameter", withRequantize({ clamp: { min: 5, max: 4 } })],
    [
      "misplaced-softmax",
      {
        ...graph,
        nodes: [{ kind: "softmax", name: "s", sourceOp: "S", inputs: [0], output: 1, beta: 1 }],
        tensors: [tensors[0], { ...tensors[0], name: "s" }],
        output: 1,
      },
    ],
    [
      "bad-encoding",
      {
        ...graph,
        inputEncoding: { kind: "normalize", scale: 1, mean: [0, 0, 0], std: [1], rounding: "half-up" },
      },
    ],
  ];
  for (const [index, [code, bad]] of broken.entries()) {
    it(`refuses broken graph ${index} with ${code}`, () => {
      let thrown: unknown;
      try {
        validateGraph(bad);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GraphError);
      expect((thrown as GraphError).code).toBe(code);
    });
  }

  it("names the node it refuses", () => {
    expect(() => validateGraph(withConvolution({ stride: [0, 1] }))).toThrow(
      expect.objectContaining({ place: 'node "conv" (Conv)' }),
    );
  });
});
