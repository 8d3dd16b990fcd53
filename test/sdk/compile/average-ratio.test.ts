/** Average pools in engine stages: exact for every sum, whatever the ratio and the rounding. */
import { averageStages } from "@sluice/sdk/compile/average-ratio.js";
import type { AveragePoolNode, Rounding } from "@sluice/sdk/graph";
import { describe, expect, it } from "vitest";

const roundings: readonly Rounding[] = ["half-up", "half-even", "half-away"];

function pool(numerator: number, denominator: number, rounding: Rounding): AveragePoolNode {
  return {
    kind: "average-pool",
    name: "pool",
    sourceOp: "AveragePool",
    inputs: [0],
    output: 1,
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: { top: 0, bottom: 0, left: 0, right: 0 },
    inputZeroPoint: 0,
    numerator,
    denominator,
    rounding,
    zeroPoint: 0,
    clamp: { min: -128, max: 127 },
  };
}

/** Rounds in doubles: exact here, because numerators stay far below 2^53 and ties are compared in integers. */
function rounded(numerator: number, denominator: number, rounding: Rounding): number {
  const floor = Math.floor(numerator / denominator);
  const twice = 2 * (numerator - floor * denominator);
  if (twice !== denominator) return twice > denominator ? floor + 1 : floor;
  if (rounding === "half-up") return floor + 1;
  if (rounding === "half-away") return numerator < 0 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function shifted(
  value: bigint,
  stage: { multiplier: Int32Array; shift: Uint8Array; rounding: Rounding },
): number {
  return rounded(Number(value * BigInt(stage.multiplier[0])), 2 ** stage.shift[0], stage.rounding);
}

describe("averageStages", () => {
  for (const rounding of roundings) {
    for (const [count, numerator, denominator] of [
      [1, 1, 1],
      [4, 1, 1],
      [6, 1, 1],
      [9, 3, 2],
      [49, 1, 1],
      [49, 1, 2],
      [49, 2, 1],
      [64, 1, 8],
      [36, 5, 7],
    ]) {
      it(`${rounding}: sums of ${count} times ${numerator}/${denominator}`, () => {
        const sums = { min: -128 * count, max: 127 * count };
        const { stageA, stageB } = averageStages(pool(numerator, denominator, rounding), count, sums);
        expect(stageA.multiplier[0]).toBeGreaterThan(0);
        expect(stageA.shift[0]).toBeLessThanOrEqual(62);
        for (let sum = sums.min; sum <= sums.max; sum += 1) {
          const first = exactStage(BigInt(sum), stageA);
          const found = stageB === undefined ? first : shifted(BigInt(first), stageB);
          expect(found).toBe(rounded(sum * numerator, denominator * count, rounding));
        }
      });
    }
  }
});

/** Products of stage A exceed doubles: quotient and remainder in BigInt, the decision as above. */
function exactStage(
  value: bigint,
  stage: { multiplier: Int32Array; shift: Uint8Array; rounding: Rounding },
): number {
  const product = value * BigInt(stage.multiplier[0]);
  const bits = BigInt(stage.shift[0]);
  const floor = product >> bits;
  const twice = 2n * (product - (floor << bits));
  const one = 1n << bits;
  if (twice !== one) return Number(twice > one ? floor + 1n : floor);
  if (stage.rounding === "half-up") return Number(floor) + 1;
  if (stage.rounding === "half-away") return Number(floor) + (product < 0n ? 0 : 1);
  return Number(floor % 2n === 0n ? floor : floor + 1n);
}
