/** The sets of levels against their definitions, and what fitting a scale to one promises. */
import {
  additivePowerOfTwoLevels,
  codesOnLevels,
  fitExponent,
  kHotLevels,
  levelScales,
  nearestInLog,
  nearestLevel,
  powerFunctionLevels,
  powerOfTwoLevels,
  signedDigitCount,
  signedDigitLevels,
} from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { gaussians } from "../../support/correlated-inputs.js";
import { residualModel } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const magnitudes = (levels: Int16Array) => [...levels].filter((level) => level >= 0);

describe("level sets", () => {
  it.each([
    ["power of two, 2 bits", powerOfTwoLevels(2), [0, 1]],
    ["power of two, 3 bits", powerOfTwoLevels(3), [0, 1, 2, 4]],
    ["power of two, 4 bits", powerOfTwoLevels(4), [0, 1, 2, 4, 8, 16, 32, 64]],
    ["APoT, 3 bits", additivePowerOfTwoLevels(3), [0, 1, 2, 4]],
    ["APoT, 4 bits", additivePowerOfTwoLevels(4), [0, 1, 2, 3, 4, 6, 8, 10]],
    ["2-hot, 4 bits", kHotLevels(2, 4), [0, 1, 2, 3, 4, 5, 6]],
    ["2 signed digits, 5 bits", signedDigitLevels(2, 5), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15]],
    ["power function at a = 1, 3 bits", powerFunctionLevels(3, 1), [0, 42, 85, 127]],
  ])("%s", (_, levels, expected) => {
    expect(magnitudes(levels)).toEqual(expected);
    expect([...levels]).toEqual([...levels].map((level) => 0 - level).reverse());
  });

  it("APoT of 5 and 6 bits has 2^(b-1) magnitudes inside int8", () => {
    for (const bits of [5, 6]) {
      const set = magnitudes(additivePowerOfTwoLevels(bits));
      expect(set.length).toBe(2 ** (bits - 1));
      expect(Math.max(...set)).toBeLessThanOrEqual(127);
    }
    expect(() => additivePowerOfTwoLevels(7)).toThrow(expect.objectContaining({ code: "bad-bits" }));
  });

  it("counts signed digits as the fewest powers of two that sum to the code", () => {
    const fewest = new Map([[0, 0]]);
    for (let count = 1; count <= 4; count += 1) {
      for (const [sum, used] of [...fewest]) {
        if (used !== count - 1) continue;
        for (let exponent = 0; exponent <= 8; exponent += 1) {
          for (const next of [sum + 2 ** exponent, sum - 2 ** exponent]) {
            if (!fewest.has(next)) fewest.set(next, count);
          }
        }
      }
    }
    for (let code = -127; code <= 127; code += 1) expect(signedDigitCount(code)).toBe(fewest.get(code));
  });

  it("the logarithm flips at sqrt(2), the value at 1.5", () => {
    const levels = powerOfTwoLevels(4);
    expect([1.41, 1.42, 1.49, 1.51].map((value) => nearestInLog(value, levels))).toEqual([1, 2, 2, 2]);
    expect([1.41, 1.42, 1.49, 1.51].map((value) => nearestLevel(value, levels))).toEqual([1, 1, 1, 2]);
    expect(nearestInLog(-0.8, levels)).toBe(-1);
    expect(nearestInLog(0.7, levels)).toBe(0);
    expect(nearestInLog(1000, levels)).toBe(64);
  });
});

describe("fitting levels", () => {
  const random = seededRandom(21);
  const weights = gaussians(random, 6 * 200);
  const errorOf = (scale: Float64Array, levels: Int16Array) =>
    codesOnLevels(weights, scale, levels, "value").reduce(
      (sum, code, index) => sum + (code * scale[Math.floor(index / 200)] - weights[index]) ** 2,
      0,
    );

  it("the searched scale errs less than the largest magnitude, a shared or 2^k scale more than a free one", () => {
    for (const levels of [powerOfTwoLevels(4), additivePowerOfTwoLevels(4), signedDigitLevels(1, 8)]) {
      const scalesFor = (options: Partial<Parameters<typeof levelScales>[3]>) =>
        levelScales(weights, 6, levels, { scales: "free", perChannel: true, range: "mse", ...options });
      const best = errorOf(scalesFor({}), levels);
      expect(best).toBeLessThanOrEqual(errorOf(scalesFor({ range: "min-max" }), levels));
      const octaves = scalesFor({ scales: "power-of-two" });
      for (const scale of octaves) expect(Number.isInteger(Math.log2(scale))).toBe(true);
      expect(best).toBeLessThanOrEqual(errorOf(octaves, levels));
      const shared = scalesFor({ perChannel: false });
      expect(new Set(shared).size).toBe(1);
      expect(best).toBeLessThanOrEqual(errorOf(shared, levels));
    }
  });

  it("a power below 1 suits bell-shaped weights, 1 suits uniform ones", () => {
    const model = residualModel(random, { biases: false });
    expect(fitExponent(model, 4)).toBeGreaterThan(0.85);
    const bells = model.nodes.map((node) =>
      node.kind === "convolution"
        ? { ...node, weights: Float32Array.from(gaussians(random, node.weights.length)) }
        : node,
    );
    expect(fitExponent({ ...model, nodes: bells }, 4)).toBeLessThan(fitExponent(model, 4));
  });
});
