/** Steps and channel factors of activations with few bits. */
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import type { InputEncoding } from "@sluice/sdk/graph";
import type { FloatGraph, FloatNode } from "@sluice/sdk/graph/float.js";
import { geometries } from "@sluice/sdk/overlay";
import {
  type ActivationGrid,
  chooseActivationSteps,
  classifyBeforeAveraging,
  logitSensitivity,
  lowerFloatGraph,
  type QuantizationPlan,
  type QuantizeOptions,
  quantizeModel,
} from "@sluice/sdk/quantize";
import { createReference } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../support/check-compiled.js";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

const IMAGES = 64;
const inputEncoding: InputEncoding = {
  kind: "normalize",
  scale: 1,
  mean: [0],
  std: [1],
  rounding: "half-even",
};

/** Channels of very different size, the same ones in every layer as trained networks have them. */
function unevenModel(seed: number) {
  const random = seededRandom(seed);
  const graph = residualModel(random, { biases: true, identity: true });
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || node.name === "classifier") continue;
    const size = node.weights.length / node.bias.length;
    node.bias.forEach((_, o) => {
      const factor = 4 ** ((o % 4) / 1.5 - 1);
      node.bias[o] *= factor;
      for (let k = 0; k < size; k += 1) node.weights[o * size + k] *= factor;
    });
  }
  return { random, graph, images: smoothImages(random, IMAGES) };
}

const runFloat = (graph: FloatGraph, images: Float32Array) =>
  createFloatInterpreter(graph, { batch: IMAGES }).run(images).slice();

function difference(actual: ArrayLike<number>, expected: Float32Array): number {
  let error = 0;
  let power = 0;
  expected.forEach((value, index) => {
    error += (value - actual[index]) ** 2;
    power += value ** 2;
  });
  return error / power;
}

function quantized(seed: number, options: Partial<QuantizeOptions>) {
  const { random, graph, images } = unevenModel(seed);
  return quantizedFrom(graph, images, random, options);
}

function quantizedFrom(
  graph: FloatGraph,
  images: Float32Array,
  random: SeededRandom,
  options: Partial<QuantizeOptions>,
) {
  const plan = quantizeModel(graph, images, IMAGES, {
    method: "gram",
    bits: 8,
    activationBits: 4,
    random: () => random.next(),
    ...options,
  });
  return { graph, images, plan, integer: lowerFloatGraph(graph, plan, { inputEncoding }) };
}

/** The integers' logits for all images, as real numbers. */
function integerLogits({ images, plan, graph, integer }: ReturnType<typeof quantized>): number[] {
  const reference = createReference(integer);
  const grid = plan.activations.get(graph.input) as ActivationGrid;
  const { scale, zeroPoint } = integer.tensors[integer.output];
  return Array.from({ length: IMAGES }, (_, image) => {
    const picture = images.subarray(image * 192, (image + 1) * 192);
    const codes = Int32Array.from(picture, (value) => Math.round(value / grid.scale) + grid.zeroPoint);
    const clamped = codes.map((code) => Math.min(Math.max(code, grid.min), grid.max));
    return [...reference.run(clamped).output].map((code) => (code - zeroPoint) * scale);
  }).flat();
}

