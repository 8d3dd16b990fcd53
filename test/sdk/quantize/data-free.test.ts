/** Data-free quantisation: equalisation keeps the function, statistics agree with sampling, the whole needs no image. */
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import {
  type ActivationGrid,
  absorbHighBiases,
  clamped,
  equalizeActivations,
  equalizeModel,
  homogeneousPairs,
  lowerFloatGraph,
  multipliedTensors,
  type QuantizeOptions,
  quantizeModel,
  runNode,
  tensorStatistics,
  withMeasuredStatistics,
} from "@sluice/sdk/quantize";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { gaussians } from "../../support/correlated-inputs.js";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const IMAGES = 32;

function model(seed: number) {
  const random = seededRandom(seed);
  const graph = residualModel(random, { biases: true });
  return { random, graph, images: smoothImages(random, IMAGES) };
}

const run = (graph: FloatGraph, images: Float32Array) =>
  createFloatInterpreter(graph, { batch: IMAGES }).run(images).slice();

/** Squared difference over squared size. */
function difference(actual: Float32Array, expected: Float32Array): number {
  let error = 0;
  let power = 0;
  expected.forEach((value, index) => {
    error += (value - actual[index]) ** 2;
    power += value ** 2;
  });
  return error / power;
}

describe("equalisation", () => {
  it("finds pairs across ReLU, depthwise layers and pools, but not across additions", () => {
    const { graph } = model(41);
    expect(homogeneousPairs(graph).map(({ first, second }) => [first.name, second.name])).toEqual([
      ["down", "branch"],
      ["depthwise", "classifier"],
    ]);
  });

  it.each([42, 43])("keeps the function and evens out the ranges (seed %i)", (seed) => {
    const { graph, images } = model(seed);
    const before = graph.nodes.map((node) => (node.kind === "convolution" ? [...node.weights] : []));
    const equalized = equalizeModel(graph);
    expect(difference(run(equalized, images), run(graph, images))).toBeLessThan(1e-10);
    expect(graph.nodes.map((node) => (node.kind === "convolution" ? [...node.weights] : []))).toEqual(before);
    for (const { first, second } of homogeneousPairs(equalized)) {
      const channels = first.bias.length;
      const size = first.weights.length / channels;
      const perInput = second.weights.length / second.bias.length;
      for (let channel = 0; channel < channels; channel += 1) {
        const own = Math.max(...first.weights.slice(channel * size, (channel + 1) * size).map(Math.abs));
        const read = second.weights.filter((_, index) => (index % perInput) % channels === channel);
        expect(Math.max(...read.map(Math.abs)) / own).toBeCloseTo(1, 2);
      }
    }
  });

  it("moves biases that ReLU always passes, without changing unpadded layers", () => {
    const { graph, images } = model(44);
    const nodes = graph.nodes.map((node) => {
      if (node.kind !== "convolution") return node;
      const statistics = {
        mean: new Float32Array(node.bias.length).fill(2),
        deviation: new Float32Array(node.bias.length).fill(0.1),
      };
      // Every value is far above 0, and the layer behind has no border.
      if (node.name === "down") return { ...node, bias: node.bias.map(() => 40), statistics };
      return node.name === "branch"
        ? {
            ...node,
            kernel: [1, 1] as const,
            padding: { top: 0, left: 0, bottom: 0, right: 0 },
            weights: node.weights.filter((_, index) => index % 72 < 8),
          }
        : node;
    });
    const high: FloatGraph = { ...graph, nodes };
    const expected = run(high, images);
    const copied = structuredClone(high);
    const [pair] = homogeneousPairs(copied);
    absorbHighBiases(pair);
    expect(pair.first.bias[0]).toBeCloseTo(40 - (2 - 3 * 0.1), 4);
    expect(difference(run(copied, images), expected)).toBeLessThan(1e-9);
  });
});

