import type { Graph, GraphNode, RequantizeNode, RoundingStage } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import { createReference, obviousConvolution } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { randomGraph, randomInput } from "../../support/random-graph.js";

/** One rounding stage in unbounded integers. */
function stage(x: bigint, { multiplier, shift, rounding, clamp }: RoundingStage, channel: number): bigint {
  const product = x * BigInt(multiplier[multiplier.length === 1 ? 0 : channel]);
  const divisor = 1n << BigInt(shift[shift.length === 1 ? 0 : channel]);
  const rounded = ratio(product, divisor, rounding);
  const min = BigInt(clamp?.min ?? -(2 ** 31));
  const max = BigInt(clamp?.max ?? 2 ** 31 - 1);
  return rounded < min ? min : rounded > max ? max : rounded;
}

function ratio(product: bigint, divisor: bigint, rounding: string): bigint {
  const remainder = ((product % divisor) + divisor) % divisor;
  const floor = (product - remainder) / divisor;
  if (2n * remainder !== divisor) return 2n * remainder > divisor ? floor + 1n : floor;
  if (rounding === "half-up") return floor + 1n;
  if (rounding === "half-even") return (floor & 1n) === 0n ? floor : floor + 1n;
  return product > 0n ? floor + 1n : floor;
}

const clip = (value: number, { min, max }: { min: number; max: number }) =>
  Math.min(Math.max(value, min), max);

/** The obvious evaluation of one node, element by element, from the values of its inputs. */
function evaluate(graph: Graph, node: GraphNode, values: readonly Int32Array[]): Int32Array {
  const inputs = node.inputs.map((id) => values[id]);
  const { shape, zeroPoint } = graph.tensors[node.inputs[0]];
  const output = graph.tensors[node.output];
  const [, width, channels] = output.shape;
  const each = (value: (index: number, channel: number) => number) =>
    Int32Array.from({ length: elementCount(output.shape) }, (_, index) => value(index, index % channels));
  switch (node.kind) {
    case "convolution":
      return obviousConvolution(node, inputs[0], shape, zeroPoint);
    case "requantize":
      return each((index, channel) => requantized(inputs[0][index], channel, node));
    case "clamp":
      return each((index) => clip(inputs[0][index], node));
    case "add":
      return each((index) =>
        Number(
          node.scales
            .map((scale, side) => {
              const shifted = BigInt(inputs[side][index] - scale.zeroPoint) << BigInt(scale.leftShift);
              const a = stage(shifted, scale.stageA, 0);
              return scale.stageB ? stage(a, scale.stageB, 0) : a;
            })
            .reduce((sum, addend) => sum + addend, 0n),
        ),
      );
    case "max-pool":
    case "average-pool":
      return each((index, channel) => {
        const pixel = Math.floor(index / channels);
        const window: number[] = [];
        for (let ky = 0; ky < node.kernel[0]; ky += 1) {
          for (let kx = 0; kx < node.kernel[1]; kx += 1) {
            const y = Math.floor(pixel / width) * node.stride[0] + ky * node.dilation[0] - node.padding.top;
            const x = (pixel % width) * node.stride[1] + kx * node.dilation[1] - node.padding.left;
            if (y < 0 || x < 0 || y >= shape[0] || x >= shape[1]) continue;
            window.push(inputs[0][(y * shape[1] + x) * shape[2] + channel]);
          }
        }
        if (node.kind === "max-pool") return Math.max(...window);
        const sum = window.reduce((total, value) => total + value - node.inputZeroPoint, 0);
        const divisor = BigInt(node.denominator) * BigInt(window.length);
        const mean = Number(ratio(BigInt(sum) * BigInt(node.numerator), divisor, node.rounding));
        return clip(node.zeroPoint + mean, node.clamp);
      });
    case "concat":
      return each((index, channel) => {
        let first = 0;
        for (const [side, id] of node.inputs.entries()) {
          const count = graph.tensors[id].shape[2];
          if (channel < first + count)
            return inputs[side][Math.floor(index / channels) * count + channel - first];
          first += count;
        }
        return Number.NaN;
      });
    case "pad":
      return each((index, channel) => {
        const y = Math.floor(index / channels / width) - node.padding.top;
        const x = (Math.floor(index / channels) % width) - node.padding.left;
        if (y < 0 || x < 0 || y >= shape[0] || x >= shape[1]) return zeroPoint;
        return inputs[0][(y * shape[1] + x) * channels + channel];
      });
    case "reshape":
      return inputs[0];
    case "softmax":
      return new Int32Array(0);
  }
}

function requantized(x: number, channel: number, node: RequantizeNode): number {
  const a = stage(BigInt(x - node.inputZeroPoint), node.stageA, channel);
  const b = node.stageB ? stage(a, node.stageB, channel) : a;
  return clip(node.zeroPoint + Number(b), node.clamp);
}

describe("reference on random graphs", () => {
  it("equals an evaluation in unbounded integers, tensor by tensor, and keeps declared ranges", () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 150; seed += 1) {
      const graph = randomGraph(seed, { maxChannels: 20, maxSize: 11 });
      const input = randomInput(graph, seed);
      const values = createReference(graph).runAll(input);
      for (const node of graph.nodes) {
        kinds.add(node.kind);
        const place = `seed ${seed}, ${node.name}`;
        expect(values[node.output], place).toEqual(evaluate(graph, node, values));
        const { min, max } = graph.tensors[node.output];
        expect(
          values[node.output].every((value) => value >= min && value <= max),
          place,
        ).toBe(true);
      }
    }
    expect([...kinds].sort()).toEqual(
      [
        "add",
        "average-pool",
        "clamp",
        "concat",
        "convolution",
        "max-pool",
        "pad",
        "requantize",
        "reshape",
      ].sort(),
    );
  });

  it("gives run() the output of runAll(), frame after frame", () => {
    for (let seed = 1; seed <= 120; seed += 1) {
      const graph = randomGraph(seed, {
        maxChannels: 12,
        maxSize: 9,
        dialect: seed % 2 ? "qonnx" : undefined,
      });
      const reference = createReference(graph);
      for (let frame = 0; frame < 2; frame += 1) {
        const input = randomInput(graph, seed + frame);
        const all = createReference(graph).runAll(input);
        expect(reference.run(input).output, `seed ${seed}`).toEqual(all[graph.output]);
      }
    }
  });

  it("refuses inputs of the wrong length or range", () => {
    const graph = randomGraph(3);
    const reference = createReference(graph);
    const input = randomInput(graph, 3);
    expect(() => reference.run(input.subarray(1))).toThrow(expect.objectContaining({ code: "bad-input" }));
    input[0] = 1000;
    expect(() => reference.run(input)).toThrow(expect.objectContaining({ code: "bad-input" }));
  });
});
