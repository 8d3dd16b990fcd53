/** Pruning and clustering: masks against their definitions, costs against least squares, refits against plain zeroing. */
import {
  type ClusterStart,
  clusterStarts,
  clusterWeights,
  invert,
  magnitudeMasks,
  parsePruning,
  prepareGram,
  prunedShare,
  quadraticError,
  quantizeModel,
  refitMasked,
  removalOrder,
  weightedNodes,
} from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

const K = 12;

function correlated(random: SeededRandom): Float64Array {
  const factors = Float64Array.from({ length: K * 3 }, () => 2 * random.next() - 1);
  const matrix = new Float64Array(K * K);
  for (let i = 0; i < K; i += 1) {
    for (let j = 0; j < K; j += 1) {
      let sum = i === j ? 0.3 : 0;
      for (let f = 0; f < 3; f += 1) sum += factors[i * 3 + f] * factors[j * 3 + f];
      matrix[i * K + j] = sum;
    }
  }
  return matrix;
}

const errorOf = (a: Float64Array, b: Float64Array, matrix: Float64Array): number => {
  let sum = 0;
  for (let row = 0; row < a.length; row += K) {
    for (let i = 0; i < K; i += 1) {
      for (let j = 0; j < K; j += 1) {
        sum += (a[row + i] - b[row + i]) * matrix[i * K + j] * (a[row + j] - b[row + j]);
      }
    }
  }
  return sum;
};

describe("magnitude pruning", () => {
  const model = residualModel(seededRandom(20), { biases: true });

  it.each([0, 0.3, 0.9])("drops a share of %f over the network and in every layer", (share) => {
    expect(prunedShare(magnitudeMasks(model, { kind: "global", share }))).toBeCloseTo(share, 2);
    for (const mask of magnitudeMasks(model, { kind: "layer", share }).values()) {
      expect(mask.filter((keeps) => keeps === 0).length).toBe(Math.round(share * mask.length));
    }
  });

  it("keeps the two largest of every four", () => {
    const masks = magnitudeMasks(model, { kind: "n:m", keep: 2, of: 4 });
    const { weights, name } = weightedNodes(model).find((node) => node.name === "branch")!;
    const mask = masks.get(name)!;
    for (let start = 0; start < weights.length; start += 4) {
      const kept = [0, 1, 2, 3].filter((at) => mask[start + at] === 1);
      const gone = [0, 1, 2, 3].filter((at) => mask[start + at] === 0);
      expect(kept.length).toBe(2);
      const least = Math.min(...kept.map((at) => Math.abs(weights[start + at])));
      expect(Math.max(...gone.map((at) => Math.abs(weights[start + at])))).toBeLessThanOrEqual(least);
    }
  });

  it("drops what lies within a number of standard deviations", () => {
    for (const node of weightedNodes(model)) {
      const mask = magnitudeMasks(model, { kind: "sigma", factor: 0.6 }).get(node.name)!;
      const sigma = Math.sqrt(
        node.weights.reduce((sum, weight) => sum + weight ** 2, 0) / node.weights.length,
      );
      node.weights.forEach((weight, index) => {
        expect(mask[index]).toBe(Math.abs(weight) > 0.6 * sigma ? 1 : 0);
      });
    }
  });

  it("refuses the impossible", () => {
    expect(() => magnitudeMasks(model, { kind: "n:m", keep: 5, of: 4 })).toThrowError(/impossible/);
    expect(() => magnitudeMasks(model, { kind: "layer", share: 1 })).toThrowError(/impossible/);
  });

  it("reads rules as people write them", () => {
    expect(parsePruning("obs:0.5")).toEqual({ kind: "obs", share: 0.5 });
    expect(parsePruning("2:4")).toEqual({ kind: "n:m", keep: 2, of: 4 });
    expect(parsePruning("sigma:0.7")).toEqual({ kind: "sigma", factor: 0.7 });
    for (const bad of ["obs", "obs:1", "obs:", "4:2", "0:4", "half:0.5", "obs:0.5:1"]) {
      expect(parsePruning(bad), bad).toBeUndefined();
    }
  });
});

