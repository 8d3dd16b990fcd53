/** Requantisation and clamps: everything that maps one value to one value. */
import type { ClampNode, RequantizeNode, Tensor } from "../graph/types.js";
import { applyStage, type StageParameters, stageParameters } from "./rounding.js";

/** Largest input range that is worth a table of results. */
const TABLE_RANGE = 4_096;
const INT32_BITS = 2 ** 31;

export type Elementwise = (input: Int32Array, output: Int32Array) => void;

/** What one channel of a requantisation does, in the words of the Graph. */
interface Channel {
  readonly a: StageParameters;
  readonly b: StageParameters | undefined;
}

/** One element, as documented in graph/types.ts. */
export function requantizeElement(x: number, channel: number, node: RequantizeNode): number {
  const a = applyStage(x - node.inputZeroPoint, stageParameters(node.stageA, channel));
  const y = node.stageB ? applyStage(a, stageParameters(node.stageB, channel)) : a;
  return Math.min(Math.max(node.zeroPoint + y, node.clamp.min), node.clamp.max);
}

/** Chooses the fastest exact way for this node: a table, 32-bit shifts, or the general stages. */
export function prepareRequantize(node: RequantizeNode, input: Tensor, output: Tensor): Elementwise {
  const uniform = isUniform(node);
  if (uniform && input.max - input.min < TABLE_RANGE) return requantizeByTable(node, input);
  if (uniform && fitsInt32(node, input)) return requantizeByShift(node);
  return requantizeByStages(node, output.shape[2]);
}

export function prepareClamp(node: ClampNode): Elementwise {
  const { min, max } = node;
  return (input, output) => {
    for (let index = 0; index < input.length; index += 1) {
      const x = input[index];
      output[index] = Math.min(Math.max(x, min), max);
    }
  };
}

function isUniform({ stageA, stageB }: RequantizeNode): boolean {
  const arrays = [stageA.multiplier, stageA.shift, ...(stageB ? [stageB.multiplier, stageB.shift] : [])];
  return arrays.every(({ length }) => length === 1);
}

function requantizeByTable(node: RequantizeNode, input: Tensor): Elementwise {
  const base = input.min;
  const table = Int32Array.from({ length: input.max - base + 1 }, (_, index) =>
    requantizeElement(base + index, 0, node),
  );
  return (from, to) => {
    for (let index = 0; index < from.length; index += 1) to[index] = table[from[index] - base];
  };
}

/** A QONNX Quant: one half-even stage whose product stays within 31 bits. */
function fitsInt32(node: RequantizeNode, input: Tensor): boolean {
  const { stageA, stageB, inputZeroPoint } = node;
  const largest = Math.max(Math.abs(input.min - inputZeroPoint), Math.abs(input.max - inputZeroPoint));
  return (
    stageB === undefined &&
    stageA.rounding === "half-even" &&
    stageA.shift[0] < 31 &&
    largest * Math.abs(stageA.multiplier[0]) < INT32_BITS
  );
}

function requantizeByShift(node: RequantizeNode): Elementwise {
  const { multiplier, shift, min: stageMin, max: stageMax } = stageParameters(node.stageA, 0);
  const { inputZeroPoint, zeroPoint, clamp } = node;
  const min = Math.min(Math.max(stageMin + zeroPoint, clamp.min), clamp.max) - zeroPoint;
  const max = Math.min(Math.max(stageMax + zeroPoint, clamp.min), clamp.max) - zeroPoint;
  const mask = 2 ** shift - 1;
  const half = shift === 0 ? 1 : 2 ** (shift - 1);
  return (from, to) => {
    for (let index = 0; index < from.length; index += 1) {
      const product = Math.imul(from[index] - inputZeroPoint, multiplier);
      let rounded = product >> shift;
      const remainder = product & mask;
      if (remainder > half || (remainder === half && (rounded & 1) === 1)) rounded += 1;
      to[index] = zeroPoint + Math.min(Math.max(rounded, min), max);
    }
  };
}

function requantizeByStages(node: RequantizeNode, channels: number): Elementwise {
  const perChannel: Channel[] = Array.from({ length: channels }, (_, channel) => ({
    a: stageParameters(node.stageA, channel),
    b: node.stageB && stageParameters(node.stageB, channel),
  }));
  const { inputZeroPoint, zeroPoint } = node;
  const { min, max } = node.clamp;
  return (from, to) => {
    for (let channel = 0; channel < channels; channel += 1) {
      const { a, b } = perChannel[channel];
      for (let index = channel; index < from.length; index += channels) {
        const first = applyStage(from[index] - inputZeroPoint, a);
        const value = zeroPoint + (b === undefined ? first : applyStage(first, b));
        to[index] = Math.min(Math.max(value, min), max);
      }
    }
  };
}
