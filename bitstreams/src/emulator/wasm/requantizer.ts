/**
 * Stages A and B through the WASM kernel, eight channels (a word) at a time. For every word the cheapest form that is
 * exact for its multipliers, shifts and possible accumulators is chosen here, once; the kernel's stage-a.ts and
 * stage-b.ts say what each form needs.
 */
import { roundingCodes } from "@sluice/sdk/overlay";
import type { RequantizePlan } from "../requantize-plan.js";
import type { Arena } from "./arena.js";
import type { KernelExports } from "./kernel.js";
import { fitTable, type ShiftForm } from "./table-fit.js";

export const LANES = 8;
const INT32_MAX = 2 ** 31 - 1;
const LARGEST_SHIFT = 30;

/** Turns accumulators [pixel][8] into y, in place. */
type StageA = (accumulators: number, pixels: number) => void;
/** Writes the codes of y [pixel][8] to `target` plus one offset per pixel. */
type StageB = (values: number, pixels: number, offsets: number, target: number) => void;

/** One lane of a word; lanes beyond the last channel repeat a lane that exists, and are masked. */
interface Lane {
  readonly multiplier: number;
  readonly shiftA: number;
  readonly shiftB: number;
  /** Largest |accumulator|. */
  readonly bound: number;
}

export interface WordRequantizer {
  /** Address of the 8 biases, where accumulation starts. */
  readonly bias: number;
  readonly stageA: StageA;
  /** One per output. */
  readonly stageB: readonly StageB[];
  /** Address of 8 bytes, 0 for channels that do not exist. */
  readonly mask: number;
}

export class RequantizerFactory {
  readonly #kernel: KernelExports;
  readonly #arena: Arena;
  readonly #plan: RequantizePlan;
  readonly #tables: readonly ({ readonly address: number; readonly form?: ShiftForm } | undefined)[];

