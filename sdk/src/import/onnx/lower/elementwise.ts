/** Relu, Clip and Add. */
import type { AddendScale, RoundingStage } from "../../../graph/types.js";
import { numberAttribute } from "../attributes.js";
import { nodeError, type OnnxNode } from "../model.js";
import { type Lowering, requireSourceOrder, singleExponent, type Value } from "./lowering.js";

const MAX_LEFT_SHIFT = 30;

const identity: RoundingStage = {
  multiplier: Int32Array.of(1),
  shift: Uint8Array.of(0),
  rounding: "half-even",
};

export function lowerRelu(lowering: Lowering, node: OnnxNode): void {
  clampTo(lowering, node, 0, Infinity);
}

export function lowerClip(lowering: Lowering, node: OnnxNode): void {
  const bound = (index: number, name: string, fallback: number) => {
    const input = node.inputs[index] ?? "";
    if (input === "") return numberAttribute(node, name, fallback);
    const constant = lowering.model.constants.get(input);
    if (constant?.values.length === 1) return constant.values[0];
    throw nodeError(node, "not-constant", `The ${name} of a Clip is not a constant number.`, {
      found: input,
    });
  };
  clampTo(lowering, node, bound(1, "min", -Infinity), bound(2, "max", Infinity));
}

export function lowerAdd(lowering: Lowering, node: OnnxNode): void {
  const sides = [lowering.input(node, 0), lowering.input(node, 1)];
  const exponents = sides.map((side) => singleExponent(node, side));
  const finest = Math.min(...exponents);
  const [a, b] = sides.map((side, index): AddendScale => {
    const leftShift = exponents[index] - finest;
    if (leftShift > MAX_LEFT_SHIFT) {
      throw nodeError(node, "scale-out-of-range", "The scales of an addition lie too far apart.", {
        expected: `a factor of at most 2^${MAX_LEFT_SHIFT}`,
        found: `2^${leftShift}`,
      });
    }
    return { zeroPoint: lowering.tensor(side).zeroPoint, leftShift, stageA: identity };
  });
  const [first, second] = sides;
  if (first.flattened?.join() !== second.flattened?.join()) {
    requireSourceOrder(node, first);
    requireSourceOrder(node, second);
  }
  lowering.emit(node, { kind: "add", scales: [a, b] }, sides, {
    shape: lowering.tensor(first).shape,
    exponents: Int32Array.of(finest),
    zeroPoint: 0,
    rank: first.rank,
    flattened: first.flattened,
  });
}

/** Bounds are real numbers and must lie on the value's grid. */
function clampTo(lowering: Lowering, node: OnnxNode, low: number, high: number): void {
  const input = lowering.input(node);
  const { shape, zeroPoint, min, max } = lowering.tensor(input);
  lowering.emit(
    node,
    {
      kind: "clamp",
      min: low === -Infinity ? min : stored(node, input, low, zeroPoint),
      max:
        high === Infinity
          ? Math.max(max, low === -Infinity ? max : zeroPoint)
          : stored(node, input, high, zeroPoint),
    },
    [input],
    { shape, exponents: input.exponents, zeroPoint, rank: input.rank, flattened: input.flattened },
  );
}

function stored(node: OnnxNode, input: Value, bound: number, zeroPoint: number): number {
  // Zero lies on every grid, so ReLU needs no common scale.
  const steps = bound === 0 ? 0 : bound / 2 ** singleExponent(node, input);
  if (Number.isInteger(steps) && Math.abs(steps) < 2 ** 31) return steps + zeroPoint;
  throw nodeError(node, "bound-off-grid", "A bound of this node does not lie on the grid of its input.", {
    expected: `a multiple of ${2 ** input.exponents[0]}`,
    found: String(bound),
    hint: "Put a Quant before this node whose grid contains the bound.",
  });
}
