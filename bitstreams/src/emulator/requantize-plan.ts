/** The requantisation of one command, read from the image and checked: see sdk/src/overlay/program.ts. */
import {
  CHANNEL_PARAMETER_BYTES,
  type ComputeCommand,
  isEngineScale,
  roundingCodes,
  unpackChannelParameters,
} from "@sluice/sdk/overlay";
import { requireCommand } from "./fault.js";
import type { ImageReader } from "./image-reader.js";

const TABLE_BYTES = 512;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const LARGEST_SHIFT_A = 62;
const LARGEST_SHIFT_B = 31;

/** One entry per channel; POOL and ADD have one entry for all channels. */
export interface RequantizePlan {
  readonly bias: Int32Array;
  readonly multiplier: Int32Array;
  readonly shiftA: Uint8Array;
  readonly shiftB: Uint8Array;
  /** roundingCodes */
  readonly roundingA: number;
  readonly roundingB: number;
  /** Saturation of y: the command's, or that of int32. */
  readonly yMin: number;
  readonly yMax: number;
  readonly zeroPoint: number;
  readonly codeMin: number;
  readonly codeMax: number;
  /** Per output: indexed by y - yMin, or undefined for stage B. */
  readonly tables: readonly [Int8Array | undefined, Int8Array | undefined];
}

/** Reads `channels` parameter records and the tables. @throws {OverlayFault} BAD_COMMAND, MEMORY */
export function readRequantizePlan(
  command: ComputeCommand,
  channels: number,
  image: ImageReader,
): RequantizePlan {
  const largestRounding = roundingCodes["half-away"];
  requireCommand(command.roundingA <= largestRounding, "stage A has an unknown rounding");
  requireCommand(command.roundingB <= largestRounding, "stage B has an unknown rounding");
  requireCommand(command.outputMin <= command.outputMax, "outputMin is above outputMax");
  requireCommand(command.parametersOffset % 16 === 0, "the parameters are not aligned");
  requireCommand(command.tablesOffset % 16 === 0, "the output tables are not aligned");
  const clamped = command.clampEnable === 1;
  requireCommand(!clamped || command.clampMin <= command.clampMax, "clampMin is above clampMax");
  const enables = [command.tableEnable0, command.tableEnable1 & command.output1Enable];
  const [table0, table1] = enables.map((enable, output) => {
    if (enable === 0) return undefined;
    requireCommand(clamped, "a table needs clampEnable");
    requireCommand(
      command.clampMax - command.clampMin < TABLE_BYTES,
      "a table needs at most 512 values of y",
    );
    const entries = command.clampMax - command.clampMin + 1;
    const bytes = image.read(command.tablesOffset + output * TABLE_BYTES, entries);
    return Int8Array.from(bytes, (byte) => (byte << 24) >> 24);
  });
  const records = unpackChannelParameters(
    image.read(command.parametersOffset, channels * CHANNEL_PARAMETER_BYTES),
    channels,
  );
  for (const { multiplier, shiftA, shiftB } of records) {
    requireCommand(shiftA <= LARGEST_SHIFT_A && shiftB <= LARGEST_SHIFT_B, "a shift is too large");
    requireCommand(isEngineScale(multiplier, shiftA), "a scale is too large");
  }
  return {
    bias: Int32Array.from(records, (record) => record.bias),
    multiplier: Int32Array.from(records, (record) => record.multiplier),
    shiftA: Uint8Array.from(records, (record) => record.shiftA),
    shiftB: Uint8Array.from(records, (record) => record.shiftB),
    roundingA: command.roundingA,
    roundingB: command.roundingB,
    yMin: clamped ? command.clampMin : INT32_MIN,
    yMax: clamped ? command.clampMax : INT32_MAX,
    zeroPoint: command.outputZeroPoint,
    codeMin: command.outputMin,
    codeMax: command.outputMax,
    tables: [table0, table1],
  };
}
