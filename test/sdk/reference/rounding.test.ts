import type { Rounding, RoundingStage } from "@sluice/sdk/graph";
import { applyStage, roundedProduct, stageParameters } from "@sluice/sdk/reference/rounding.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const roundings: Rounding[] = ["half-up", "half-even", "half-away"];
const int32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: -600, max: 600 }),
  fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0, 1, -1, 2 ** 30, -(2 ** 30)),
  fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: 0, max: 27 })).map(([m, e]) => m * 2 ** e),
);

/** floor, then the remainder against one half, in unbounded integers. */
function exactly(x: number, multiplier: number, shift: number, rounding: Rounding): bigint {
  const product = BigInt(x) * BigInt(multiplier);
  const divisor = 1n << BigInt(shift);
  const remainder = ((product % divisor) + divisor) % divisor;
  const floor = (product - remainder) / divisor;
  if (2n * remainder > divisor) return floor + 1n;
  if (2n * remainder < divisor) return floor;
  if (rounding === "half-up") return floor + 1n;
  if (rounding === "half-even") return floor % 2n === 0n ? floor : floor + 1n;
  return product > 0n ? floor + 1n : floor;
}

describe("roundedProduct", () => {
  const ties = [
    { x: 1, up: 1, even: 0, away: 1 },
    { x: 3, up: 2, even: 2, away: 2 },
    { x: -1, up: 0, even: 0, away: -1 },
    { x: -3, up: -1, even: -2, away: -2 },
    { x: 5, up: 3, even: 2, away: 3 },
    { x: -5, up: -2, even: -2, away: -3 },
  ];
  for (const { x, up, even, away } of ties) {
    it(`rounds the tie ${x}/2 by every rule`, () => {
      expect(roundedProduct(x, 1, 1, "half-up") + 0).toBe(up);
      expect(roundedProduct(x, 1, 1, "half-even") + 0).toBe(even);
      expect(roundedProduct(x, 1, 1, "half-away") + 0).toBe(away);
      // The same tie through a product of more than 53 bits.
      expect(roundedProduct(x * 2 ** 27, 2 ** 30, 58, "half-up") + 0).toBe(up);
      expect(roundedProduct(x * 2 ** 27, 2 ** 30, 58, "half-even") + 0).toBe(even);
      expect(roundedProduct(x * 2 ** 27, 2 ** 30, 58, "half-away") + 0).toBe(away);
    });
  }

  it("equals unbounded arithmetic wherever the result fits 53 bits", () => {
    fc.assert(
      fc.property(
        int32,
        int32,
        fc.integer({ min: 0, max: 62 }),
        fc.constantFrom(...roundings),
        (x, m, s, r) => {
          const expected = exactly(x, m, s, r);
          const found = roundedProduct(x, m, s, r);
          if (expected < 2n ** 53n && expected > -(2n ** 53n)) return BigInt(found) === expected;
          // Far outside int32: only the side matters, saturation follows.
          return found > 0 === expected > 0n && Math.abs(found) >= 2 ** 52;
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it("equals unbounded arithmetic one step around every tie of a 64-bit product", () => {
    for (let shift = 1; shift <= 62; shift += 1) {
      for (const multiplier of [1, 3, 2 ** 30 + 1, 2 ** 31 - 1, -(2 ** 31), -7]) {
        const centre = Math.trunc(2 ** (shift - 1) / multiplier);
        for (const x of [centre - 1, centre, centre + 1, 3 * centre, -centre]) {
          if (Math.abs(x) >= 2 ** 31) continue;
          for (const rounding of roundings) {
            const found = BigInt(roundedProduct(x, multiplier, shift, rounding));
            expect(found, `${x} * ${multiplier} >> ${shift} ${rounding}`).toBe(
              exactly(x, multiplier, shift, rounding),
            );
          }
        }
      }
    }
  });
});

describe("roundedProduct beside a tie", () => {
  it("sees that (2^53 - 1) / 2^54 is just below one half, on both sides of zero", () => {
    const [a, b] = [441_650_591, 20_394_401];
    expect(BigInt(a) * BigInt(b)).toBe(2n ** 53n - 1n);
    for (const rounding of roundings) {
      expect(roundedProduct(a, b, 54, rounding) + 0).toBe(0);
      expect(roundedProduct(-a, b, 54, rounding) + 0).toBe(0);
      expect(roundedProduct(a, b, 53, rounding)).toBe(1);
      expect(roundedProduct(-a, b, 53, rounding)).toBe(-1);
    }
  });
});

describe("applyStage", () => {
  it("uses the channel's own parameters and saturates after rounding", () => {
    const stage: RoundingStage = {
      multiplier: Int32Array.of(1, 3),
      shift: Uint8Array.of(1, 0),
      rounding: "half-even",
      clamp: { min: -4, max: 4 },
    };
    expect(applyStage(5, stageParameters(stage, 0))).toBe(2);
    expect(applyStage(5, stageParameters(stage, 1))).toBe(4);
    expect(applyStage(-5, stageParameters(stage, 1))).toBe(-4);
  });

  it("saturates to int32 when the stage has no clamp", () => {
    const stage: RoundingStage = {
      multiplier: Int32Array.of(2 ** 31 - 1),
      shift: Uint8Array.of(0),
      rounding: "half-up",
    };
    expect(applyStage(2 ** 31 - 1, stageParameters(stage, 0))).toBe(2 ** 31 - 1);
    expect(applyStage(-(2 ** 31), stageParameters(stage, 0))).toBe(-(2 ** 31));
  });
});