describe("statistics", () => {
  it("of clamped Gaussians agree with sampling", () => {
    const samples = gaussians(seededRandom(45), 400_000);
    for (const [mu, sigma, min, max] of [
      [0.3, 1, 0, Number.POSITIVE_INFINITY],
      [-1, 0.5, 0, Number.POSITIVE_INFINITY],
      [2, 3, 0, 6],
      [5, 0, 0, 6],
    ]) {
      const one = (value: number) => Float64Array.of(value);
      const { mean, variance } = clamped(
        { mean: one(mu), variance: one(sigma ** 2), low: one(-100), high: one(100) },
        min,
        max,
      );
      let sum = 0;
      let square = 0;
      for (const z of samples) {
        const value = Math.min(Math.max(mu + sigma * z, min), max);
        sum += value / samples.length;
        square += value ** 2 / samples.length;
      }
      expect(mean[0]).toBeCloseTo(sum, 1.7);
      expect(variance[0]).toBeCloseTo(square - sum ** 2, 1);
    }
  });

  it("give every tensor a range that real images stay in, nearly", () => {
    const { graph, images } = model(46);
    const measured = withMeasuredStatistics(graph, images, IMAGES);
    const known = tensorStatistics(measured, [-1, 1]);
    const logits = run(graph, images);
    const { low, high } = known.get(graph.output) as { low: Float64Array; high: Float64Array };
    logits.forEach((value, index) => {
      expect(value).toBeGreaterThan(low[index % 5] - 0.5);
      expect(value).toBeLessThan(high[index % 5] + 0.5);
    });
  });

  it("are missing where a converter folded them away: said, not guessed", () => {
    const { graph } = model(47);
    expect(() => tensorStatistics(graph, [-1, 1])).toThrow(
      expect.objectContaining({ code: "no-statistics" }),
    );
  });
});

describe("quantisation without images", () => {
  const quantize = (options: Partial<QuantizeOptions>, count = 0) => {
    const { random, graph, images } = model(48);
    const known = withMeasuredStatistics(graph, images, IMAGES);
    const given = images.subarray(0, count * 192);
    const plan = quantizeModel(known, given, count, {
      method: "dfq",
      inputRange: [-1.2, 1.2],
      random: () => random.next(),
      ...options,
    });
    return { known, images, plan };
  };

  it("DFQ needs none, and its biases err less than those left as they are", () => {
    const error = (options: Partial<QuantizeOptions>) => {
      const { known, images, plan } = quantize({ bits: 4, ...options });
      const base = plan.model ?? known;
      const nodes = base.nodes.map((node) => {
        const layer = plan.weights.get(node.name);
        if (node.kind !== "convolution" || !layer) return node;
        const size = layer.codes.length / layer.scale.length;
        const weights = Float32Array.from(
          layer.codes,
          (code, index) => code * layer.scale[Math.floor(index / size)],
        );
        const bias = options.method === "nearest" ? node.bias : Float32Array.from(layer.bias);
        return { ...node, weights, bias };
      });
      return difference(run({ ...base, nodes }, images), run(known, images));
    };
    const dfq = error({});
    expect(dfq).toBeLessThan(error({ method: "nearest" }));
    expect(error({ bits: 8 })).toBeLessThan(1e-3);
    expect(quantize({}).plan.model).toBeDefined();
  });

  it("other methods say that they need images", () => {
    expect(() => quantize({ method: "gram" })).toThrow(expect.objectContaining({ code: "needs-images" }));
  });
});

