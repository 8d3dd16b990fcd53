/** The solvers on random correlated problems: factors exact, each step lowers what it says it lowers. */
import {
  type CodePrice,
  classPrices,
  codeLengths,
  descend,
  descendCoupled,
  diagonal,
  invert,
  prepareGram,
  priceAt,
  quadraticError,
  quantizeRateDistortion,
  refitScales,
  refitScalesCoupled,
  roundWithGram,
} from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";

const K = 24;
const OUTPUTS = 6;

/** Covariance of inputs that share a few hidden causes. */
function correlated(random: SeededRandom): Float64Array {
  const factors = Float64Array.from({ length: K * 4 }, () => 2 * random.next() - 1);
  const matrix = new Float64Array(K * K);
  for (let i = 0; i < K; i += 1) {
    for (let j = 0; j < K; j += 1) {
      let sum = i === j ? 0.2 : 0;
      for (let f = 0; f < 4; f += 1) sum += factors[i * 4 + f] * factors[j * 4 + f];
      matrix[i * K + j] = sum;
    }
  }
  return matrix;
}

function problem(seed: number) {
  const random = seededRandom(seed);
  const gram = prepareGram(correlated(random), K);
  const weights = Float64Array.from({ length: K * OUTPUTS }, () => 2 * random.next() - 1);
  const scale = new Float64Array(OUTPUTS).fill(1 / 3);
  const nearest = Int16Array.from(weights, (weight) => Math.max(-3, Math.min(3, Math.round(weight * 3))));
  return { gram, weights, scale, nearest, importance: new Float64Array(OUTPUTS).fill(1) };
}

describe("Gram-matrix solver", () => {
  it.each([1, 2, 3, 4, 5])("beats nearest rounding, and descent beats it again (seed %i)", (seed) => {
    const { gram, weights, scale, nearest, importance } = problem(seed);
    const price = { limit: 3, lambda: 0, importance };
    const error = (codes: Int16Array) => quadraticError(weights, scale, gram, codes);
    const solved = roundWithGram(weights, scale, gram, price);
    expect(error(solved)).toBeLessThan(error(nearest));
    const before = error(solved);
    const descended = solved.slice();
    descend(weights, scale, gram, descended, price, 4);
    expect(error(descended)).toBeLessThanOrEqual(before + 1e-12);
    const refitted = refitScales(weights, scale, gram, descended);
    expect(quadraticError(weights, refitted, gram, descended)).toBeLessThanOrEqual(error(descended) + 1e-12);
    expect(Math.max(...descended.map(Math.abs))).toBeLessThanOrEqual(3);
  });

  it("gives exact weights on the grid back unchanged", () => {
    const { gram, scale, nearest, importance } = problem(6);
    const weights = Float64Array.from(nearest, (code) => code / 3);
    expect(roundWithGram(weights, scale, gram, { limit: 3, lambda: 0, importance })).toEqual(nearest);
  });

  it("factors the inverse: C^-1 = Ut U in the order of the columns", () => {
    const { gram } = problem(7);
    const { inverse } = invert(gram.matrix, K);
    for (let i = 0; i < K; i += 1) {
      for (let j = 0; j < K; j += 1) {
        let sum = 0;
        for (let k = 0; k <= Math.min(i, j); k += 1) sum += gram.factor[k * K + i] * gram.factor[k * K + j];
        expect(sum).toBeCloseTo(inverse[gram.order[i] * K + gram.order[j]], 8);
      }
    }
  });
});

describe("rate-distortion", () => {
  const bitsOf = (codes: Int16Array) => {
    const lengths = codeLengths(codes, 127);
    return codes.reduce((sum, code) => sum + lengths[code + 127], 0) / codes.length;
  };
  it("spends fewer bits and errs more as bits get dearer", () => {
    const { gram, weights, importance } = problem(8);
    const results = [1e-4, 1e-3, 1e-2].map((lambda) =>
      quantizeRateDistortion(weights, gram, diagonal(importance), {
        lambda,
        kappa: 4.5,
        sharedStep: false,
        rounds: 2,
      }),
    );
    const bits = results.map(({ codes }) => bitsOf(codes));
    const errors = results.map(({ codes, scale }) => quadraticError(weights, scale, gram, codes));
    expect(bits[0]).toBeGreaterThan(bits[1]);
    expect(bits[1]).toBeGreaterThan(bits[2]);
    expect(errors[0]).toBeLessThan(errors[1]);
    expect(errors[1]).toBeLessThan(errors[2]);
  });

  it("keeps one step for the layer where asked, and codes inside int8", () => {
    const { gram, weights, importance } = problem(9);
    const { codes, scale } = quantizeRateDistortion(weights, gram, diagonal(importance), {
      lambda: 1e-9,
      kappa: 4.5,
      sharedStep: true,
      rounds: 1,
    });
    expect(new Set(scale).size).toBe(1);
    expect(Math.max(...codes.map(Math.abs))).toBeLessThanOrEqual(127);
  });
});

