import {
  convolutionFactor,
  frexp,
  quantizeMultiplier,
  roundingStages,
} from "@sluice/sdk/import/tflite/multiplier.js";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../support/seeded-random.js";
import { literalMultiplier } from "../../../support/tflite-kernels.js";

describe("fixed-point multipliers", () => {
  it("splits a number into mantissa and exponent exactly", () => {
    expect(frexp(1)).toEqual({ mantissa: 0.5, exponent: 1 });
    expect(frexp(0.75)).toEqual({ mantissa: 0.75, exponent: 0 });
    expect(frexp(2 ** -1074)).toEqual({ mantissa: 0.5, exponent: -1073 });
    expect(frexp(Number.MAX_VALUE).exponent).toBe(1024);
  });

  it("carries into the exponent where the mantissa rounds up to 2^31", () => {
    expect(quantizeMultiplier(1 - 2 ** -40)).toEqual({ multiplier: 2 ** 30, shift: 1 });
    expect(quantizeMultiplier(0.5)).toEqual({ multiplier: 2 ** 30, shift: 0 });
  });

  it("lets factors below 2^-32 vanish and keeps the last one above", () => {
    expect(quantizeMultiplier(0)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(2 ** -33)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(2 ** -32)).toEqual({ multiplier: 2 ** 30, shift: -31 });
  });

  it("agrees with the definition on random factors", () => {
    const random = seededRandom(0x71f1);
    for (let count = 0; count < 5_000; count += 1) {
      const real = (0.5 + random.next() / 2) * 2 ** random.integer(-36, 8);
      const { multiplier, shift } = quantizeMultiplier(real);
      const expected = literalMultiplier(real);
      expect({ multiplier: BigInt(multiplier), shift }, `factor ${real}`).toEqual(expected);
    }
  });

  it("forms the product of the scales in float32 or in double", () => {
    const scales = [Math.fround(0.0391), Math.fround(0.0077), Math.fround(0.0512)] as const;
    expect(convolutionFactor(...scales, false)).toBe((scales[0] * scales[1]) / scales[2]);
    expect(convolutionFactor(...scales, true)).toBe(Math.fround(scales[0] * scales[1]) / scales[2]);
    expect(convolutionFactor(...scales, true)).not.toBe(convolutionFactor(...scales, false));
  });

  it("puts left shifts into stage A and right shifts into stage B", () => {
    const { stageA, stageB } = roundingStages([
      { multiplier: 2 ** 30, shift: 3 },
      { multiplier: 2 ** 30, shift: -5 },
    ]);
    expect([...stageA.shift]).toEqual([28, 31]);
    expect([...stageB.shift]).toEqual([0, 5]);
    expect([stageA.rounding, stageB.rounding]).toEqual(["half-up", "half-away"]);
  });
});
