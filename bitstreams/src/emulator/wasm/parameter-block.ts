/** Writes requantisation parameters where the kernel's requantize.ts reads them: the offsets below are its offsets. */
import type { RequantizePlan } from "../requantize-plan.js";
import type { Arena } from "./arena.js";
import { fitTable } from "./table-fit.js";

export const CHANNELS_PER_BLOCK = 8;
/** Behind the parameters: the bias of the 8 channels, where convolve and poolSum start. */
export const BLOCK_BIAS = 256;
export const BLOCK_BYTES = 288;

const block = {
  scaleA: 0,
  scaleB: [64, 128],
  multiplier: 192,
  shiftA: 224,
  shiftB: 232,
  limit: 240,
  mask: 248,
};
const DESCRIPTOR_BYTES = 64;
const NO_STAGE_B = 3;
const LOOK_UP = 4;
const INT32_MAX = 2 ** 31 - 1;

export interface ParameterBlocks {
  /** One block of BLOCK_BYTES per 8 channels. */
  readonly address: number;
  /** One descriptor per output. */
  readonly descriptors: readonly number[];
}

interface OutputForm {
  readonly kind: number;
  readonly clampY: boolean;
  readonly zeroPoint: number;
  readonly min: number;
  readonly max: number;
  /** 2^-shift of stage B for a channel. */
  readonly scaleB: (channel: number) => number;
}

export function placeParameters(
  plan: RequantizePlan,
  channels: number,
  outputs: number,
  arena: Arena,
): ParameterBlocks {
  const forms = Array.from({ length: outputs }, (_, output) => outputForm(plan, output));
  const blocks = Math.ceil(channels / CHANNELS_PER_BLOCK);
  const address = arena.allocate(blocks * BLOCK_BYTES);
  arena.bytes(address, blocks * BLOCK_BYTES).fill(0);
  for (let index = 0; index < blocks; index += 1) {
    writeBlock(arena.view(address + index * BLOCK_BYTES, BLOCK_BYTES), plan, channels, index, forms);
  }
  const descriptors = forms.map((form, output) => placeDescriptor(plan, form, output, arena));
  return { address, descriptors };
}

function writeBlock(
  view: DataView,
  plan: RequantizePlan,
  channels: number,
  index: number,
  forms: readonly OutputForm[],
): void {
  let limit = INT32_MAX;
  for (let lane = 0; lane < CHANNELS_PER_BLOCK; lane += 1) {
    const channel = index * CHANNELS_PER_BLOCK + lane;
    if (channel >= channels) continue;
    const record = plan.multiplier.length === 1 ? 0 : channel;
    const multiplier = plan.multiplier[record];
    const shiftA = plan.shiftA[record];
    view.setFloat64(block.scaleA + lane * 8, multiplier * 2 ** -shiftA, true);
    forms.forEach((form, output) => {
      view.setFloat64(block.scaleB[output] + lane * 8, form.scaleB(record), true);
    });
    view.setInt32(block.multiplier + lane * 4, multiplier, true);
    view.setUint8(block.shiftA + lane, shiftA);
    view.setUint8(block.shiftB + lane, plan.shiftB[record]);
    view.setUint8(block.mask + lane, 0xff);
    view.setInt32(BLOCK_BIAS + lane * 4, plan.bias[record], true);
    limit = Math.min(limit, exactLimit(Math.abs(multiplier), shiftA));
  }
  view.setInt32(block.limit, limit, true);
}

/** Largest |accumulator| for which the product stays below 2^52 and y within 31 bits. */
function exactLimit(multiplier: number, shift: number): number {
  if (multiplier === 0) return INT32_MAX;
  return Math.min(
    INT32_MAX,
    Math.floor(2 ** 52 / multiplier),
    Math.floor(((2 ** 31 - 2) * 2 ** shift) / multiplier),
  );
}

function outputForm(plan: RequantizePlan, output: number): OutputForm {
  const table = plan.tables[output];
  const clampY = plan.yMax < INT32_MAX;
  if (table === undefined) {
    const shifted = plan.shiftB.some((shift) => shift !== 0);
    return {
      kind: shifted ? plan.roundingB : NO_STAGE_B,
      clampY,
      zeroPoint: plan.zeroPoint,
      min: plan.codeMin,
      max: plan.codeMax,
      scaleB: (record) => 2 ** -plan.shiftB[record],
    };
  }
  const form = fitTable(table, plan.yMin);
  if (form === undefined) return { kind: LOOK_UP, clampY, zeroPoint: 0, min: 0, max: 0, scaleB: () => 1 };
  const { zeroPoint, min, max } = form;
  const kind = form.shift === 0 ? NO_STAGE_B : form.rounding;
  return { kind, clampY, zeroPoint, min, max, scaleB: () => 2 ** -form.shift };
}

function placeDescriptor(plan: RequantizePlan, form: OutputForm, output: number, arena: Arena): number {
  const table = plan.tables[output];
  let tableAddress = 0;
  if (table !== undefined) {
    tableAddress = arena.allocate(table.length);
    arena.bytes(tableAddress, table.length).set(table);
  }
  const address = arena.allocate(DESCRIPTOR_BYTES);
  arena.int32(address, 15).set([
    plan.roundingA,
    form.kind,
    form.clampY ? 1 : 0,
    plan.yMin,
    plan.yMax,
    form.zeroPoint,
    form.min,
    form.max,
    block.scaleB[output],
    tableAddress,
    // The 64-bit path always follows the command, whatever form the fast path has found.
    tableAddress,
    plan.roundingB,
    plan.zeroPoint,
    plan.codeMin,
    plan.codeMax,
  ]);
  return address;
}
