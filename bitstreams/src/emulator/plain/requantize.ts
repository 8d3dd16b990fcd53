/**
 * Stages A and B in plain TypeScript, exact: the rule in sdk/src/overlay/program.ts, executed on doubles where the
 * product is an exact double (below 2^53) and on BigInt where it is not.
 */
import { roundingCodes } from "@sluice/sdk/overlay";
import type { RequantizePlan } from "../requantize-plan.js";

const EXACT = 2 ** 53;

/** round(value / 2^shift) for an exact integer |value| < 2^53. */
export function roundingShift(value: number, shift: number, rounding: number): number {
  if (shift === 0) return value;
  const step = 2 ** shift;
  // Dividing by a power of two is exact, so floor and the remainder are, too.
  const low = Math.floor(value / step);
  const twice = 2 * (value - low * step);
  return low + (roundsUp(twice > step, twice === step, low % 2 !== 0, value < 0, rounding) ? 1 : 0);
}

function roundingShiftWide(value: bigint, shift: number, rounding: number): bigint {
  if (shift === 0) return value;
  const bits = BigInt(shift);
  const low = value >> bits;
  const twice = (value - (low << bits)) << 1n;
  const step = 1n << bits;
  return low + (roundsUp(twice > step, twice === step, (low & 1n) === 1n, value < 0n, rounding) ? 1n : 0n);
}

/** Whether a quotient goes to the integer above its floor. */
function roundsUp(
  above: boolean,
  tie: boolean,
  floorOdd: boolean,
  negative: boolean,
  rounding: number,
): boolean {
  if (!tie) return above;
  if (rounding === roundingCodes["half-even"]) return floorOdd;
  if (rounding === roundingCodes["half-away"]) return !negative;
  return true;
}

/** Stage A: the y of an accumulator of channel `channel`. */
export function stageA(plan: RequantizePlan, channel: number, accumulator: number): number {
  const { yMin, yMax, roundingA } = plan;
  const multiplier = plan.multiplier[channel];
  const shift = plan.shiftA[channel];
  const product = accumulator * multiplier;
  if (product > -EXACT && product < EXACT) {
    return Math.min(yMax, Math.max(yMin, roundingShift(product, shift, roundingA)));
  }
  const y = roundingShiftWide(BigInt(accumulator) * BigInt(multiplier), shift, roundingA);
  if (y < BigInt(yMin)) return yMin;
  return y > BigInt(yMax) ? yMax : Number(y);
}

/** Table or stage B: the code of y for one of the two outputs. */
export function toCode(
  plan: RequantizePlan,
  channel: number,
  y: number,
  table: Int8Array | undefined,
): number {
  if (table !== undefined) return table[y - plan.yMin];
  const rounded = plan.zeroPoint + roundingShift(y, plan.shiftB[channel], plan.roundingB);
  return Math.min(plan.codeMax, Math.max(plan.codeMin, rounded));
}
