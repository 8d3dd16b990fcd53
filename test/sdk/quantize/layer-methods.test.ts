/** Methods that solve one layer: each against plain rounding on the error it claims to lower. */
import {
  adaRound,
  approximateSuccessively,
  compensate,
  countDigits,
  defaultAdaRound,
  inqScale,
  MatrixProduct,
  nearestLevel,
  partitionIncrementally,
  powerOfTwoLevels,
  prepareGram,
  priceTerms,
  quadraticError,
  signedDigitLevels,
} from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { correlatedMoments, gaussians } from "../../support/correlated-inputs.js";
import { seededRandom } from "../../support/seeded-random.js";

const K = 36;
const OUTPUTS = 8;
const seeds = [31, 32, 33];

function problem(seed: number) {
  const random = seededRandom(seed);
  const gram = prepareGram(correlatedMoments(random, K), K);
  const weights = gaussians(random, K * OUTPUTS);
  return { random, gram, weights, importance: new Float64Array(OUTPUTS).fill(1) };
}

describe("matrix product", () => {
  it("is a matrix product, for sizes that fill no panel", () => {
    const random = seededRandom(30);
    for (const [rows, size] of [
      [1, 1],
      [3, 13],
      [9, 40],
    ]) {
      const matrix = correlatedMoments(random, size);
      const left = Float32Array.from(gaussians(random, rows * size));
      const actual = new MatrixProduct(matrix, size, rows).times(left);
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < size; column += 1) {
          let sum = 0;
          for (let k = 0; k < size; k += 1) sum += left[row * size + k] * matrix[k * size + column];
          expect(actual[row * size + column]).toBeCloseTo(sum, 3);
        }
      }
    }
  });
});

describe("AdaRound", () => {
  const scale = new Float64Array(OUTPUTS).fill(0.5);

  it.each(seeds)("errs less than nearest rounding, with codes next to the weights (seed %i)", (seed) => {
    const { gram, weights } = problem(seed);
    const limit = 7;
    const nearest = Int16Array.from(weights, (weight) => Math.min(Math.max(Math.round(weight / 0.5), -7), 7));
    const codes = adaRound(weights, scale, gram, { ...defaultAdaRound, limit });
    const error = (solution: Int16Array) => quadraticError(weights, scale, gram, solution);
    expect(error(codes)).toBeLessThan(0.6 * error(nearest));
    codes.forEach((code, index) => {
      const below = Math.floor(weights[index] / 0.5);
      expect([below, below + 1].map((value) => Math.min(Math.max(value, -limit), limit))).toContain(code);
    });
  });

  it("leaves weights on the grid where they are", () => {
    const { gram } = problem(34);
    const codes = Int16Array.from({ length: K * OUTPUTS }, (_, index) => (index % 13) - 6);
    const weights = Float64Array.from(codes, (code) => code * 0.5);
    expect(adaRound(weights, scale, gram, { ...defaultAdaRound, limit: 7 })).toEqual(codes);
  });
});

describe("INQ", () => {
  const levels = powerOfTwoLevels(4);

  it.each(seeds)("what is quantised later makes up for what came before (seed %i)", (seed) => {
    const { gram, weights } = problem(seed);
    const scale = inqScale(weights, OUTPUTS, levels);
    const error = (shares?: number[]) =>
      quadraticError(weights, scale, gram, partitionIncrementally(weights, scale, gram, levels, shares));
    expect(error()).toBeLessThan(error([1]));
    expect(Number.isInteger(Math.log2(scale[0]))).toBe(true);
    // One share of everything is plain rounding.
    const plain = partitionIncrementally(weights, scale, gram, levels, [1]);
    expect(plain).toEqual(Int16Array.from(weights, (weight) => nearestLevel(weight / scale[0], levels)));
  });

  it("its top level is the power of two nearest in value to the largest weight", () => {
    for (const [largest, top] of [
      [0.74, 0.5],
      [0.76, 1],
      [1.49, 1],
      [1.51, 2],
    ]) {
      expect(inqScale(Float64Array.of(largest, -0.1), 1, levels)[0] * 64).toBe(top);
    }
  });
});

