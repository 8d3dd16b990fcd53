/**
 * Output tables that are nothing but a rounding shift with saturation. Most are: a chain of Quants and ReLU on power of
 * two scales. The kernel computes those instead of looking them up, eight at a time.
 */
import { roundingCodes } from "@sluice/sdk/overlay";
import { roundingShift } from "../plain/requantize.js";

export interface ShiftForm {
  readonly rounding: number;
  readonly shift: number;
  readonly zeroPoint: number;
  readonly min: number;
  readonly max: number;
}

const LARGEST_SHIFT = 9;
/** The kernel adds the zero point in 16 bits. */
const LARGEST_ZERO_POINT = 16_000;

/** The form that gives every entry of `table` (the first one is for y = yMin), or undefined. */
export function fitTable(table: Int8Array, yMin: number): ShiftForm | undefined {
  const min = table.reduce((least, code) => Math.min(least, code), 127);
  const max = table.reduce((most, code) => Math.max(most, code), -128);
  // Between the saturated ends an entry fixes the zero point. Without one only a constant is worth fitting.
  const free = table.findIndex((code) => code > min && code < max);
  if (free < 0) return min === max ? { rounding: 0, shift: 0, zeroPoint: 0, min, max } : undefined;
  for (let shift = 0; shift <= LARGEST_SHIFT; shift += 1) {
    for (const rounding of Object.values(roundingCodes)) {
      const zeroPoint = table[free] - roundingShift(yMin + free, shift, rounding);
      const fits = table.every((code, index) => {
        const value = zeroPoint + roundingShift(yMin + index, shift, rounding);
        return code === Math.min(max, Math.max(min, value));
      });
      if (fits && Math.abs(zeroPoint) <= LARGEST_ZERO_POINT) return { rounding, shift, zeroPoint, min, max };
    }
  }
  return undefined;
}