  constructor(kernel: KernelExports, arena: Arena, plan: RequantizePlan) {
    this.#kernel = kernel;
    this.#arena = arena;
    this.#plan = plan;
    this.#tables = plan.tables.map((table) => {
      if (table === undefined) return undefined;
      const address = arena.allocate(table.length);
      arena.bytes(address, table.length).set(table);
      return { address, form: fitTable(table, plan.yMin) };
    });
  }

  /**
   * @param channels of the tensor
   * @param bound    largest |accumulator| of a channel
   */
  words(channels: number, outputs: number, bound: (channel: number) => number): WordRequantizer[] {
    return Array.from({ length: Math.ceil(channels / LANES) }, (_, word) => {
      const first = word * LANES;
      const present = Math.min(LANES, channels - first);
      const lanes = Array.from({ length: LANES }, (_, lane) => {
        const channel = first + Math.min(lane, present - 1);
        const record = this.#plan.multiplier.length === 1 ? 0 : channel;
        return {
          multiplier: this.#plan.multiplier[record],
          shiftA: this.#plan.shiftA[record],
          shiftB: this.#plan.shiftB[record],
          // An accumulator wraps at 32 bits, so nothing is larger.
          bound: Math.min(2 ** 31, bound(channel)),
        };
      });
      const mask = this.#arena.allocate(LANES);
      this.#arena.bytes(mask, LANES).fill(0).fill(0xff, 0, present);
      const biases = lanes.map((_, lane) => this.#bias(first + Math.min(lane, present - 1)));
      return {
        bias: this.#arena.placeInt32(biases),
        mask,
        stageA: this.#stageA(lanes),
        stageB: Array.from({ length: outputs }, (_, output) => this.#stageB(lanes, output, mask)),
      };
    });
  }

  #bias(channel: number): number {
    return this.#plan.bias[this.#plan.bias.length === 1 ? 0 : channel];
  }

  #stageA(lanes: readonly Lane[]): StageA {
    const kernel = this.#kernel;
    const { roundingA } = this.#plan;
    const shift = uniform(lanes.map(shiftOfPowerOfTwo));
    const largest = Math.max(...lanes.map((lane) => lane.bound));
    if (shift === 0) return () => undefined;
    if (shift !== undefined && shift <= LARGEST_SHIFT && largest + 2 ** (shift - 1) < 2 ** 31) {
      return (accumulators, pixels) => kernel.stageAShift(accumulators, pixels, shift, roundingA);
    }
    const multipliers = this.#arena.placeInt32(lanes.map((lane) => lane.multiplier));
    // A multiplier of 0 gives 0 under any shift.
    const shared = uniform(lanes.filter((lane) => lane.multiplier !== 0).map((lane) => lane.shiftA));
    const shrinks = lanes.every((lane) => Math.abs(lane.multiplier) < 2 ** (shared ?? 0));
    if (roundingA === roundingCodes["half-up"] && shared && shared <= 32 && shrinks) {
      return (accumulators, pixels) => kernel.stageAProduct(accumulators, pixels, multipliers, shared);
    }
    const scales = this.#doubles(lanes.map((lane) => lane.multiplier * 2 ** -lane.shiftA));
    const shifts = this.#arena.allocate(LANES);
    this.#arena.bytes(shifts, LANES).set(lanes.map((lane) => lane.shiftA));
    const limit = Math.min(...lanes.map(doubleLimit));
    return (accumulators, pixels) =>
      kernel.stageADouble(accumulators, pixels, scales, multipliers, shifts, limit, roundingA);
  }

  #stageB(lanes: readonly Lane[], output: number, mask: number): StageB {
    const kernel = this.#kernel;
    const { yMin, yMax, roundingB, zeroPoint, codeMin, codeMax } = this.#plan;
    const table = this.#tables[output];
    if (table) {
      const { address, form } = table;
      if (form) {
        const target = this.#arena.placeInt32([yMin, yMax, form.zeroPoint, form.min, form.max]);
        return this.#uniformStageB(target, mask, form.shift, form.rounding);
      }
      const range = this.#arena.placeInt32([yMin, yMax, 0, 0, 0]);
      return (values, pixels, offsets, target) =>
        kernel.stageBTable(values, pixels, offsets, target, range, mask, address);
    }
    const description = this.#arena.placeInt32([yMin, yMax, zeroPoint, codeMin, codeMax]);
    const shift = uniform(lanes.map((lane) => lane.shiftB));
    const largest = Math.max(...lanes.map((lane) => this.#largestY(lane)));
    if (shift !== undefined && shift <= LARGEST_SHIFT && largest + 2 ** Math.max(0, shift - 1) < 2 ** 31) {
      return this.#uniformStageB(description, mask, shift, roundingB);
    }
    const narrow = lanes.every(({ shiftB }) => shiftB >= 2);
    if (roundingB === roundingCodes["half-away"] && narrow && largest < 2 ** 31) {
      const factors = this.#arena.placeInt32(lanes.map((lane) => 2 ** (32 - lane.shiftB)));
      return (values, pixels, offsets, target) =>
        kernel.stageBProduct(values, pixels, offsets, target, description, mask, factors);
    }
    const scales = this.#doubles(lanes.map((lane) => 2 ** -lane.shiftB));
    return (values, pixels, offsets, target) =>
      kernel.stageBDouble(values, pixels, offsets, target, description, mask, scales, roundingB);
  }

  #uniformStageB(description: number, mask: number, shift: number, rounding: number): StageB {
    const kernel = this.#kernel;
    if (shift === 0) {
      return (values, pixels, offsets, target) =>
        kernel.stageBPlain(values, pixels, offsets, target, description, mask);
    }
    return (values, pixels, offsets, target) =>
      kernel.stageBShift(values, pixels, offsets, target, description, mask, shift, rounding);
  }

  /** Largest |y| after its saturation. */
  #largestY(lane: Lane): number {
    const reach = Math.ceil((lane.bound * Math.abs(lane.multiplier)) / 2 ** lane.shiftA) + 1;
    const { yMin, yMax } = this.#plan;
    const high = Math.max(yMin, Math.min(yMax, reach));
    const low = Math.min(yMax, Math.max(yMin, -reach));
    return Math.max(Math.abs(high), Math.abs(low));
  }

  #doubles(values: readonly number[]): number {
    const address = this.#arena.allocate(values.length * 8);
    const view = this.#arena.view(address, values.length * 8);
    values.forEach((value, index) => {
      view.setFloat64(index * 8, value, true);
    });
    return address;
  }
}

function uniform(values: readonly (number | undefined)[]): number | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

/** acc * 2^k / 2^shift as a shift alone. */
function shiftOfPowerOfTwo({ multiplier, shiftA }: Lane): number | undefined {
  const exponent = Math.log2(multiplier);
  return multiplier > 0 && Number.isInteger(exponent) && exponent <= shiftA ? shiftA - exponent : undefined;
}

/** Largest |accumulator| for which the product stays below 2^52 and y within 31 bits. */
function doubleLimit({ multiplier, shiftA }: Lane): number {
  if (multiplier === 0) return INT32_MAX;
  const factor = Math.abs(multiplier);
  return Math.min(
    INT32_MAX,
    Math.floor(2 ** 52 / factor),
    Math.floor(((2 ** 31 - 2) * 2 ** shiftA) / factor),
  );
}
