/** The bias of a Conv or Gemm, put on the accumulator's grid. */
import { accumulatorRange } from "../../../graph/range.js";
import type { ConvolutionNode, Tensor } from "../../../graph/types.js";
import { nodeError, type OnnxModel, type OnnxNode } from "../model.js";
import { roundHalfEven } from "../quant-parameters.js";

export interface AlignedBias {
  readonly bias: Int32Array;
  /** How much finer the accumulator's grid must be than that of the products. */
  readonly accumulatorShift: number;
}

type Layer = Pick<ConvolutionNode, "weights" | "weightZeroPoint" | "padding">;

const INT32_MAX = 2 ** 31 - 1;
const MAX_ACCUMULATOR_SHIFT = 31;

/**
 * Real bias values are exact doubles (an integer times a power of two). The accumulator's grid is made as fine as they
 * need; an unquantised bias that would need more than 32 bits is rounded to the finest grid that fits, and noted.
 */
export function alignBias(
  model: OnnxModel,
  node: OnnxNode,
  input: Tensor,
  layer: Layer,
  outputs: number,
  productExponents: Int32Array,
): AlignedBias {
  const { values, quantized } = realBias(model, node, outputs);
  const grid = (output: number) => 2 ** productExponents[productExponents.length === 1 ? 0 : output];
  let accumulatorShift = 0;
  values.forEach((value, output) => {
    accumulatorShift = Math.max(accumulatorShift, fractionBits(value / grid(output)));
  });
  const onGrid = (shift: number) => values.map((value, output) => (value / grid(output)) * 2 ** shift);
  if (fits(input, layer, onGrid(accumulatorShift), accumulatorShift)) {
    return { bias: Int32Array.from(onGrid(accumulatorShift)), accumulatorShift };
  }
  if (quantized) {
    throw nodeError(node, "accumulator-overflow", "Accumulators of this layer could leave 32 bits.", {
      expected: "sums and bias within 32 bits on a common grid",
      found: `a bias grid ${accumulatorShift} bits finer than the products`,
      hint: "Quantise the bias to the grid of the products (input scale x weight scale).",
    });
  }
  let shift = Math.min(accumulatorShift, MAX_ACCUMULATOR_SHIFT);
  while (shift > 0 && !fits(input, layer, onGrid(shift).map(roundHalfEven), shift)) shift -= 1;
  const rounded = onGrid(shift).map(roundHalfEven);
  if (!fits(input, layer, rounded, shift)) {
    throw nodeError(node, "accumulator-overflow", "Accumulators of this layer could leave 32 bits.", {
      hint: "Use fewer bits for the weights or the inputs of this layer.",
    });
  }
  const error = Math.max(...onGrid(shift).map((value, output) => Math.abs(value - rounded[output])));
  model.notes.push(
    `The bias of "${node.name}" is not quantised; it is rounded to steps of 2^-${shift} products (largest change ${error.toPrecision(3)} steps).`,
  );
  return { bias: Int32Array.from(rounded), accumulatorShift: shift };
}

function realBias(
  model: OnnxModel,
  node: OnnxNode,
  outputs: number,
): { values: number[]; quantized: boolean } {
  const name = node.inputs[2] ?? "";
  if (name === "") return { values: new Array<number>(outputs).fill(0), quantized: true };
  const onGrid = model.quantized.get(name);
  const constant = model.constants.get(name);
  const count = onGrid?.integers.length ?? constant?.values.length;
  if (count === undefined) {
    throw nodeError(node, "bias-not-constant", "The bias of this layer is not a constant.", { found: name });
  }
  if (count !== outputs && count !== 1) {
    throw nodeError(node, "bad-bias", "The bias has the wrong number of values.", {
      expected: `${outputs}`,
      found: `${count}`,
    });
  }
  const at = (index: number) => {
    if (onGrid) {
      const exponent = onGrid.exponents[onGrid.exponents.length === 1 ? 0 : index];
      return (onGrid.integers[index] - onGrid.zeroPoint) * 2 ** exponent;
    }
    return (constant as NonNullable<typeof constant>).values[index];
  };
  const values = Array.from({ length: outputs }, (_, index) => at(count === 1 ? 0 : index));
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad !== undefined)
    throw nodeError(node, "bad-bias", "The bias is not a number.", { found: String(bad) });
  return { values, quantized: onGrid !== undefined };
}

/** Binary digits behind the point; at most a little over the mantissa's for values that matter. */
function fractionBits(value: number): number {
  let bits = 0;
  let scaled = value;
  while (!Number.isInteger(scaled) && bits < 1100) {
    scaled *= 2;
    bits += 1;
  }
  return bits;
}

function fits(input: Tensor, layer: Layer, bias: readonly number[], shift: number): boolean {
  if (shift > MAX_ACCUMULATOR_SHIFT || bias.some((value) => Math.abs(value) > INT32_MAX)) return false;
  const node = { ...layer, bias: Int32Array.from(bias), accumulatorShift: shift };
  const { min, max } = accumulatorRange(input, node);
  return min >= -INT32_MAX - 1 && max <= INT32_MAX;
}
