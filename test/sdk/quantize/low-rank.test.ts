/** Factored layers: exact at full energy, closer with more of it, and left whole where factors cost as much. */
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import {
  decomposeModel,
  type FactorizationName,
  factorizations,
  parseRestructuring,
  symmetricEigen,
} from "@sluice/sdk/quantize";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const IMAGES = 8;
const methods = Object.keys(factorizations) as FactorizationName[];
const always = { cost: (chain: readonly unknown[]) => (chain.length > 1 ? 0 : 1) };

function setUp(seed: number) {
  const random = seededRandom(seed);
  return {
    model: residualModel(random, { biases: true, channels: 12 }),
    images: smoothImages(random, IMAGES),
  };
}

function distance(a: FloatGraph, b: FloatGraph, images: Float32Array): number {
  const [x, y] = [a, b].map((graph) => createFloatInterpreter(graph, { batch: IMAGES }).run(images));
  return x.reduce((sum, value, index) => sum + (value - y[index]) ** 2, 0);
}

describe("symmetric eigenvectors", () => {
  it.each([1, 2, 3])("are orthonormal and give the matrix back (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const n = 9;
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j <= i; j += 1) {
        const value = 2 * random.next() - 1;
        matrix[i * n + j] = value;
        matrix[j * n + i] = value;
      }
    }
    const { values, vectors } = symmetricEigen(matrix, n);
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < n; j += 1) {
        let product = 0;
        let again = 0;
        for (let k = 0; k < n; k += 1) {
          product += vectors[i * n + k] * vectors[j * n + k];
          again += values[k] * vectors[k * n + i] * vectors[k * n + j];
        }
        expect(product).toBeCloseTo(i === j ? 1 : 0, 9);
        expect(again).toBeCloseTo(matrix[i * n + j], 9);
      }
    }
    expect([...values]).toEqual([...values].sort((a, b) => b - a));
  });
});

describe.each(methods)("%s", (method) => {
  it.each([1, 2])("computes the same with all of the energy (seed %i)", (seed) => {
    const { model, images } = setUp(seed);
    const { model: factored, layers } = decomposeModel(model, { method, energy: 1, ...always });
    expect(layers.every(({ pays }) => pays)).toBe(true);
    expect(factored.nodes.length).toBeGreaterThan(model.nodes.length);
    expect(distance(model, factored, images)).toBeLessThan(1e-6);
  });

  it("comes closer with more energy", () => {
    const { model, images } = setUp(3);
    const errors = [0.5, 0.8, 0.95, 0.999].map((energy) =>
      distance(model, decomposeModel(model, { method, energy, ...always }).model, images),
    );
    expect(errors[3]).toBeLessThan(errors[1]);
    expect(errors[2]).toBeLessThan(errors[0]);
  });

  it("leaves layers whole where factors cost as much", () => {
    const { model } = setUp(4);
    const { model: same, layers } = decomposeModel(model, { method, energy: 1 });
    expect(layers.length).toBeGreaterThan(0);
    for (const { pays, costBefore, costAfter } of layers) expect(pays).toBe(costAfter < costBefore);
    expect(same.nodes.length).toBe(model.nodes.length);
  });
});

describe("restructuring rules", () => {
  it("are read as people write them", () => {
    expect(parseRestructuring("svd:0.95")).toEqual({ kind: "factors", method: "svd", energy: 0.95 });
    expect(parseRestructuring("l2:0.25")).toEqual({ kind: "filters", score: "l2", share: 0.25 });
    expect(parseRestructuring("apoz")).toEqual({ kind: "filters", score: "apoz" });
    for (const bad of ["svd", "svd:0", "svd:1.5", "l1:1", "pca:0.5", "l1:", "toString:1"]) {
      expect(parseRestructuring(bad), bad).toBeUndefined();
    }
  });
});
