/** One sweep of the coordinate descent of fit.ts over one axis of offsets. */
import { BIT, type ClassCosts } from "./class-costs.js";
import { offsetCode } from "./header.js";
import {
  type Axis,
  CHANGES,
  type FitLayer,
  MOST_SUMMED,
  type Offsets,
  RADIUS,
  type Strides,
  type WeightPasses,
} from "./weight-passes.js";

/** Bits an offset takes in the header at most. */
const WIDEST: Record<Axis, number> = { a: 5, b: 5, c: 3 };
/** Output offsets may lie this far outside the classes, the others this far from zero. */
export const BEYOND_CLASSES = 8;
const FARTHEST_SHARED = 16;

/** The last sweep also weighs how many bits each element takes in the header. */
export function improveAxis(
  layer: FitLayer,
  costs: ClassCosts,
  passes: WeightPasses,
  offsets: Offsets,
  axis: Axis,
  last: boolean,
): void {
  const values = offsets[axis];
  const strides = stridesOf(layer, axis);
  const sums = passes.sumsByChange(layer, costs, offsets, axis, strides);
  const old = values.slice();
  const lowest = axis === "a" ? -BEYOND_CLASSES : -FARTHEST_SHARED;
  const highest = axis === "a" ? costs.classes + BEYOND_CLASSES - 1 : FARTHEST_SHARED;
  for (let index = 0; index < values.length; index += 1) {
    values[index] = cheapest(sums, index, old[index], lowest, highest);
  }
  if (!last && rangeOf(values) < 1 << WIDEST[axis]) return;
  const window = cheapestWindow(sums, old, values, axis, scaleOf(layer, strides));
  const middle = middleOf(values);
  for (let index = 0; index < values.length; index += 1) {
    values[index] = window
      ? cheapest(sums, index, old[index], window.from, window.to)
      : nearMiddle(values[index], middle, axis);
  }
}

/** A sample of rows for an output channel, of output channels for the others; odd row strides meet every tap and channel. */
function stridesOf({ outputs, inputs, taps, rowInput, sample }: FitLayer, axis: Axis): Strides {
  const rows = rowInput.length;
  if (axis === "a") return { output: 1, row: rows > sample ? Math.floor(rows / sample) | 1 : 1 };
  const perElement = (outputs * rows) / (axis === "b" ? inputs : taps);
  const output = Math.min(Math.max(1, Math.floor(perElement / sample)), outputs);
  const met = perElement / output;
  return { output, row: met > MOST_SUMMED / 2 ? Math.ceil((2 * met) / MOST_SUMMED) | 1 : 1 };
}

/** How many values of the layer stand behind each that is read. */
function scaleOf({ outputs, rowInput }: FitLayer, strides: Strides): number {
  const rows = rowInput.length;
  return (outputs / Math.ceil(outputs / strides.output)) * (rows / Math.ceil(rows / strides.row));
}

function costOf(sums: Int32Array, index: number, old: number, target: number): number {
  const difference = target - old;
  return Math.abs(difference) > RADIUS
    ? Number.POSITIVE_INFINITY
    : sums[index * CHANGES + RADIUS + difference];
}

/** The cheapest offset from..to of an element; the nearest to its old one where none within RADIUS is. */
function cheapest(sums: Int32Array, index: number, old: number, from: number, to: number): number {
  let best = Math.min(Math.max(old, from), to);
  let least = costOf(sums, index, old, best);
  const high = Math.min(to, old + RADIUS);
  for (let target = Math.max(from, old - RADIUS); target <= high; target += 1) {
    const cost = sums[index * CHANGES + RADIUS + target - old];
    if (cost < least) {
      least = cost;
      best = target;
    }
  }
  return best;
}

/**
 * Narrow windows cost fewer bits of side information: the best window of the best width, where elements outside move to its
 * nearest border. `chosen` are the offsets without one. undefined when none can be reached.
 */
function cheapestWindow(
  sums: Int32Array,
  old: Int32Array,
  chosen: Int32Array,
  axis: Axis,
  scale: number,
): { from: number; to: number } | undefined {
  const count = chosen.length;
  const [lowest, highest] = extremes(chosen);
  const range = highest - lowest + 1;
  // moved[v * range + u]: what the elements that chose v cost at u, and how many of them cannot get there.
  const moved = new Float64Array(range * range);
  const reached = new Uint32Array(range * range);
  const members = new Uint32Array(range);
  for (let index = 0; index < count; index += 1) {
    const own = (chosen[index] - lowest) * range;
    members[chosen[index] - lowest] += 1;
    const first = Math.max(lowest, old[index] - RADIUS);
    const end = Math.min(highest, old[index] + RADIUS);
    const sum = index * CHANGES + RADIUS - old[index];
    for (let target = first; target <= end; target += 1) {
      moved[own + target - lowest] += sums[sum + target];
      reached[own + target - lowest] += 1;
    }
  }
  const costAt = (value: number, target: number): number => {
    const at = value * range + target;
    return reached[at] < members[value] ? Number.POSITIVE_INFINITY : moved[at];
  };
  let best = { cost: Number.POSITIVE_INFINITY, from: 0, to: 0 };
  for (let width = 0; width <= WIDEST[axis]; width += 1) {
    const bits = axis === "c" ? (width === 0 ? 0 : 3) : width;
    const size = 1 << (axis === "c" && width > 0 ? 3 : width);
    for (let from = 0; from <= Math.max(0, range - size); from += 1) {
      const to = from + size - 1;
      let cost = (bits * count * BIT) / scale;
      for (let value = 0; value < range && cost < best.cost; value += 1) {
        cost += costAt(value, Math.min(Math.max(value, from), to));
      }
      if (cost < best.cost) best = { cost, from: lowest + from, to: lowest + to };
    }
    if (size >= range) break;
  }
  return best.cost < Number.POSITIVE_INFINITY ? best : undefined;
}

function middleOf(values: Int32Array): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
}

/** An offset moved into the widest window there is around the middle. */
function nearMiddle(value: number, middle: number, axis: Axis): number {
  const half = (1 << WIDEST[axis]) >> 1;
  return Math.min(Math.max(value, middle - half), middle + half - 1);
}

/** Header bits of the offsets of one axis. */
export function sideBitsOf(values: Int32Array, axis: Axis): number {
  const [least, most] = extremes(values);
  if (least === most) return 0;
  return axis === "c" ? 3 * values.length : offsetCode(values.map((value) => value - least)).bits;
}

function rangeOf(values: Int32Array): number {
  const [least, most] = extremes(values);
  return most - least;
}

export function extremes(values: Int32Array): [least: number, most: number] {
  let least = values[0];
  let most = values[0];
  for (let index = 1; index < values.length; index += 1) {
    const value = values[index];
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}
