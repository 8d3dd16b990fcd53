/** Float models made integer: against the simulated network, the compiler, and the methods against each other. */
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import type { InputEncoding } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { geometries } from "@sluice/sdk/overlay";
import {
  type ActivationGrid,
  convolutionBackward,
  logitCoupling,
  lowerFloatGraph,
  type Moments,
  moments,
  planStorage,
  type QuantizationPlan,
  type QuantizedWeights,
  type QuantizeOptions,
  quantizeInPlace,
  quantizeModel,
  roundToGrid,
  runNode,
  weightScales,
} from "@sluice/sdk/quantize";
import { createReference } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../support/check-compiled.js";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const IMAGES = 48;
const inputEncoding: InputEncoding = {
  kind: "normalize",
  scale: 1,
  mean: [0],
  std: [1],
  rounding: "half-even",
};

function quantized(seed: number, biases: boolean, options: Partial<QuantizeOptions>, identity = false) {
  const random = seededRandom(seed);
  const model = residualModel(random, { biases, identity });
  const images = smoothImages(random, IMAGES);
  const plan = quantizeModel(model, images, IMAGES, {
    method: "nearest",
    random: () => random.next(),
    ...options,
  });
  return { model, images, plan, graph: lowerFloatGraph(model, plan, { inputEncoding }) };
}

/** The model in real numbers with weights and stored tensors on their grids. */
function simulate(model: FloatGraph, plan: QuantizationPlan, images: Float32Array, count: number) {
  const { stored } = planStorage(model);
  const values = new Map<number, Float32Array>([[model.input, images.slice()]]);
  const store = (id: number) => {
    const grid = stored.has(id) ? plan.activations.get(id) : undefined;
    if (grid) quantizeInPlace(grid, values.get(id) as Float32Array);
  };
  store(model.input);
  for (const node of model.nodes) {
    const weights = plan.weights.get(node.name);
    const executed =
      node.kind === "convolution" && weights
        ? {
            ...node,
            weights: Float32Array.from(weights.codes, (code, index) => {
              return code * weights.scale[Math.floor((index * weights.scale.length) / weights.codes.length)];
            }),
            bias: Float32Array.from(weights.bias),
          }
        : node;
    values.set(node.output, runNode(model, executed, values, count));
    store(node.output);
  }
  return values;
}

const toCodes = (real: Float32Array, { scale, zeroPoint }: { scale: number; zeroPoint: number }) =>
  Int32Array.from(real, (value) => Math.round(value / scale) + zeroPoint);