describe("optimal brain surgeon", () => {
  it.each([1, 2, 3, 4])("a row's removals cost what least squares loses (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const matrix = correlated(random);
    const row = Float64Array.from({ length: K }, () => 2 * random.next() - 1);
    const { index, cost } = removalOrder(row, invert(matrix, K).inverse, K, K - 1);
    expect(new Set(index).size).toBe(K - 1);
    const mask = new Uint8Array(K).fill(1);
    let lost = 0;
    index.forEach((k, step) => {
      mask[k] = 0;
      lost += cost[step];
      expect(errorOf(refitMasked(row, mask, matrix, K), row, matrix)).toBeCloseTo(lost, 4);
    });
  });

  it("the first removal is the cheapest of all", () => {
    const random = seededRandom(5);
    const matrix = correlated(random);
    const row = Float64Array.from({ length: K }, () => 2 * random.next() - 1);
    const { cost } = removalOrder(row, invert(matrix, K).inverse, K, 1);
    const costs = Array.from({ length: K }, (_, gone) => {
      const mask = new Uint8Array(K).fill(1);
      mask[gone] = 0;
      return errorOf(refitMasked(row, mask, matrix, K), row, matrix);
    });
    expect(cost[0]).toBeCloseTo(Math.min(...costs), 5);
  });
});

describe("clustering", () => {
  const problem = (seed: number) => {
    const random = seededRandom(seed);
    const gram = prepareGram(correlated(random), K);
    const weights = Float64Array.from({ length: K * 10 }, () => (2 * random.next() - 1) ** 3);
    const importance = Float64Array.from({ length: 10 }, () => 0.5 + random.next());
    return { random, gram, weights, importance };
  };

  it.each(Object.keys(clusterStarts) as ClusterStart[])(
    "%s: the layer's error falls below k-means'",
    (start) => {
      for (const seed of [1, 2, 3]) {
        const { random, gram, weights, importance } = problem(seed);
        const [plain, fitted] = [0, 4].map((rounds) => {
          const { codes, scale } = clusterWeights(weights, gram, {
            clusters: 6,
            start,
            rounds,
            importance: importance.map(() => 1),
            random: () => random.next(),
          });
          expect(new Set(codes).size).toBeLessThanOrEqual(6);
          expect(Math.max(...codes.map(Math.abs))).toBeLessThanOrEqual(127);
          expect(new Set(scale).size).toBe(1);
          return quadraticError(weights, scale, gram, codes);
        });
        expect(fitted).toBeLessThan(plain);
      }
    },
  );

  it("gives weights that are clusters already back to within the grid", () => {
    const { gram, importance, random } = problem(4);
    const values = [-0.9, -0.2, 0, 0.31];
    const weights = Float64Array.from({ length: K * 10 }, (_, index) => values[index % 4]);
    const options = {
      clusters: 4,
      start: "density" as const,
      rounds: 2,
      importance,
      random: () => random.next(),
    };
    const { codes, scale } = clusterWeights(weights, gram, options);
    codes.forEach((code, index) => {
      expect(Math.abs(code * scale[0] - weights[index])).toBeLessThan(scale[0]);
    });
  });
});

describe("pruned models", () => {
  const prune = (pruningOrder: "prune-first" | "quantize-first", kind: "obs" | "global") => {
    const random = seededRandom(30);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, 48);
    const plan = quantizeModel(model, images, 48, {
      method: "pruning",
      pruning: { kind, share: 0.6 },
      pruningOrder,
      random: () => random.next(),
    });
    const codes = [...plan.weights.values()].flatMap((layer) => [...layer.codes]);
    return codes.filter((code) => code === 0).length / codes.length;
  };

  it.each(["obs", "global"] as const)("%s: the share asked for is zero in either order", (kind) => {
    for (const order of ["prune-first", "quantize-first"] as const) {
      expect(prune(order, kind)).toBeGreaterThanOrEqual(0.599);
      expect(prune(order, kind)).toBeLessThan(0.7);
    }
  });
});
