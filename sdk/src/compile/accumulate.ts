/**
 * One engine accumulator before requantisation, and the channel parameters that bring a requantisation to it, with
 * the proof that nothing can overflow: accumulators and y stay in int32, stage A products in 63 bits and a sign.
 */
import { CompileError } from "../errors.js";
import type { RoundingStage, Shape } from "../graph/types.js";
import { type ChannelParameters, isEngineScale } from "../overlay/channel-parameters.js";
import type { EngineLayer } from "./engine-layer.js";
import { type Interval, roundShift, stageOfChannel } from "./rounding.js";

export interface Accumulator extends Omit<EngineLayer, "outputs" | "requantize" | "parameters"> {
  /** Shape of the outputs in memory. */
  readonly shape: Shape;
  /** One per output channel (convolutions) or a single one. */
  readonly bias: readonly number[];
  /** Proven range of the accumulator, bias included, per entry of `bias`. */
  readonly range: readonly Interval[];
  /** The graph's accumulator is this one times 2^leftShift. */
  readonly leftShift: number;
  /** Parts of 2^leftShift that every channel's graph accumulator has on top; undefined when all are 0. */
  readonly fractions?: readonly number[];
  /** Channel records are rounded up to a multiple of this. */
  readonly tile: number;
}

const INT32: Interval = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const IDENTITY: RoundingStage = {
  multiplier: Int32Array.of(1),
  shift: Uint8Array.of(0),
  rounding: "half-up",
};

/** @throws {CompileError} `overflow`, `scale-range` */
export function channelParameters(
  accumulator: Accumulator,
  inputZeroPoint: number,
  stageA: RoundingStage,
  stageB: RoundingStage = IDENTITY,
): ChannelParameters[] {
  const { bias, range, leftShift, tile, name } = accumulator;
  if (bias.length === 1) requireOneScale(name, stageA, stageB);
  const zeroPoint = inputZeroPoint / 2 ** leftShift;
  const records = bias.map((value, channel): ChannelParameters => {
    const scaled = scaleBy(stageOfChannel(stageA, channel), leftShift);
    const second = stageOfChannel(stageB, channel);
    const place = `${name}, channel ${channel}`;
    prove("accumulator", place, value - zeroPoint, value - zeroPoint, INT32);
    const low = range[channel].min - zeroPoint;
    const high = range[channel].max - zeroPoint;
    prove("accumulator", place, low, high, INT32);
    proveStageA(place, { min: low, max: high }, scaled, stageA);
    return {
      bias: value - zeroPoint,
      multiplier: scaled.multiplier,
      shiftA: scaled.shift,
      shiftB: rightShiftOnly(place, second),
    };
  });
  const padded = Math.ceil(records.length / tile) * tile;
  while (records.length < padded) records.push({ bias: 0, multiplier: 0, shiftA: 0, shiftB: 0 });
  return records;
}

/** M * 2^leftShift / 2^s with as small a shift and multiplier as possible. */
function scaleBy(stage: { multiplier: number; shift: number }, leftShift: number) {
  const taken = Math.min(leftShift, stage.shift);
  return { multiplier: stage.multiplier * 2 ** (leftShift - taken), shift: stage.shift - taken };
}

/** Stage B is a shift in the engine; a power-of-two multiplier is absorbed. */
function rightShiftOnly(place: string, stage: { multiplier: number; shift: number }): number {
  const power = Math.log2(stage.multiplier);
  const shift = stage.shift - power;
  if (Number.isInteger(power) && shift >= 0 && shift <= 31) return shift;
  throw new CompileError("scale-range", "The second rounding stage is not a right shift.", {
    place,
    expected: "multiplier 2^k and a right shift of 0..31",
    found: `${stage.multiplier} / 2^${stage.shift}`,
    hint: "Only the two-stage form of the source frameworks is supported.",
  });
}

function proveStageA(
  place: string,
  range: Interval,
  { multiplier, shift }: { multiplier: number; shift: number },
  stage: RoundingStage,
): void {
  prove("multiplier", place, multiplier, multiplier, INT32);
  if (shift > 62) prove("shift", place, shift, shift, { min: 0, max: 62 });
  const rounded = [range.min, range.max].map((value) => {
    const product = BigInt(value) * BigInt(multiplier);
    const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
    if (product + half >= 1n << 63n || product - half < -(1n << 63n)) {
      throw overflow("stage A product", place, `${product} + ${half}`, "64 bits");
    }
    return Number(roundShift(product, shift, stage.rounding));
  });
  prove("stage A result", place, Math.min(...rounded), Math.max(...rounded), INT32);
  if (!isEngineScale(multiplier, shift)) {
    throw new CompileError(
      "scale-range",
      "A requantisation scale is larger than the engine's product has room for.",
      {
        place,
        expected: "multiplier / 2^shift in -2^20 .. 2^20",
        found: `${multiplier} / 2^${shift}`,
        hint: "Give the layer's result a coarser scale.",
      },
    );
  }
}

function prove(what: string, place: string, low: number, high: number, { min, max }: Interval): void {
  if (low >= min && high <= max) return;
  throw overflow(what, place, `${low}..${high}`, `${min}..${max}`);
}

function overflow(what: string, place: string, found: string, expected: string): CompileError {
  return new CompileError("overflow", `The ${what} cannot be proven to fit.`, {
    place,
    expected,
    found,
    hint: "Reduce the weights, the bias or the activation range of this layer, or give it a coarser scale.",
  });
}

function requireOneScale(place: string, ...stages: RoundingStage[]): void {
  for (const { multiplier, shift } of stages) {
    if (multiplier.every((m) => m === multiplier[0]) && shift.every((s) => s === shift[0])) continue;
    throw new CompileError("per-channel-scale", "Only convolutions can be requantised per channel.", {
      place,
      expected: "one multiplier and shift",
      found: `${Math.max(multiplier.length, shift.length)} of them`,
      hint: "Use one output scale for this layer.",
    });
  }
}
