import type { ConvolutionNode, Tensor } from "@sluice/sdk/graph";
import { elementCount, windowOutputShape } from "@sluice/sdk/graph";
import {
  type IntegerMemory,
  obviousConvolution,
  openIntegerMemory,
  prepareConvolution,
} from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

interface Case {
  readonly node: ConvolutionNode;
  readonly tensor: Tensor;
  readonly input: Int32Array;
}

function randomCase(random: SeededRandom): Case {
  const depthwise = random.chance(0.3);
  const groups = depthwise ? random.integer(2, 9) : random.pick([1, 1, 1, 2, 3]);
  const inputsPerGroup = depthwise ? 1 : random.integer(1, 7);
  const outputs = groups * (depthwise ? random.pick([1, 1, 1, 2]) : random.integer(1, 9));
  const kernel = [random.integer(1, 4), random.integer(1, 4)] as const;
  const dilation = [random.integer(1, 2), random.integer(1, 2)] as const;
  const side = () => random.pick([0, 0, 1, 2]);
  const unsigned = random.chance(0.3);
  const tensor: Tensor = {
    name: "x",
    shape: [random.integer(1, 9) + 6, random.integer(1, 9) + 6, groups * inputsPerGroup],
    min: unsigned ? 0 : -128,
    max: unsigned ? 255 : 127,
    scale: 1,
    zeroPoint: random.chance() ? 0 : random.integer(unsigned ? 0 : -128, unsigned ? 255 : 127),
  };
  const weightZeroPoint = unsigned ? random.integer(0, 255) : 0;
  const extreme = random.chance(0.2);
  const weightAt = () => {
    if (unsigned) return extreme ? random.pick([0, 255]) : random.integer(0, 255);
    return extreme ? random.pick([-127, 127]) : random.integer(-127, 127);
  };
  const node: ConvolutionNode = {
    kind: "convolution",
    name: "conv",
    sourceOp: "Conv",
    inputs: [0],
    output: 1,
    kernel,
    stride: [random.integer(1, 3), random.integer(1, 3)],
    dilation,
    padding: { top: side(), bottom: side(), left: side(), right: side() },
    groups,
    weights: Int16Array.from({ length: outputs * kernel[0] * kernel[1] * inputsPerGroup }, weightAt),
    weightZeroPoint,
    weightScale: Float64Array.of(1),
    weightBits: 8,
    bias: Int32Array.from({ length: outputs }, () => random.integer(-(2 ** 20), 2 ** 20)),
    accumulatorShift: random.pick([0, 0, 3]),
  };
  const input = Int32Array.from({ length: elementCount(tensor.shape) }, () =>
    extreme ? random.pick([tensor.min, tensor.max]) : random.integer(tensor.min, tensor.max),
  );
  return { node, tensor, input };
}

const simd = openIntegerMemory();

function expectEqual(example: Case, place: string): void {
  expectKernelEqual(example, undefined, `${place}, plain`);
  expectKernelEqual(example, simd, `${place}, WebAssembly`);
}

function expectKernelEqual(
  { node, tensor, input }: Case,
  memory: IntegerMemory | undefined,
  place: string,
): void {
  const expected = obviousConvolution(node, input, tensor.shape, tensor.zeroPoint);
  const run = prepareConvolution(node, tensor, memory);
  const output = new Int32Array(elementCount(windowOutputShape(tensor.shape, node, node.bias.length)));
  run(input, output);
  expect(output, place).toEqual(expected);
  // A second frame must not see anything of the first.
  const zeros = new Int32Array(input.length).fill(tensor.zeroPoint);
  run(zeros, output);
  expect(output, `${place}, second frame`).toEqual(
    obviousConvolution(node, zeros, tensor.shape, tensor.zeroPoint),
  );
}

describe("convolution kernels", () => {
  it("include the WebAssembly one, built by `npm run build`", () => {
    expect(simd).toBeDefined();
  });

  it("give the integers of the obvious loops on random layers", () => {
    for (let seed = 1; seed <= 400; seed += 1) expectEqual(randomCase(seededRandom(seed)), `seed ${seed}`);
  });

  it("stay exact where two channels no longer fit one double", () => {
    for (const inputs of [900, 1040, 2100]) {
      const tensor: Tensor = {
        name: "x",
        shape: [1, 5, inputs],
        min: -128,
        max: 127,
        scale: 1,
        zeroPoint: 127,
      };
      const node: ConvolutionNode = {
        ...randomCase(seededRandom(1)).node,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        padding: { top: 0, bottom: 0, left: 0, right: 0 },
        groups: 1,
        weights: new Int16Array(3 * inputs).map((_, index) => (index < inputs ? -127 : 127)),
        weightZeroPoint: 0,
        bias: Int32Array.of(1, -2, 3),
        accumulatorShift: 0,
      };
      const input = new Int32Array(5 * inputs).fill(-128);
      expectEqual({ node, tensor, input }, `${inputs} inputs`);
    }
  });
});

describe("obviousConvolution", () => {
  it("computes a convolution done by hand", () => {
    const { node } = randomCase(seededRandom(1));
    const byHand: ConvolutionNode = {
      ...node,
      kernel: [2, 2],
      stride: [1, 1],
      dilation: [1, 1],
      padding: { top: 1, bottom: 0, left: 0, right: 0 },
      groups: 1,
      weights: Int16Array.of(1, 2, 3, 4),
      weightZeroPoint: 1,
      bias: Int32Array.of(100),
      accumulatorShift: 1,
    };
    // Input 5 6 / 7 8 with zero point 5: 0 1 / 2 3. Weights 0 1 / 2 3 after their zero point.
    const output = obviousConvolution(byHand, Int32Array.of(5, 6, 7, 8), [2, 2, 1], 5);
    expect([...output]).toEqual([2 * (0 * 2 + 1 * 3) + 100, 2 * (1 * 1 + 2 * 2 + 3 * 3) + 100]);
  });
});
