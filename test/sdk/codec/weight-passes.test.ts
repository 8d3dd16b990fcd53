/** Every pass over weights gives the same numbers in WebAssembly as in TypeScript. */
import { BIT, ClassCosts, UNCODABLE } from "@sluice/sdk/codec/ans/class-costs.js";
import { kernelPasses } from "@sluice/sdk/codec/ans/kernel-passes.js";
import { singleVariants, wholeFitLayer } from "@sluice/sdk/codec/ans/layer-variants.js";
import { cheapestClass } from "@sluice/sdk/codec/ans/make-codable.js";
import { plainPasses } from "@sluice/sdk/codec/ans/plain-passes.js";
import { sharedOffsets } from "@sluice/sdk/codec/ans/weight-passes.js";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";
import { randomLayer } from "./layers.js";

const SEED = 79;
const LAYERS = 40;

describe(`passes over weights in WebAssembly (seed ${SEED})`, () => {
  const kernel = kernelPasses()!;
  const random = seededRandom(SEED);
  const between = (least: number, most: number): number =>
    least + Math.floor(random.next() * (most - least + 1));
  const offsets = (count: number, most: number): Int32Array => {
    return Int32Array.from({ length: count }, () => between(-most, most));
  };
  const cases = Array.from({ length: LAYERS }, () => {
    const weights = randomLayer(random.next);
    const center = between(-128, 127);
    const [variant] = singleVariants(weights);
    const layer = wholeFitLayer(weights, variant, plainPasses, 64);
    const classes = between(1, 34);
    const costs = new ClassCosts(
      Array.from({ length: classes }, () => {
        return Int32Array.from({ length: 256 }, () => {
          return random.next() < 0.01 ? UNCODABLE : Math.floor(random.next() * 20 * BIT);
        });
      }),
    );
    const own = { a: offsets(layer.outputs, 8), b: offsets(layer.inputs, 16), c: offsets(layer.taps, 16) };
    return { weights, center, layer, costs, own };
  });

  it("bring weights into channel order, less a center", () => {
    for (const { weights, center } of cases) {
      const demand = new Uint8Array(weights.weights.buffer);
      const plain = plainPasses.channelOrder(demand, weights.layout, center);
      expect(kernel.channelOrder(demand, weights.layout, center)).toEqual(plain);
    }
  });

  it("take predictions away", () => {
    let predicted = 0;
    for (const { weights, center } of cases) {
      const { layout } = weights;
      const taps = layout.kernelHeight * layout.kernelWidth;
      const coefficients = Int8Array.from({ length: taps * 3 }, (_, index) => {
        const [tap, neighbour] = [Math.floor(index / 3), index % 3];
        const exists = [tap % layout.kernelWidth > 0, tap >= layout.kernelWidth];
        return [exists[0], exists[1], exists[0] && exists[1]][neighbour] ? between(-32, 31) : 0;
      });
      if (coefficients.some((value) => value !== 0)) predicted += 1;
      const plain = plainPasses.differences(weights.weights, layout, { coefficients }, center);
      expect(kernel.differences(weights.weights, layout, { coefficients }, center)).toEqual(plain);
    }
    expect(predicted).toBeGreaterThan(LAYERS / 4);
  });

  it("sum costs by change of an offset", () => {
    for (const { layer, costs, own } of cases) {
      for (const axis of ["a", "b", "c"] as const) {
        const strides = { output: axis === "a" ? 1 : between(1, 3), row: between(1, 3) };
        const plain = plainPasses.sumsByChange(layer, costs, own, axis, strides);
        const fast = kernel.sumsByChange(layer, costs, own, axis, strides);
        // The eighth sum of each element is padding.
        const used = (_: number, index: number): boolean => index % 8 < 7;
        expect(fast.filter(used)).toEqual(plain.filter(used));
      }
    }
  });

  it("sum costs by offset", () => {
    for (const { layer, costs, own } of cases) {
      const shared = sharedOffsets(layer, own);
      const [lowest, width, stride] = [between(-8, 0), between(1, costs.classes + 8), between(1, 3)];
      const plain = plainPasses.sumsByOffset(layer, costs, shared, lowest, width, stride);
      expect(kernel.sumsByOffset(layer, costs, shared, lowest, width, stride)).toEqual(plain);
    }
  });

  it("find what a layer costs in its cheapest class alone", () => {
    for (const { layer, costs } of cases) {
      const { cost, a, b, c } = cheapestClass(layer, costs);
      const shared = sharedOffsets(layer, { b, c });
      const all = costs.costs.map((_, index) => {
        const own = kernel.outputCosts(layer, costs, new Int32Array(layer.outputs).fill(index), shared, 1);
        return own.reduce((sum, value) => sum + value, 0);
      });
      expect(cost).toBe(Math.min(...all));
      if (cost < Number.POSITIVE_INFINITY) expect(all[a[0]]).toBe(cost);
    }
  });

  it("add up outputs, infinite where a value cannot be coded", () => {
    let infinite = 0;
    for (const { layer, costs, own } of cases) {
      const shared = sharedOffsets(layer, own);
      const plain = plainPasses.outputCosts(layer, costs, own.a, shared, 2);
      expect(kernel.outputCosts(layer, costs, own.a, shared, 2)).toEqual(plain);
      if (plain.includes(Number.POSITIVE_INFINITY)) infinite += 1;
    }
    expect(infinite).toBeGreaterThan(0);
    expect(infinite).toBeLessThan(LAYERS);
  });
});