describe("prices by class", () => {
  const [outputs, taps, channels] = [16, 9, 16];
  const shape = { outputs, taps, channels };
  const base = { limit: 4, lambda: 1, importance: new Float64Array(outputs).fill(1) };
  const total = (codes: Int16Array, price: CodePrice) =>
    codes.reduce((sum, code, at) => sum + (priceAt(price, at).bits as Float64Array)[code + 4], 0);
  const draw = (random: SeededRandom, share: (o: number, i: number) => number) =>
    Int16Array.from({ length: outputs * taps * channels }, (_, at) => {
      const busy = share(Math.floor(at / (taps * channels)), at % channels);
      return random.next() < busy ? Math.ceil(3 * random.next()) * (random.next() < 0.5 ? -1 : 1) : 0;
    });

  it.each([1, 2, 3])("cost less where channels differ (seed %i)", (seed) => {
    const codes = draw(seededRandom(seed), (o, i) => 0.9 * (o % 4 === 0 ? 1 : 0.2) * (i % 2 === 0 ? 1 : 0.3));
    const price = classPrices(codes, shape, base);
    expect(total(codes, price)).toBeLessThan(0.95 * total(codes, { ...price, classes: undefined }));
    // A zero is cheap where there are few other codes.
    const [busy, quiet] = [0, taps * channels + 1].map((at) => priceAt(price, at).bits?.[4] as number);
    expect(quiet).toBeLessThan(busy);
  });

  it("cost the same where channels are alike", () => {
    const codes = draw(seededRandom(4), () => 0.4);
    const price = classPrices(codes, shape, base);
    const plain = total(codes, { ...price, classes: undefined });
    expect(total(codes, price) / plain).toBeGreaterThan(0.97);
    expect(total(codes, price) / plain).toBeLessThanOrEqual(1.001);
  });

  it("give every code a price, used or not", () => {
    const price = classPrices(new Int16Array(outputs * taps * channels), shape, base);
    for (const { bits } of price.classes?.prices ?? []) expect(bits?.every(Number.isFinite)).toBe(true);
  });
});

describe("coupled outputs", () => {
  /** tr(Et G E C) */
  function coupledError(
    weights: Float64Array,
    scale: Float64Array,
    C: Float64Array,
    G: Float64Array,
    codes: Int16Array,
  ) {
    const error = weights.map((weight, index) => codes[index] * scale[Math.floor(index / K)] - weight);
    let sum = 0;
    for (let o = 0; o < OUTPUTS; o += 1)
      for (let u = 0; u < OUTPUTS; u += 1)
        for (let i = 0; i < K; i += 1)
          for (let j = 0; j < K; j += 1)
            sum += G[o * OUTPUTS + u] * error[o * K + i] * C[i * K + j] * error[u * K + j];
    return sum;
  }

  function coupling(random: SeededRandom): Float64Array {
    const rows = Float64Array.from({ length: OUTPUTS * 3 }, () => 2 * random.next() - 1);
    return Float64Array.from({ length: OUTPUTS * OUTPUTS }, (_, index) => {
      const o = Math.floor(index / OUTPUTS);
      const u = index % OUTPUTS;
      const product = [0, 1, 2].reduce((sum, f) => sum + rows[o * 3 + f] * rows[u * 3 + f], 0);
      return o === u ? product + 0.3 : 0.8 * product;
    });
  }

  it.each([1, 2, 3])("descent and refit lower tr(Et G E C) (seed %i)", (seed) => {
    const { gram, weights, scale, nearest, importance } = problem(seed);
    const G = coupling(seededRandom(seed + 100));
    const price = { limit: 3, lambda: 0, importance };
    const error = (steps: Float64Array, codes: Int16Array) =>
      coupledError(weights, steps, gram.matrix, G, codes);
    const alone = nearest.slice();
    descend(weights, scale, gram, alone, price, 20);
    const coupled = alone.slice();
    expect(descendCoupled(weights, scale, gram, G, coupled, price, 20)).toBeGreaterThan(0);
    expect(error(scale, coupled)).toBeLessThan(error(scale, alone));
    const refitted = refitScalesCoupled(weights, scale, gram, G, coupled);
    expect(error(refitted, coupled)).toBeLessThanOrEqual(error(scale, coupled) + 1e-9);
  });

  it("with nothing but a diagonal the scales are those of each output alone", () => {
    const { gram, weights, scale, nearest, importance } = problem(4);
    const alone = refitScales(weights, scale, gram, nearest);
    refitScalesCoupled(weights, scale, gram, diagonal(importance), nearest).forEach((value, o) => {
      expect(value).toBeCloseTo(alone[o], 4);
    });
  });
});
