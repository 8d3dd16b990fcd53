/** Requantisation and clamps: everything that maps one value to one value. */
import type { ClampNode, GraphNode, RequantizeNode, Tensor } from "../graph/types.js";
import { applyStage, type StageParameters, stageParameters } from "./rounding.js";

/** Largest input range that is worth a table of results. */
const TABLE_RANGE = 4_096;
/** Operands below 2^30 leave room for the rounding term, itself below 2^30. */
const SAFE_PRODUCT = 2 ** 30;

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
      let value = input[index];
      if (value < min) value = min;
      else if (value > max) value = max;
      output[index] = value;
    }
  };
}

function isUniform({ stageA, stageB }: RequantizeNode): boolean {
  const arrays = [stageA.multiplier, stageA.shift, ...(stageB ? [stageB.multiplier, stageB.shift] : [])];
  return arrays.every(({ length }) => length === 1);
}

function requantizeByTable(node: RequantizeNode, input: Tensor): Elementwise {
  return lookUp(tabulate([node], input), input.min);
}

/** Whether one table over the input's range holds everything the node can give. */
export function isTabulable(node: GraphNode, input: Tensor): node is RequantizeNode | ClampNode {
  if (input.max - input.min >= TABLE_RANGE) return false;
  return node.kind === "clamp" || (node.kind === "requantize" && isUniform(node));
}

/** The result of a chain of nodes for every stored integer of its input. */
export function tabulate(chain: readonly (RequantizeNode | ClampNode)[], input: Tensor): Int32Array {
  return Int32Array.from({ length: input.max - input.min + 1 }, (_, index) =>
    chain.reduce(
      (value, node) =>
        node.kind === "clamp"
          ? Math.min(Math.max(value, node.min), node.max)
          : requantizeElement(value, 0, node),
      input.min + index,
    ),
  );
}

export function lookUp(table: Int32Array, base: number): Elementwise {
  return (from, to) => {
    for (let index = 0; index < from.length; index += 1) to[index] = table[from[index] - base];
  };
}

/** A QONNX Quant: one half-even stage whose product stays within 30 bits. */
function fitsInt32(node: RequantizeNode, input: Tensor): boolean {
  const { stageA, stageB, inputZeroPoint } = node;
  const largest = Math.max(Math.abs(input.min - inputZeroPoint), Math.abs(input.max - inputZeroPoint));
  return (
    stageB === undefined &&
    stageA.rounding === "half-even" &&
    stageA.shift[0] < 31 &&
    largest * Math.abs(stageA.multiplier[0]) < SAFE_PRODUCT
  );
}

function requantizeByShift(node: RequantizeNode): Elementwise {
  const { multiplier, shift, min: stageMin, max: stageMax } = stageParameters(node.stageA, 0);
  const { inputZeroPoint, zeroPoint, clamp } = node;
  const min = Math.min(Math.max(stageMin + zeroPoint, clamp.min), clamp.max) - zeroPoint;
  const max = Math.min(Math.max(stageMax + zeroPoint, clamp.min), clamp.max) - zeroPoint;
  // floor((p + half - 1 + lowest bit of the quotient) / 2^shift) is half-even without a branch: whether a value
  // rounds up is a coin toss, and mispredicted branches would cost more than everything else here.
  const almostHalf = shift === 0 ? 0 : 2 ** (shift - 1) - 1;
  const lowestBit = shift === 0 ? 0 : 1;
  return (from, to) => {
    // Loop constants as locals: read from the closure they would be fetched again for every element.
    const [factor, down, term, bit, low, high] = [multiplier, shift, almostHalf, lowestBit, min, max];
    const length = from.length;
    for (let index = 0; index < length; index += 1) {
      const product = Math.imul(from[index] - inputZeroPoint, factor);
      let rounded = (product + term + ((product >> down) & bit)) >> down;
      if (rounded < low) rounded = low;
      else if (rounded > high) rounded = high;
      to[index] = zeroPoint + rounded;
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