describe("activation steps", () => {
  it.each([0.5, 1])("keep the function (share %f)", (strength) => {
    const { random, graph, images } = unevenModel(1);
    const sensitivity = logitSensitivity(graph, images, IMAGES, () => random.next());
    const chosen = chooseActivationSteps(graph, images, IMAGES, { bits: 4, sensitivity, strength });
    expect(difference(runFloat(chosen.graph, images), runFloat(graph, images))).toBeLessThan(1e-10);
    expect(chosen.steps.size).toBeGreaterThan(3);
    for (const step of chosen.steps.values()) expect(step).toBeGreaterThan(0);
  });

  it.each([2, 3, 4])("lose less of the logits than one range per tensor (seed %i)", (seed) => {
    const own = quantized(seed, {});
    const expected = runFloat(own.graph, own.images);
    const perTensor = quantized(seed, { range: { kind: "percentile", share: 1 } });
    const error = difference(integerLogits(own), expected);
    expect(error).toBeLessThan(0.75 * difference(integerLogits(perTensor), expected));
  });

  it("leave addends their 8 bits, weights read 4, and the overlay computes the same", () => {
    const { plan } = compareOnOverlay(quantized(5, {}));
    const model = plan.model as FloatGraph;
    for (const node of model.nodes) {
      if (node.kind === "add") {
        for (const grid of node.inputs.map((input) => plan.activations.get(input))) {
          if (grid) expect(grid.max - grid.min).toBe(255);
        }
      }
      if (node.kind === "convolution" && node.inputs[0] !== model.input)
        expect(levelsRead(plan, node.inputs[0]), node.name).toBe(16);
    }
  });

  it("leave averages their 8 bits too", () => {
    const { random, graph, images } = unevenModel(6);
    const plan = compareOnOverlay(quantizedFrom(withSmallPools(graph, random), images, random, {})).plan;
    const model = plan.model as FloatGraph;
    const pool = model.nodes.find(({ kind }) => kind === "average-pool") as FloatNode;
    for (const id of [pool.inputs[0], pool.output]) {
      const { min, max } = plan.activations.get(id) as ActivationGrid;
      expect(max - min).toBe(255);
    }
    expect(levelsRead(plan, pool.output)).toBe(16);
  });
});

describe("a classifier behind a global average", () => {
  it("goes before it, and the function stays", () => {
    const { graph, images } = unevenModel(7);
    const exchanged = classifyBeforeAveraging(graph);
    expect(exchanged.nodes.slice(-2).map(({ name }) => name)).toEqual(["classifier", "pool"]);
    expect(exchanged.tensors.at(-2)?.shape).toEqual([8, 8, 5]);
    expect(difference(runFloat(exchanged, images), runFloat(graph, images))).toBeLessThan(1e-10);
  });

  it("stays where it is when the average is not over the whole map, or somebody else reads it", () => {
    const { random, graph } = unevenModel(8);
    const small = withSmallPools(graph, random);
    expect(classifyBeforeAveraging(small)).toBe(small);
    const pool = graph.nodes.at(-2) as FloatNode;
    const clamp = { kind: "clamp", name: "other", sourceOp: "Relu", min: 0, max: 1 } as const;
    const read = {
      ...graph,
      nodes: [...graph.nodes, { ...clamp, inputs: [pool.output] as const, output: 99 }],
    };
    expect(classifyBeforeAveraging(read)).toBe(read);
  });
});

/** Averages over 2 x 2, and a classifier with a window over what is left. */
function withSmallPools(graph: FloatGraph, random: SeededRandom): FloatGraph {
  const tensors = [...graph.tensors];
  const nodes = graph.nodes.map((node): FloatNode => {
    if (node.kind === "average-pool") {
      tensors[node.output] = { name: "pool", shape: [4, 4, 8] };
      return { ...node, kernel: [2, 2], stride: [2, 2] };
    }
    if (node.kind !== "convolution" || node.name !== "classifier") return node;
    const weights = Float32Array.from({ length: 5 * 16 * 8 }, () => (2 * random.next() - 1) / 4);
    return { ...node, kernel: [4, 4], weights };
  });
  return { ...graph, tensors, nodes };
}

function levelsRead(plan: QuantizationPlan, input: number): number {
  const { min, max } = (plan.operands?.get(input) ?? plan.activations.get(input)) as ActivationGrid;
  return max - min + 1;
}

function compareOnOverlay(made: ReturnType<typeof quantizedFrom>) {
  const { plan, images, graph, integer } = made;
  const grid = plan.activations.get(graph.input) as ActivationGrid;
  const codes = Int32Array.from(images.subarray(0, 192), (value) =>
    Math.min(Math.max(Math.round(value / grid.scale) + grid.zeroPoint, grid.min), grid.max),
  );
  const [geometry] = geometries;
  const compiled = compile(integer, { geometry, codec: defaultCodec });
  expect(firstDifference(integer, compiled, codes, geometry)).toBeUndefined();
  return made;
}