describe("lowering", () => {
  it.each([1, 2, 3])("powers of two: equal to the simulated network on every element (seed %i)", (seed) => {
    const { model, images, plan, graph } = quantized(seed, false, { scales: "power-of-two" });
    const values = simulate(model, plan, images, 8);
    const reference = createReference(graph);
    const input = plan.activations.get(model.input) as { scale: number; zeroPoint: number };
    const codes = toCodes((values.get(model.input) as Float32Array).subarray(0, 8 * 192), input);
    const tensors = new Map(graph.tensors.map(({ name }, id) => [name, id]));
    for (let image = 0; image < 8; image += 1) {
      const actual = reference.runAll(codes.subarray(image * 192, (image + 1) * 192));
      for (const [id, real] of values) {
        const grid = plan.activations.get(id);
        const at = tensors.get(model.tensors[id].name);
        if (!grid || at === undefined) continue;
        const size = actual[at].length;
        expect(actual[at], model.tensors[id].name).toEqual(
          toCodes(real.subarray(image * size, (image + 1) * size), grid),
        );
      }
    }
  });

  it.each(["free", "power-of-two"] as const)("%s scales follow the float model", (scales) => {
    const { model, images, plan, graph } = quantized(4, true, { scales });
    const expected = createFloatInterpreter(model, { batch: IMAGES }).run(images);
    const reference = createReference(graph);
    const grid = plan.activations.get(model.input) as ActivationGrid;
    const output = graph.tensors[graph.output];
    let error = 0;
    let power = 0;
    for (let image = 0; image < IMAGES; image += 1) {
      const codes = toCodes(images.subarray(image * 192, (image + 1) * 192), grid).map((code) =>
        Math.min(Math.max(code, grid.min), grid.max),
      );
      reference.run(codes).output.forEach((code, index) => {
        const real = (code - output.zeroPoint) * output.scale;
        error += (real - expected[image * 5 + index]) ** 2;
        power += expected[image * 5 + index] ** 2;
      });
    }
    // Decibels: 8 bits everywhere; a power of two wastes up to one of them in every tensor.
    expect(10 * Math.log10(power / error)).toBeGreaterThan(scales === "free" ? 28 : 20);
  });

  it.each(["free", "power-of-two"] as const)(
    "%s scales compile and run bit-exact on the overlay",
    (scales) => {
      compileAndCompare({ scales }, false);
    },
  );

  it.each(["free", "power-of-two"] as const)(
    "so do %s scales with 4-bit activations and additions that keep 8",
    (scales) => {
      const { plan } = compileAndCompare({ scales, activationBits: 4 }, true);
      // The block's input: 8 bits for the addition, 4 for the convolution.
      expect([...(plan.operands ?? [])].map(([, { min, max }]) => max - min)).toEqual([15]);
    },
  );

  function compileAndCompare(options: Partial<QuantizeOptions>, identity: boolean) {
    const { model, images, plan, graph } = quantized(5, true, options, identity);
    const [geometry] = geometries;
    const compiled = compile(graph, { geometry, codec: defaultCodec });
    const grid = plan.activations.get(model.input) as ActivationGrid;
    const codes = toCodes(images.subarray(0, 192), grid).map((code) =>
      Math.min(Math.max(code, grid.min), grid.max),
    );
    expect(firstDifference(graph, compiled, codes, geometry)).toBeUndefined();
    return { plan };
  }

  it("a channel of next to no weights keeps its bias", () => {
    const random = seededRandom(6);
    const model = residualModel(random, { biases: true });
    const first = model.nodes[0];
    if (first.kind !== "convolution") throw new Error("the model starts with a convolution");
    first.weights.subarray(0, first.weights.length / 8).forEach((weight, index) => {
      first.weights[index] = weight * 1e-12;
    });
    first.bias[0] = 0.7;
    const images = smoothImages(random, IMAGES);
    const plan = quantizeModel(model, images, IMAGES, { method: "nearest", random: () => random.next() });
    const graph = lowerFloatGraph(model, plan, { inputEncoding });
    const reference = createReference(graph);
    const grid = plan.activations.get(model.input) as ActivationGrid;
    const all = reference.runAll(new Int32Array(192).fill(grid.zeroPoint));
    const relu = graph.tensors.findIndex(({ name }) => name === model.tensors[2].name);
    const { scale, zeroPoint } = graph.tensors[relu];
    expect((all[relu][0] - zeroPoint) * scale).toBeCloseTo(0.7, 1);
  });

  it("a channel whose bias lies far outside every grid compiles, and stays at the end of its grid", () => {
    const random = seededRandom(7);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, IMAGES);
    const plan = quantizeModel(model, images, IMAGES, { method: "nearest", random: () => random.next() });
    const own = plan.weights.get("first") as QuantizedWeights;
    const bias = own.bias.slice();
    bias[0] = -1e9;
    bias[1] = 1e9;
    const weights = new Map(plan.weights).set("first", { ...own, bias });
    const graph = lowerFloatGraph(model, { ...plan, weights }, { inputEncoding });
    const grid = plan.activations.get(model.input) as ActivationGrid;
    const codes = toCodes(images.subarray(0, 192), grid).map((code) =>
      Math.min(Math.max(code, grid.min), grid.max),
    );
    const relu = graph.tensors.findIndex(({ name }) => name === model.tensors[2].name);
    const values = createReference(graph).runAll(codes)[relu];
    const { min, max } = graph.tensors[relu];
    expect(values.filter((_, index) => index % 8 === 0).every((value) => value === min)).toBe(true);
    expect(values.filter((_, index) => index % 8 === 1).every((value) => value === max)).toBe(true);
    const [geometry] = geometries;
    const compiled = compile(graph, { geometry, codec: defaultCodec });
    expect(firstDifference(graph, compiled, codes, geometry)).toBeUndefined();
  });
});

describe("weight scales", () => {
  it.each([1, 2, 3])("a power of two costs one bit at most (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const weights = Float32Array.from({ length: 400 }, () => (2 * random.next() - 1) * (0.5 + random.next()));
    const errorOf = (scales: "free" | "power-of-two") => {
      const scale = weightScales(weights, 8, { bits: 8, scales, perChannel: true, range: "mse" });
      return weights.reduce((sum, weight, index) => {
        const step = scale[Math.floor(index / 50)];
        return sum + (roundToGrid(weight, step, 127) * step - weight) ** 2;
      }, 0);
    };
    // Twice the step is four times the squared error; the rest is chance.
    expect(errorOf("power-of-two") / errorOf("free")).toBeLessThan(6);
  });
});

