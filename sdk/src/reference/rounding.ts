/**
 * round(x * multiplier / 2^shift), exact for every int32 x and multiplier and every shift 0..62.
 *
 * Products below 2^52 are exact in a double, and so are their quotient by a power of two and its fraction; larger ones
 * are carried as high * 2^16 + low. Either way the quotient is floored exactly and the fraction, compared with one
 * half, decides the rounding: nothing is ever rounded twice.
 */
import type { Rounding, RoundingStage } from "../graph/types.js";

/** With 2^53 a fraction just above one half could itself be rounded to one half. */
const EXACT = 2 ** 52;
const LOW = 65_536;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** One multiplier and shift, ready for a loop. */
export interface StageParameters {
  readonly multiplier: number;
  readonly shift: number;
  readonly rounding: Rounding;
  readonly min: number;
  readonly max: number;
  /** 2^-shift, and 2^(16 - shift) for products held in two parts. */
  readonly step: number;
  readonly highStep: number;
}

/** The parameters of one output channel; saturation defaults to int32. */
export function stageParameters(stage: RoundingStage, channel: number): StageParameters {
  const shift = stage.shift[stage.shift.length === 1 ? 0 : channel];
  return {
    multiplier: stage.multiplier[stage.multiplier.length === 1 ? 0 : channel],
    shift,
    rounding: stage.rounding,
    min: stage.clamp?.min ?? INT32_MIN,
    max: stage.clamp?.max ?? INT32_MAX,
    step: 2 ** -shift,
    highStep: 2 ** (16 - shift),
  };
}

/** clamp(round(x * multiplier / 2^shift)); x is an int32. */
export function applyStage(x: number, stage: StageParameters): number {
  const product = x * stage.multiplier;
  const rounded =
    product < EXACT && product > -EXACT
      ? roundedQuotient(product * stage.step, stage.rounding)
      : roundedLargeProduct(x, stage);
  return Math.min(Math.max(rounded, stage.min), stage.max);
}

/** Exact where the result fits 52 bits; beyond that it is far outside int32 and only its sign matters. */
export function roundedProduct(x: number, multiplier: number, shift: number, rounding: Rounding): number {
  const stage = { multiplier: Int32Array.of(multiplier), shift: Uint8Array.of(shift), rounding };
  const parameters = { ...stageParameters(stage, 0), min: -Infinity, max: Infinity };
  return applyStage(x, parameters);
}

/** `value` is an integer of at most 52 bits times a power of two. */
function roundedQuotient(value: number, rounding: Rounding): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction > 0.5 ? floor + 1 : floor;
  return roundedTie(floor, rounding);
}

/** The neighbour of floor + 1/2 that the mode takes. */
function roundedTie(floor: number, rounding: Rounding): number {
  if (rounding === "half-up") return floor + 1;
  if (rounding === "half-even") return floor % 2 === 0 ? floor : floor + 1;
  return floor >= 0 ? floor + 1 : floor;
}

/** x = high * 2^16 + low, so product = partHigh * 2^16 + partLow with 0 <= partLow < 2^16 and |partHigh| < 2^47. */
function roundedLargeProduct(
  x: number,
  { multiplier, shift, rounding, step, highStep }: StageParameters,
): number {
  const low = x & 0xffff;
  const high = (x - low) / LOW;
  const lowProduct = low * multiplier;
  const lowFloor = Math.floor(lowProduct / LOW);
  const partHigh = high * multiplier + lowFloor;
  const partLow = lowProduct - lowFloor * LOW;
  if (shift < 16) {
    // The quotient of the high part is an integer; only the low part has a fraction.
    const whole = partHigh * highStep + Math.floor(partLow * step);
    const fraction = partLow * step - Math.floor(partLow * step);
    if (fraction !== 0.5) return fraction > 0.5 ? whole + 1 : whole;
    return roundedTie(whole, rounding);
  }
  const quotient = partHigh * highStep;
  const floor = Math.floor(quotient);
  const fraction = quotient - floor;
  // The low part adds less than one unit of the high part: it breaks a tie, or completes one when the shift is 16.
  if (shift === 16) {
    if (partLow !== LOW / 2) return partLow > LOW / 2 ? floor + 1 : floor;
    return roundedTie(floor, rounding);
  }
  if (fraction !== 0.5) return fraction > 0.5 ? floor + 1 : floor;
  return partLow > 0 ? floor + 1 : roundedTie(floor, rounding);
}
