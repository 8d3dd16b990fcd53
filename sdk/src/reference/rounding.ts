/**
 * round(x * multiplier / 2^shift), exact for every int32 x and multiplier and every shift 0..62.
 *
 * Products below 2^53 are exact in a double; larger ones are carried as high * 2^16 + low. Either way the quotient is
 * floored exactly and the remainder, compared with one half, decides the rounding: nothing is ever rounded twice.
 */
import type { Rounding, RoundingStage } from "../graph/types.js";

const EXACT = 2 ** 53;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** One multiplier and shift, ready for a loop. */
export interface StageParameters {
  readonly multiplier: number;
  readonly shift: number;
  readonly rounding: Rounding;
  readonly min: number;
  readonly max: number;
}

/** The parameters of one output channel; saturation defaults to int32. */
export function stageParameters(stage: RoundingStage, channel: number): StageParameters {
  return {
    multiplier: stage.multiplier[stage.multiplier.length === 1 ? 0 : channel],
    shift: stage.shift[stage.shift.length === 1 ? 0 : channel],
    rounding: stage.rounding,
    min: stage.clamp?.min ?? INT32_MIN,
    max: stage.clamp?.max ?? INT32_MAX,
  };
}

/** clamp(round(x * multiplier / 2^shift)); x is an int32. */
export function applyStage(x: number, stage: StageParameters): number {
  const rounded = roundedProduct(x, stage.multiplier, stage.shift, stage.rounding);
  return Math.min(Math.max(rounded, stage.min), stage.max);
}

/** Exact where the result fits 53 bits; beyond that it is far outside int32 and only its sign matters. */
export function roundedProduct(x: number, multiplier: number, shift: number, rounding: Rounding): number {
  const product = x * multiplier;
  if (product < EXACT && product > -EXACT) {
    const divisor = 2 ** shift;
    const floor = Math.floor(product / divisor);
    return floor + carry(floor, product - floor * divisor, divisor / 2, rounding);
  }
  // x = high * 2^16 + low, so product = partHigh * 2^16 + partLow with 0 <= partLow < 2^16.
  const low = x & 0xffff;
  const high = (x - low) / 65_536;
  const lowProduct = low * multiplier;
  const lowFloor = Math.floor(lowProduct / 65_536);
  const partHigh = high * multiplier + lowFloor;
  const partLow = lowProduct - lowFloor * 65_536;
  if (shift < 16) {
    const divisor = 2 ** shift;
    const quotientLow = Math.floor(partLow / divisor);
    const floor = partHigh * 2 ** (16 - shift) + quotientLow;
    return floor + carry(floor, partLow - quotientLow * divisor, divisor / 2, rounding);
  }
  const divisor = 2 ** (shift - 16);
  const floor = Math.floor(partHigh / divisor);
  // The remainder may need 62 bits, so fold its low part into a quarter that keeps its order against one half.
  const remainderHigh = partHigh - floor * divisor;
  if (shift === 16) return floor + carry(floor, partLow, 32_768, rounding);
  const remainder = remainderHigh + (partLow > 0 ? 0.25 : 0);
  return floor + carry(floor, remainder, divisor / 2, rounding);
}

/** 1 when the value floor + remainder / (2 * half) rounds up to floor + 1, else 0. */
function carry(floor: number, remainder: number, half: number, rounding: Rounding): number {
  if (remainder !== half) return remainder > half ? 1 : 0;
  // An exact tie (half is 0.5 when the shift is 0, and never equal to an integer remainder).
  if (rounding === "half-up") return 1;
  if (rounding === "half-even") return floor % 2 === 0 ? 0 : 1;
  return floor >= 0 ? 1 : 0;
}