describe("methods", () => {
  const logitError = (options: Partial<QuantizeOptions>): number => {
    const { model, images, plan } = quantized(7, true, options);
    const expected = createFloatInterpreter(model, { batch: IMAGES }).run(images);
    const actual = simulate(model, plan, images, IMAGES).get(model.output) as Float32Array;
    return expected.reduce((sum, value, index) => sum + (value - actual[index]) ** 2, 0);
  };
  it("nearest > bias correction > Gram solver at 3 bits", () => {
    const nearest = logitError({ method: "nearest", bits: 3 });
    const corrected = logitError({ method: "bias-correction", bits: 3 });
    const solved = logitError({ method: "gram", bits: 3 });
    expect(corrected).toBeLessThan(nearest);
    expect(solved).toBeLessThan(corrected);
  });

  it("keeps codes inside the width asked for", () => {
    for (const bits of [2, 3, 4, 8]) {
      const { plan } = quantized(8, true, { method: "gram", bits });
      for (const layer of plan.weights.values()) expect(layer.bits).toBeLessThanOrEqual(bits);
    }
  });

  it("the same seed gives the same rate-distortion result", () => {
    const [a, b] = [1, 2].map(() => quantized(9, true, { method: "rate-distortion", lambda: 1e-3 }).plan);
    expect([...a.weights]).toEqual([...b.weights]);
  });
});

describe("moments", () => {
  it.each(["down", "depthwise"])("equal plain sums over the windows of %s", (name) => {
    const random = seededRandom(10);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, 4);
    const values = new Map<number, Float32Array>([[0, images]]);
    for (const node of model.nodes) values.set(node.output, runNode(model, node, values, 4));
    const node = model.nodes.find((candidate) => candidate.name === name);
    if (node?.kind !== "convolution") throw new Error(`${name} is no convolution`);
    const x = values.get(node.inputs[0]) as Float32Array;
    const target = values.get(node.output) as Float32Array;
    const shapes = [model.tensors[node.inputs[0]].shape, model.tensors[node.output].shape] as const;
    const groups = moments(node, ...shapes, x, target, 4, { positions: 1e6 });
    expect(groups.length).toBe(node.groups);
    // The target is the layer's own output: cross = W C and mean(T) = W mean + b, whatever the inputs are.
    groups.forEach((group: Moments, index) => {
      const { inputs, outputs, covariance, cross, mean, targetMean } = group;
      for (let o = 0; o < outputs; o += 1) {
        const row = node.weights.subarray((index * outputs + o) * inputs, (index * outputs + o + 1) * inputs);
        const product = row.reduce(
          (sum, weight, k) => sum + weight * mean[k],
          node.bias[index * outputs + o],
        );
        expect(targetMean[o]).toBeCloseTo(product, 4);
        for (let k = 0; k < inputs; k += 1) {
          const expected = row.reduce((sum, weight, j) => sum + weight * covariance[j * inputs + k], 0);
          expect(cross[o * inputs + k]).toBeCloseTo(expected, 4);
        }
      }
    });
  });
});

describe("gradients", () => {
  it("look at differences of logits, every image with the same weight", () => {
    const random = seededRandom(12);
    const model = residualModel(random, { biases: true });
    const last = model.nodes.find(({ output }) => output === model.output);
    if (last?.kind !== "convolution") throw new Error("the last node is no convolution");
    const count = 400;
    const images = smoothImages(random, count);
    const G = logitCoupling(model, images, count, () => random.next()).get(last.name) as Float64Array;
    const classes = Math.sqrt(G.length);
    let trace = 0;
    for (let o = 0; o < classes; o += 1) {
      trace += G[o * (classes + 1)];
      const sum = G.subarray(o * classes, (o + 1) * classes).reduce((all, value) => all + value, 0);
      // A shift of all logits changes no answer.
      expect(Math.abs(sum)).toBeLessThan(1e-4 * G[o * (classes + 1)] + 1e-6);
    }
    expect(trace / (classes - 1)).toBeGreaterThan(0.8);
    expect(trace / (classes - 1)).toBeLessThan(1.2);
  });

  it.each(["first", "down", "short", "depthwise"])("backward is the adjoint of forward for %s", (name) => {
    const random = seededRandom(11);
    const model = residualModel(random, { biases: false });
    const node = model.nodes.find((candidate) => candidate.name === name);
    if (node?.kind !== "convolution") throw new Error(`${name} is no convolution`);
    const [from, to] = [model.tensors[node.inputs[0]].shape, model.tensors[node.output].shape];
    const draw = (shape: readonly number[]) =>
      Float32Array.from({ length: 2 * shape[0] * shape[1] * shape[2] }, () => 2 * random.next() - 1);
    const x = draw(from);
    const g = draw(to);
    const y = runNode(model, node, new Map([[node.inputs[0], x]]), 2);
    const back = convolutionBackward(node, from, to, g, 2);
    const dot = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, value, index) => sum + value * b[index], 0);
    expect(dot(back, x)).toBeCloseTo(dot(y, g), 3);
  });
});
