/**
 * Chooses, for one layer and given class costs, the offsets A[o], B[i] and C[tap] whose clipped sum is the class of each
 * weight: coordinate descent on exact costs, side information included.
 */
import { BIT, type ClassCosts, UNCODABLE } from "./class-costs.js";
import { BEYOND_CLASSES, extremes, improveAxis, sideBitsOf } from "./fit-axis.js";
import { type Axis, type FitLayer, type Offsets, sharedOffsets, type WeightPasses } from "./weight-passes.js";

export interface Fit extends Offsets {
  /** Estimated cost of the weights, in 1/BIT bits; scaled up where only a sample was read. */
  readonly cost: number;
  readonly sideBits: number;
}

const SCRATCH_ROUNDS = 2;
/** Values by which the cost of a fit is estimated, and output channels at least. */
const COST_SAMPLE = 262_144;
const COST_OUTPUTS = 32;

export function totalBits(fit: Fit): number {
  return fit.cost / BIT + fit.sideBits;
}

/** Fits from scratch: both ways, output channels alone and all three offsets. */
export function fitLayer(layer: FitLayer, costs: ClassCosts, passes: WeightPasses): Fit {
  const none = { b: new Int32Array(layer.inputs), c: new Int32Array(layer.taps) };
  const alone = withOutputs(layer, costs, passes, none, [0, costs.classes - 1]);
  const plain = measured(layer, costs, passes, refine(layer, costs, passes, copy(alone), ["a"], 1));
  if (layer.inputs === 1 && layer.taps === 1) return plain;
  const refined = refine(layer, costs, passes, alone, ["b", "c", "a"], SCRATCH_ROUNDS);
  const full = measured(layer, costs, passes, refined);
  return totalBits(full) < totalBits(plain) ? full : plain;
}

/** Improves an earlier fit, of the same layer or of a sample of its output channels, under new costs. */
export function refitLayer(
  layer: FitLayer,
  costs: ClassCosts,
  passes: WeightPasses,
  earlier: Offsets,
): Offsets {
  const offsets =
    earlier.a.length === layer.outputs
      ? copy(earlier)
      : withOutputs(layer, costs, passes, copy(earlier), around(earlier.a, costs));
  return refine(layer, costs, passes, offsets, isFlat(earlier) ? ["a"] : ["b", "c", "a"], 1);
}

/**
 * As refitLayer, for a whole layer that an earlier fit of a sample left without offsets of inputs and taps: a sample has too
 * few weights of each to say that they do not pay.
 */
export function refitWhole(
  layer: FitLayer,
  costs: ClassCosts,
  passes: WeightPasses,
  earlier: Offsets,
): Offsets {
  const refitted = refitLayer(layer, costs, passes, earlier);
  if (!isFlat(earlier) || (layer.inputs === 1 && layer.taps === 1)) return refitted;
  const full = refine(layer, costs, passes, copy(refitted), ["b", "c", "a"], SCRATCH_ROUNDS);
  const [one, other] = [refitted, full].map((offsets) => measured(layer, costs, passes, offsets));
  return totalBits(other) < totalBits(one) ? full : refitted;
}

function isFlat({ b, c }: Offsets): boolean {
  return !b.some((value) => value !== 0) && !c.some((value) => value !== 0);
}

/** Offsets with what they cost: all values, or a sample of output channels of a large layer scaled up. */
export function measured(layer: FitLayer, costs: ClassCosts, passes: WeightPasses, offsets: Offsets): Fit {
  const { outputs, rowInput } = layer;
  const most = Math.floor((outputs * rowInput.length) / COST_SAMPLE);
  const stride = Math.max(1, Math.min(most, Math.ceil(outputs / COST_OUTPUTS)));
  const own = passes.outputCosts(layer, costs, offsets.a, sharedOffsets(layer, offsets), stride);
  // An output that cannot be coded so may yet move; it must not hide what the others cost.
  const uncodable = rowInput.length * 8 * BIT + UNCODABLE;
  const sum = own.reduce((all, value) => all + Math.min(value, uncodable), 0);
  const cost = (sum * outputs) / own.length;
  return { ...offsets, cost, sideBits: offsetBits(offsets) };
}

/** Header bits of all offsets. */
export function offsetBits({ a, b, c }: Offsets): number {
  return sideBitsOf(a, "a") + sideBitsOf(b, "b") + sideBitsOf(c, "c");
}

/** Where a layer's output offsets will lie, if those of an earlier fit are any guide. */
function around(a: Int32Array, costs: ClassCosts): [number, number] {
  const [least, most] = extremes(a);
  return [Math.max(-BEYOND_CLASSES, least - 1), Math.min(costs.classes + BEYOND_CLASSES - 1, most + 1)];
}

function copy({ a, b, c }: Offsets): Offsets {
  return { a: a.slice(), b: b.slice(), c: c.slice() };
}

/** Each output channel's cheapest offset within a range, given the others. */
function withOutputs(
  layer: FitLayer,
  costs: ClassCosts,
  passes: WeightPasses,
  { b, c }: Pick<Offsets, "b" | "c">,
  [lowest, highest]: readonly [number, number],
): Offsets {
  const { outputs, rowInput, sample } = layer;
  const rows = rowInput.length;
  const stride = rows > sample ? Math.floor(rows / sample) | 1 : 1;
  const width = highest - lowest + 1;
  const shared = sharedOffsets(layer, { b, c });
  const sums = passes.sumsByOffset(layer, costs, shared, lowest, width, stride);
  const a = new Int32Array(outputs);
  for (let output = 0; output < outputs; output += 1) {
    const first = output * width;
    let best = 0;
    for (let index = 1; index < width; index += 1) if (sums[first + index] < sums[first + best]) best = index;
    a[output] = best + lowest;
  }
  return { a, b, c };
}

/** Changes `offsets`. */
function refine(
  layer: FitLayer,
  costs: ClassCosts,
  passes: WeightPasses,
  offsets: Offsets,
  axes: readonly Axis[],
  rounds: number,
): Offsets {
  const sizes: Record<Axis, number> = { a: layer.outputs, b: layer.inputs, c: layer.taps };
  const used = axes.filter((axis) => axis === "a" || sizes[axis] > 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const axis of used) improveAxis(layer, costs, passes, offsets, axis, round === rounds - 1);
  }
  return offsets;
}
