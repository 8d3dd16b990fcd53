/** The float interpreter's kernels against plain loops in double precision, over random layers and batches. */
import type { FloatConvolutionNode, FloatGraph } from "@sluice/sdk/graph/float.js";
import { windowOutputShape } from "@sluice/sdk/graph/window.js";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

function randomConvolution(random: SeededRandom): {
  node: FloatConvolutionNode;
  shape: readonly [number, number, number];
} {
  const depthwise = random.integer(0, 2) === 0;
  const groups = depthwise ? random.integer(1, 9) : random.integer(1, 3);
  const perGroup = depthwise ? 1 : random.integer(1, 5);
  const outputs = groups * random.integer(1, depthwise ? 2 : 6);
  const kernel = [random.integer(1, 3), random.integer(1, 4)] as const;
  const floats = (length: number) => Float32Array.from({ length }, () => random.next() * 2 - 1);
  return {
    shape: [random.integer(7, 10), random.integer(7, 11), groups * perGroup],
    node: {
      kind: "convolution",
      name: "c",
      sourceOp: "Conv",
      inputs: [0],
      output: 1,
      kernel,
      stride: [random.integer(1, 2), random.integer(1, 3)],
      dilation: [random.integer(1, 2), random.integer(1, 2)],
      padding: {
        top: random.integer(0, 2),
        bottom: random.integer(0, 1),
        left: random.integer(0, 1),
        right: random.integer(0, 2),
      },
      groups,
      weights: floats(outputs * kernel[0] * kernel[1] * perGroup),
      bias: floats(outputs),
      structural: false,
    },
  };
}

function literal(node: FloatConvolutionNode, shape: readonly number[], image: Float32Array): number[] {
  const [height, width, channels] = shape;
  const [rows, columns, outputs] = windowOutputShape([height, width, channels], node, node.bias.length);
  const perGroup = channels / node.groups;
  const result: number[] = [];
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      for (let o = 0; o < outputs; o += 1) {
        let sum = node.bias[o];
        const first = Math.floor(o / (outputs / node.groups)) * perGroup;
        for (let tap = 0; tap < node.kernel[0] * node.kernel[1]; tap += 1) {
          const iy =
            y * node.stride[0] - node.padding.top + Math.floor(tap / node.kernel[1]) * node.dilation[0];
          const ix = x * node.stride[1] - node.padding.left + (tap % node.kernel[1]) * node.dilation[1];
          if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
          for (let c = 0; c < perGroup; c += 1) {
            const weight = node.weights[(o * node.kernel[0] * node.kernel[1] + tap) * perGroup + c];
            sum += weight * image[(iy * width + ix) * channels + first + c];
          }
        }
        result.push(sum);
      }
    }
  }
  return result;
}

describe("float interpreter", () => {
  it("convolves as plain loops do: groups, depthwise, dilation, odd sizes, several images", () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const random = seededRandom(seed);
      const { node, shape } = randomConvolution(random);
      const graph: FloatGraph = {
        name: "g",
        source: { format: "synthetic", file: "", sha256: "" },
        tensors: [
          { name: "x", shape },
          { name: "y", shape: windowOutputShape(shape, node, node.bias.length) },
        ],
        nodes: [node],
        input: 0,
        output: 1,
        notes: [],
      };
      const batch = random.integer(1, 5);
      const size = shape[0] * shape[1] * shape[2];
      const images = Float32Array.from({ length: batch * size }, () => random.next() * 2 - 1);
      const actual = createFloatInterpreter(graph, { batch }).run(images);
      const expected = Array.from({ length: batch }, (_, index) =>
        literal(node, shape, images.subarray(index * size, (index + 1) * size)),
      ).flat();
      expect(actual.length, `seed ${seed}`).toBe(expected.length);
      const worst = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at])), 0);
      expect(worst, `seed ${seed}`).toBeLessThan(2e-5);
    }
  });

  it("refuses images that do not fill the batch, and a batch of no images", () => {
    const graph: FloatGraph = {
      name: "g",
      source: { format: "synthetic", file: "", sha256: "" },
      tensors: [
        { name: "x", shape: [1, 1, 2] },
        { name: "y", shape: [1, 1, 2] },
      ],
      nodes: [{ kind: "clamp", name: "y", sourceOp: "Relu", inputs: [0], output: 1, min: 0, max: Infinity }],
      input: 0,
      output: 1,
      notes: [],
    };
    expect(() => createFloatInterpreter(graph, { batch: 0 })).toThrow(
      expect.objectContaining({ code: "bad-batch" }),
    );
    const interpreter = createFloatInterpreter(graph, { batch: 2 });
    expect(() => interpreter.run(new Float32Array(3))).toThrow(
      expect.objectContaining({ code: "bad-input" }),
    );
    expect([...interpreter.run(Float32Array.of(-1, 2, 3, -4))]).toEqual([0, 2, 3, 0]);
    expect([...interpreter.run(Float32Array.of(5, -6), 1)]).toEqual([5, 0]);
  });
});
