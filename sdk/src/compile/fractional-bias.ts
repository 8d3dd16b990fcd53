/**
 * Biases on a finer grid than the products: the graph's accumulator is 2^k * (n + f) with n the engine's integer and
 * 0 <= f < 1 a fixed fraction per channel.
 *
 * Let D be the right shift that brings n to y. For D >= 1 the fraction decides ties only: n + f is never half way
 * between two steps unless f = 0, and n on a tie belongs to the step above. So channels with f = 0 round half-even and
 * the others half-up, in one layer that has one rounding mode. Half-even with the multiplier 2^t + 1 instead of 2^t
 * does that: it lifts a positive tie above the half, and nothing else across it while n < 2^t. All sums are made
 * positive by adding c * 2^D to every bias, c even so that ties keep their parity; y then comes out c larger, which
 * the clamp and the table absorb.
 */
import type { RoundingStage } from "../graph/types.js";
import type { Accumulator } from "./accumulate.js";
import { refuse } from "./consumers.js";
import type { TableRoot } from "./requantize-roots.js";
import { isUniform } from "./rounding.js";

const MAX_Y = 2 ** 15 - 1;

/** An equal layer without fractions; accumulator and root unchanged where there are none. */
export function absorbFractions(
  accumulator: Accumulator,
  root: TableRoot,
): { readonly accumulator: Accumulator; readonly root: TableRoot } {
  const { fractions, name, leftShift, bias, range } = accumulator;
  if (fractions === undefined) return { accumulator, root };
  const { stageA, domain } = root;
  const power = Math.log2(stageA.multiplier[0]);
  const shift = stageA.shift[0] - power - leftShift;
  const supported = isUniform(stageA) && Number.isInteger(power) && root.inputZeroPoint === 0 && shift >= 1;
  if (!supported || stageA.rounding === "half-away") refuseFraction(name);
  if (stageA.rounding === "half-up") {
    // n + f and n round alike: floor(n + f + half) with an integer half.
    return { accumulator: { ...accumulator, fractions: undefined }, root };
  }
  const unit = 2 ** shift;
  const lowest = Math.min(...range.map(({ min }) => min));
  const lift = 2 * Math.ceil(Math.max(0, -lowest) / (2 * unit));
  const highest = Math.max(...range.map(({ max }) => max)) + lift * unit;
  const bits = Math.ceil(Math.log2(highest + 1));
  if (bits > 30 || shift + bits > 62 || domain.max + lift > MAX_Y) refuseFraction(name);
  const lifted = (value: number) => value + lift * unit;
  const stage: RoundingStage = {
    multiplier: Int32Array.from(fractions, (fraction) => (fraction === 0 ? 1 : 2 ** bits + 1)),
    shift: Uint8Array.from(fractions, (fraction) => (fraction === 0 ? shift : shift + bits)),
    rounding: "half-even",
  };
  return {
    accumulator: {
      ...accumulator,
      fractions: undefined,
      leftShift: 0,
      bias: bias.map(lifted),
      range: range.map(({ min, max }) => ({ min: lifted(min), max: lifted(max) })),
    },
    root: { ...root, stageA: stage, domain: { min: domain.min + lift, max: domain.max + lift } },
  };
}

export function refuseFraction(name: string): never {
  return refuse("bias-grid", name, "The biases lie on a finer grid than the products of this layer.", {
    expected: "biases on the grid of input times weight",
    hint: "Round the biases to the scale of input times weight.",
  });
}