describe("nearly dead channels", () => {
  it("do not overflow their accumulator, and are not equalised past the others", () => {
    const { random, graph, images } = model(50);
    const nodes = graph.nodes.map((node) => {
      if (node.kind !== "convolution" || node.name !== "down") return node;
      const size = node.weights.length / node.bias.length;
      const weights = node.weights.map((weight, index) => (index < size ? weight * 1e-9 : weight));
      return { ...node, weights, bias: node.bias.map((bias, o) => (o === 0 ? 0.5 : bias)) };
    });
    const dead: FloatGraph = { ...graph, nodes };
    for (const equalize of [false, true]) {
      const options = { method: "nearest", equalize, random: () => random.next() } as const;
      const plan = quantizeModel(dead, images, IMAGES, options);
      const inputEncoding = {
        kind: "normalize",
        scale: 1,
        mean: [0],
        std: [1],
        rounding: "half-even",
      } as const;
      const lowered = lowerFloatGraph(dead, plan, { inputEncoding });
      const node = lowered.nodes.find(({ name }) => name === "down");
      if (node?.kind !== "convolution") throw new Error("no convolution");
      expect(Math.abs(node.bias[0])).toBeLessThanOrEqual(2 ** 30);
      // The channel is its bias and nothing else; equalised, its bias is absorbed.
      const codes = [...node.weights.subarray(0, node.weights.length / 8)];
      expect(codes.every((code) => code === 0)).toBe(!equalize);
      const equalized = (plan.model ?? dead).nodes.find(({ name }) => name === "down");
      if (equalized?.kind !== "convolution") throw new Error("no convolution");
      expect(Math.max(...equalized.bias.map(Math.abs))).toBeLessThan(20);
    }
  });
});

describe("activation bits", () => {
  it("are few only where weights multiply", () => {
    const { random, graph: original, images } = model(49);
    const plan = quantizeModel(original, images, IMAGES, {
      method: "nearest",
      activationBits: 4,
      random: () => random.next(),
    });
    // The classifier goes before the average.
    const graph = plan.model as FloatGraph;
    const factors = multipliedTensors(graph);
    const levels = (name: string) => {
      const id = graph.tensors.findIndex((tensor) => tensor.name === name);
      const { min, max } = plan.activations.get(id) as { min: number; max: number };
      return { bits: Math.log2(max - min + 1), factor: factors.has(id) };
    };
    // Addends of the residual sum, and the logits before and after their average.
    for (const name of ["branch", "short", "classifier/map", "classifier"])
      expect(levels(name)).toEqual({ bits: 8, factor: false });
    for (const node of graph.nodes) {
      if (node.kind !== "convolution" || node.inputs[0] === graph.input) continue;
      const [input] = node.inputs;
      const { min, max } = (plan.operands?.get(input) ?? plan.activations.get(input)) as ActivationGrid;
      expect(max - min, graph.tensors[node.inputs[0]].name).toBe(15);
    }
  });
});

describe("activation equalisation", () => {
  it.each([0.5, 1])("keeps the function through additions, shortcuts and pools (strength %f)", (strength) => {
    const { graph, images } = model(51);
    const equalized = equalizeActivations(graph, images, IMAGES, strength);
    expect(difference(run(equalized, images), run(graph, images))).toBeLessThan(1e-10);
    /** Power of each channel of what the second block's layer reads. */
    const powers = (of: FloatGraph) => {
      const tensors = new Map([[of.input, images]]);
      for (const node of of.nodes) tensors.set(node.output, runNode(of, node, tensors, IMAGES));
      const values = tensors.get(of.nodes.find(({ name }) => name === "branch")?.inputs[0] as number) ?? [];
      const sums = new Array<number>(8).fill(0);
      values.forEach((value, index) => {
        sums[index % 8] += value ** 2;
      });
      return sums;
    };
    const before = powers(graph);
    const after = powers(equalized);
    // Nearly dead channels stay behind the others.
    const alive = before.map((power) => power > 1e-3 * Math.max(...before));
    const spread = (sums: number[]) => {
      const counted = sums.filter((_, channel) => alive[channel]);
      return Math.max(...counted) / Math.min(...counted);
    };
    expect(spread(after)).toBeLessThan(strength === 1 ? 1.001 : spread(before) ** 0.51);
    // Both addends of the sum carry the factors of the sum.
    const ratios = ["branch", "short"].map((name) => {
      const bias = (of: FloatGraph) => {
        const node = of.nodes.find((candidate) => candidate.name === name);
        return node?.kind === "convolution" ? node.bias : new Float32Array();
      };
      return [...bias(graph)].map((value, o) => value / bias(equalized)[o]);
    });
    ratios[0].forEach((ratio, o) => {
      expect(ratio).toBeCloseTo(ratios[1][o], 3);
    });
  });
});
