/**
 * Exact evaluation of rounding stages on single values, in BigInt: the compiler builds tables and proves bounds with
 * it. The definition is `Rounding` and `RoundingStage` in graph/types.ts.
 */
import type { Rounding, RoundingStage } from "../graph/types.js";

export interface Interval {
  readonly min: number;
  readonly max: number;
}

const INT32: Interval = { min: -(2 ** 31), max: 2 ** 31 - 1 };

export function clamp(value: number, { min, max }: Interval): number {
  return Math.min(Math.max(value, min), max);
}

/** round(value / 2^shift) for shift >= 0. */
export function roundShift(value: bigint, shift: number, rounding: Rounding): bigint {
  if (shift === 0) return value;
  const bits = BigInt(shift);
  const half = 1n << (bits - 1n);
  if (rounding === "half-up") return (value + half) >> bits;
  if (rounding === "half-away") return value >= 0n ? (value + half) >> bits : -((half - value) >> bits);
  const floor = value >> bits;
  const rest = value - (floor << bits);
  if (rest === half) return floor + (floor & 1n);
  return rest > half ? floor + 1n : floor;
}

/** round(numerator / denominator) for denominator > 0. */
export function roundRatio(numerator: bigint, denominator: bigint, rounding: Rounding): bigint {
  const twice = 2n * denominator;
  const floor = floorDivide(numerator, denominator);
  const rest = 2n * (numerator - floor * denominator);
  if (rest !== denominator) return floorDivide(2n * numerator + denominator, twice);
  if (rounding === "half-up") return floor + 1n;
  if (rounding === "half-even") return floor + (floor & 1n);
  return numerator >= 0n ? floor + 1n : floor;
}

function floorDivide(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  return numerator % denominator < 0n ? quotient - 1n : quotient;
}

/** The multiplier and shift of one channel; single values stand for every channel. */
export function stageOfChannel(
  stage: RoundingStage,
  channel: number,
): { readonly multiplier: number; readonly shift: number } {
  return {
    multiplier: stage.multiplier.length === 1 ? stage.multiplier[0] : stage.multiplier[channel],
    shift: stage.shift.length === 1 ? stage.shift[0] : stage.shift[channel],
  };
}

/** Saturating value of a stage; `stage.clamp` omitted means int32. */
export function evaluateStage(stage: RoundingStage, value: bigint, channel = 0): bigint {
  const { multiplier, shift } = stageOfChannel(stage, channel);
  const rounded = roundShift(value * BigInt(multiplier), shift, stage.rounding);
  const { min, max } = stage.clamp ?? INT32;
  if (rounded < BigInt(min)) return BigInt(min);
  return rounded > BigInt(max) ? BigInt(max) : rounded;
}

/** True when every channel has the same multiplier and shift. */
export function isUniform(stage: RoundingStage): boolean {
  return (
    stage.multiplier.every((value) => value === stage.multiplier[0]) &&
    stage.shift.every((value) => value === stage.shift[0])
  );
}

/** True when the stage changes nothing (apart from its clamp). */
export function isIdentity(stage: RoundingStage): boolean {
  return isUniform(stage) && BigInt(stage.multiplier[0]) === 1n << BigInt(stage.shift[0]);
}