describe("compensation", () => {
  it.each(seeds)("stays on its levels and errs less than rounding (seed %i)", (seed) => {
    const { gram, weights, importance } = problem(seed);
    for (const levels of [powerOfTwoLevels(4), signedDigitLevels(2, 8), undefined]) {
      const options = { levels, bits: 4, scales: "free", perChannel: true, importance } as const;
      const { codes, scale } = compensate(weights, gram, options);
      if (levels) for (const code of codes) expect(levels).toContain(code);
      else expect(Math.max(...codes.map(Math.abs))).toBeLessThanOrEqual(7);
      const allowed = levels ?? Int16Array.from({ length: 15 }, (_, index) => index - 7);
      const plain = Int16Array.from(weights, (weight, index) =>
        nearestLevel(weight / scale[Math.floor(index / K)], allowed),
      );
      expect(quadraticError(weights, scale, gram, codes)).toBeLessThan(
        quadraticError(weights, scale, gram, plain),
      );
    }
  });

  it.each([true, false])("power-of-two scales take the best octave (per channel: %s)", (perChannel) => {
    const { gram, weights, importance } = problem(35);
    const options = { bits: 3, scales: "power-of-two", perChannel, importance } as const;
    const { codes, scale } = compensate(weights, gram, options);
    for (const step of scale) expect(Number.isInteger(Math.log2(step))).toBe(true);
    expect(new Set(scale).size === 1 || perChannel).toBe(true);
    expect(Math.max(...codes.map(Math.abs))).toBeLessThanOrEqual(3);
    const free = compensate(weights, gram, { ...options, scales: "free" });
    expect(quadraticError(weights, free.scale, gram, free.codes)).toBeLessThan(
      1.2 * quadraticError(weights, scale, gram, codes),
    );
  });
});

describe("successive vector approximation", () => {
  /** Signal to error in decibels of Gaussian rows. */
  const quality = (length: number, termsPerWeight: number, counter: "passes" | "digits" = "passes") => {
    const rows = 24;
    const weights = gaussians(seededRandom(36), rows * length);
    const result = approximateSuccessively(weights, rows, { termsPerWeight, counter });
    let power = 0;
    let error = 0;
    weights.forEach((weight, index) => {
      power += weight ** 2;
      error += (result.codes[index] * result.scale[Math.floor(index / length)] - weight) ** 2;
    });
    return { decibels: 10 * Math.log10(power / error), ...result, weights: weights.length };
  };

  it.each([144, 288, 576])("reaches the known quality on Gaussian rows of %i", (length) => {
    const one = quality(length, 1);
    expect(one.decibels).toBeGreaterThan(18.1);
    expect(one.decibels).toBeLessThan(20.1);
    const half = quality(length, 1.5).decibels;
    expect(half).toBeGreaterThan(26.5);
    expect(half).toBeLessThan(28.5);
    // The recount of terms really present agrees with the passes.
    expect(Math.abs(one.digitTerms / one.passTerms - 1)).toBeLessThan(0.02);
  });

  it("overshoots its budget by less than one pass: 168 terms for 160 weights", () => {
    const weights = gaussians(seededRandom(37), 160);
    const { passTerms } = approximateSuccessively(weights, 1, { termsPerWeight: 1, counter: "passes" });
    expect(passTerms).toBe(168);
    const strict = approximateSuccessively(weights, 1, { termsPerWeight: 1, counter: "digits" });
    expect(strict.digitTerms).toBeLessThanOrEqual(160);
    expect(strict.digitTerms).toBe(countDigits(strict.codes));
  });

  it("scales are powers of two, zeros stay zeros", () => {
    const { codes, scale } = approximateSuccessively(new Float64Array(20), 2, {
      termsPerWeight: 1,
      counter: "passes",
    });
    expect([...codes].every((code) => code === 0)).toBe(true);
    expect([...scale].every((value) => Number.isInteger(Math.log2(value)))).toBe(true);
  });

  it.each(seeds)("priced terms keep the budget and err less for as many terms (seed %i)", (seed) => {
    const { gram, weights, importance } = problem(seed);
    const successive = approximateSuccessively(weights, OUTPUTS, { termsPerWeight: 1, counter: "digits" });
    const options = { termsPerWeight: 1, importance } as const;
    const shifts = priceTerms(weights, gram, { ...options, scales: "power-of-two" });
    expect([...shifts.scale].every((step) => Number.isInteger(Math.log2(step)))).toBe(true);
    const { codes, scale } = priceTerms(weights, gram, { ...options, scales: "free" });
    for (const found of [codes, shifts.codes]) expect(countDigits(found)).toBeLessThanOrEqual(K * OUTPUTS);
    expect(quadraticError(weights, scale, gram, codes)).toBeLessThan(
      quadraticError(weights, successive.scale, gram, successive.codes),
    );
  });
});
