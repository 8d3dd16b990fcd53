/**
 * Chooses, for one layer and given class costs, the offsets A[o], B[i] and C[tap] whose clipped sum is the class of each
 * weight: coordinate descent on exact costs, side information included.
 */
import { BIT, type ClassCosts, PADDING, UNCODABLE } from "./class-costs.js";

/** A layer as the fitting sees it: byte values, one per weight or per pair, [output][row]. */
export interface FitLayer {
  readonly outputs: number;
  readonly inputs: number;
  readonly taps: number;
  readonly values: Uint8Array;
  /** Input channel and tap of each row. */
  readonly rowInput: Uint16Array;
  readonly rowTap: Uint16Array;
  /** Values an element of an axis is judged by at most. */
  readonly sample: number;
}

export interface Offsets {
  /** Absolute: the base is in `a`. */
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly c: Int32Array;
}

export interface Fit extends Offsets {
  /** Estimated cost of the weights, in 1/BIT bits; scaled up where only a sample was read. */
  readonly cost: number;
  readonly sideBits: number;
}

type Axis = "a" | "b" | "c";

const RADIUS = 3;
const WIDEST: Record<Axis, number> = { a: 5, b: 5, c: 3 };
const SCRATCH_ROUNDS = 2;
/** Output offsets begin this far below the first class. */
const LOWEST_A = 8;

export function totalBits(fit: Fit): number {
  return fit.cost / BIT + fit.sideBits;
}

/** Fits from scratch: both ways, output channels alone and all three offsets. */
export function fitLayer(layer: FitLayer, costs: ClassCosts): Fit {
  const none = { b: new Int32Array(layer.inputs), c: new Int32Array(layer.taps) };
  const alone = withOutputs(layer, costs, none, [0, costs.classes - 1]);
  const plain = refine(layer, costs, copy(alone), ["a"], 1);
  if (layer.inputs === 1 && layer.taps === 1) return plain;
  const full = refine(layer, costs, alone, ["b", "c", "a"], SCRATCH_ROUNDS);
  return totalBits(full) < totalBits(plain) ? full : plain;
}

/** Improves an earlier fit, of the same layer or of a sample of its output channels, under new costs. */
export function refitLayer(layer: FitLayer, costs: ClassCosts, earlier: Offsets): Fit {
  const offsets =
    earlier.a.length === layer.outputs
      ? copy(earlier)
      : withOutputs(layer, costs, copy(earlier), around(earlier.a, costs));
  const flat = !earlier.b.some((value) => value !== 0) && !earlier.c.some((value) => value !== 0);
  return refine(layer, costs, offsets, flat ? ["a"] : ["b", "c", "a"], 1);
}

/** Where a layer's output offsets will lie, if those of an earlier fit are any guide. */
function around(a: Int32Array, costs: ClassCosts): [number, number] {
  const [least, most] = extremes(a);
  return [Math.max(-LOWEST_A, least - 1), Math.min(costs.classes + LOWEST_A - 1, most + 1)];
}

function copy({ a, b, c }: Offsets): Offsets {
  return { a: a.slice(), b: b.slice(), c: c.slice() };
}

/** Each output channel's cheapest offset within a range, given the others. */
function withOutputs(
  layer: FitLayer,
  costs: ClassCosts,
  { b, c }: Pick<Offsets, "b" | "c">,
  [lowest, highest]: readonly [number, number],
): Offsets {
  const { outputs, values, sample } = layer;
  const rows = layer.rowInput.length;
  const { span, byValue } = costs;
  const stride = rows > sample ? Math.floor(rows / sample) | 1 : 1;
  const width = highest - lowest + 1;
  const sums = new Float64Array(width);
  const a = new Int32Array(outputs);
  const shared = sharedOffsets(layer, { b, c });
  const [least, most] = extremes(shared);
  // Values under the same sum of other offsets are counted first, and priced once.
  const counts = new Uint16Array(256);
  for (let output = 0; output < outputs; output += 1) {
    sums.fill(0);
    const start = output * rows;
    if (least === most) {
      counts.fill(0);
      for (let row = 0; row < rows; row += stride) counts[values[start + row]] += 1;
      for (let value = 0; value < 256; value += 1) {
        const count = counts[value];
        if (count === 0) continue;
        const price = value * span + PADDING + lowest + least;
        for (let index = 0; index < width; index += 1) sums[index] += count * byValue[price + index];
      }
    } else {
      for (let row = 0; row < rows; row += stride) {
        const price = values[start + row] * span + PADDING + lowest + shared[row];
        for (let index = 0; index < width; index += 1) sums[index] += byValue[price + index];
      }
    }
    let best = 0;
    for (let index = 1; index < width; index += 1) if (sums[index] < sums[best]) best = index;
    a[output] = best + lowest;
  }
  return { a, b, c };
}

function refine(
  layer: FitLayer,
  costs: ClassCosts,
  offsets: Offsets,
  axes: readonly Axis[],
  rounds: number,
): Fit {
  const sizes: Record<Axis, number> = { a: layer.outputs, b: layer.inputs, c: layer.taps };
  const used = axes.filter((axis) => axis === "a" || sizes[axis] > 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const axis of used) improve(layer, costs, offsets, axis, round === rounds - 1);
  }
  let sideBits = 0;
  for (const axis of ["a", "b", "c"] as const) sideBits += sideBitsOf(offsets[axis], axis);
  return { ...offsets, cost: layerCost(layer, costs, offsets), sideBits };
}

function sideBitsOf(values: Int32Array, axis: Axis): number {
  const range = rangeOf(values);
  if (range === 0) return 0;
  return axis === "c" ? 3 * values.length : (32 - Math.clz32(range)) * values.length;
}

function rangeOf(values: Int32Array): number {
  const [least, most] = extremes(values);
  return most - least;
}

/** One sweep over one axis; the last sweep also weighs how many bits each element takes in the header. */
function improve(layer: FitLayer, costs: ClassCosts, offsets: Offsets, axis: Axis, last: boolean): void {
  const values = offsets[axis];
  const matrix = axisCosts(layer, costs, offsets, axis);
  const span = 2 * RADIUS + 1;
  const old = values.slice();
  const costOf = (index: number, target: number): number => {
    const difference = target - old[index];
    return Math.abs(difference) > RADIUS
      ? Number.POSITIVE_INFINITY
      : matrix[index * span + RADIUS + difference];
  };
  const cheapest = (index: number, from: number, to: number): number => {
    let best = Math.min(Math.max(old[index], from), to);
    let least = costOf(index, best);
    const low = Math.max(from, old[index] - RADIUS);
    const high = Math.min(to, old[index] + RADIUS);
    for (let target = low; target <= high; target += 1) {
      const cost = costOf(index, target);
      if (cost < least) {
        least = cost;
        best = target;
      }
    }
    return best;
  };
  const lowest = axis === "a" ? -LOWEST_A : -16;
  const highest = axis === "a" ? costs.classes + 7 : 16;
  for (let index = 0; index < values.length; index += 1) values[index] = cheapest(index, lowest, highest);
  if (!last && rangeOf(values) < 1 << WIDEST[axis]) return;
  // Narrow windows cost fewer bits of side information: take the best window of the best width.
  let best = { cost: Number.POSITIVE_INFINITY, from: 0, to: 0 };
  const [least, most] = extremes(values);
  for (let width = 0; width <= WIDEST[axis]; width += 1) {
    const bits = axis === "c" ? (width === 0 ? 0 : 3) : width;
    const size = 1 << (axis === "c" && width > 0 ? 3 : width);
    // Nearly all elements would have to move into a window much narrower than their range.
    if (width > 0 && size * 4 < most - least) continue;
    const side = bits * values.length * BIT;
    for (let from = least; from <= Math.max(least, most - size + 1); from += 1) {
      let cost = side;
      for (let index = 0; index < values.length && cost < best.cost; index += 1) {
        cost += costOf(index, cheapest(index, from, from + size - 1));
      }
      if (cost < best.cost) best = { cost, from, to: from + size - 1 };
    }
    if (size > most - least) break;
  }
  if (best.cost < Number.POSITIVE_INFINITY) {
    for (let index = 0; index < values.length; index += 1)
      values[index] = cheapest(index, best.from, best.to);
  } else {
    const middle = Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
    const half = (1 << WIDEST[axis]) >> 1;
    for (let index = 0; index < values.length; index += 1) {
      values[index] = Math.min(Math.max(values[index], middle - half), middle + half - 1);
    }
  }
}

/** For each element of the axis and each change of -RADIUS..RADIUS, the cost of its values (of a sample, scaled up). */
function axisCosts(layer: FitLayer, costs: ClassCosts, { a, b, c }: Offsets, axis: Axis): Float64Array {
  const { outputs, values, rowInput, rowTap } = layer;
  const rows = rowInput.length;
  const { span, byValue } = costs;
  const width = 2 * RADIUS + 1;
  const size = axis === "a" ? outputs : axis === "b" ? layer.inputs : layer.taps;
  const matrix = new Float64Array(size * width);
  const perElement = (outputs * rows) / size;
  const stride = Math.max(1, Math.floor(perElement / layer.sample));
  // Sample rows for an output channel, output channels for the others; odd strides meet every tap and channel.
  const rowStride = axis === "a" && stride > 1 ? stride | 1 : 1;
  const outputStride = axis === "a" ? 1 : Math.min(stride, outputs);
  const top = span - width;
  for (let output = 0; output < outputs; output += outputStride) {
    const from = PADDING - RADIUS + a[output];
    const start = output * rows;
    for (let row = 0; row < rows; row += rowStride) {
      const input = rowInput[row];
      const tap = rowTap[row];
      const position = Math.min(Math.max(from + b[input] + c[tap], 0), top);
      const cell = (axis === "a" ? output : axis === "b" ? input : tap) * width;
      const price = values[start + row] * span + position;
      for (let change = 0; change < width; change += 1) matrix[cell + change] += byValue[price + change];
    }
  }
  const scale = axis === "a" ? rowStride : outputs / Math.ceil(outputs / outputStride);
  if (scale !== 1) for (let index = 0; index < matrix.length; index += 1) matrix[index] *= scale;
  return matrix;
}

/** Cost of all values, or of a sample of output channels of a large layer scaled up. */
export function layerCost(layer: FitLayer, costs: ClassCosts, { a, b, c }: Offsets): number {
  const { outputs, values } = layer;
  const rows = layer.rowInput.length;
  const { span, byValue } = costs;
  const stride = Math.max(1, Math.min(Math.floor((outputs * rows) / 262_144), Math.ceil(outputs / 32)));
  const shared = sharedOffsets(layer, { b, c });
  let sum = 0;
  let read = 0;
  for (let output = 0; output < outputs; output += stride) {
    const own = a[output];
    const start = output * rows;
    for (let row = 0; row < rows; row += 1) {
      const position = PADDING + own + shared[row];
      sum += byValue[values[start + row] * span + position];
    }
    read += 1;
  }
  return (sum * outputs) / read;
}

/**
 * Fits look at samples, and a class need not code every value. Moves each output channel that holds a value its class
 * cannot code to the cheapest offset that can; the cost becomes infinite when there is none.
 */
export function makeCodable(layer: FitLayer, costs: ClassCosts, fit: Fit): Fit {
  const { outputs, values } = layer;
  const rows = layer.rowInput.length;
  const { span, byValue } = costs;
  if (!byValue.some((cost) => cost >= UNCODABLE)) return fit;
  const shared = sharedOffsets(layer, fit);
  const [least, most] = extremes(shared);
  const present = new Uint8Array(256);
  const last = costs.classes - 1;
  /** Whether any class the output may meet cannot code one of its values; cheap, and usually false. */
  const suspicious = (offset: number): boolean => {
    const from = Math.min(Math.max(offset + least, 0), last);
    const to = Math.min(Math.max(offset + most, 0), last);
    for (let value = 0; value < 256; value += 1) {
      if (present[value] === 0) continue;
      for (let index = from; index <= to; index += 1) if (costs.costs[index][value] >= UNCODABLE) return true;
    }
    return false;
  };
  const costOf = (output: number, offset: number): number => {
    let sum = 0;
    for (let row = 0, at = output * rows; row < rows; row += 1, at += 1) {
      const cost = byValue[values[at] * span + PADDING + shared[row] + offset];
      sum += cost >= UNCODABLE ? Number.POSITIVE_INFINITY : cost;
    }
    return sum;
  };
  const a = fit.a.slice();
  let codable = true;
  for (let output = 0; output < outputs; output += 1) {
    present.fill(0);
    for (let at = output * rows, end = at + rows; at < end; at += 1) present[values[at]] = 1;
    if (!suspicious(a[output])) continue;
    let cheapest = costOf(output, a[output]);
    if (cheapest < Number.POSITIVE_INFINITY) continue;
    for (let offset = -LOWEST_A; offset < costs.classes + LOWEST_A; offset += 1) {
      const other = costOf(output, offset);
      if (other >= cheapest) continue;
      cheapest = other;
      a[output] = offset;
    }
    codable &&= cheapest < Number.POSITIVE_INFINITY;
  }
  const sideBits = fit.sideBits - sideBitsOf(fit.a, "a") + sideBitsOf(a, "a");
  return { ...fit, a, cost: codable ? fit.cost : Number.POSITIVE_INFINITY, sideBits };
}

function sharedOffsets({ rowInput, rowTap }: FitLayer, { b, c }: Pick<Offsets, "b" | "c">): Int32Array {
  const shared = new Int32Array(rowInput.length);
  for (let row = 0; row < shared.length; row += 1) shared[row] = b[rowInput[row]] + c[rowTap[row]];
  return shared;
}

function extremes(values: Int32Array): [least: number, most: number] {
  let least = values[0];
  let most = values[0];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** The same layer with at most about `most` values: output channels are left out evenly. */
export function sampleLayer(layer: FitLayer, most: number): FitLayer {
  const rows = layer.rowInput.length;
  const stride = Math.ceil((layer.outputs * rows) / most);
  if (stride <= 1) return layer;
  const outputs = Math.ceil(layer.outputs / stride);
  const values = new Uint8Array(outputs * rows);
  for (let output = 0; output < outputs; output += 1) {
    const start = output * stride * rows;
    values.set(layer.values.subarray(start, start + rows), output * rows);
  }
  return { ...layer, outputs, values };
}

/** How often each class meets each value. */
export function classHistograms(layer: FitLayer, classes: number, { a, b, c }: Offsets): Float64Array[] {
  const { outputs, values, rowInput, rowTap } = layer;
  const rows = rowInput.length;
  const histograms = Array.from({ length: classes }, () => new Float64Array(256));
  for (let output = 0; output < outputs; output += 1) {
    for (let row = 0; row < rows; row += 1) {
      const sum = a[output] + b[rowInput[row]] + c[rowTap[row]];
      histograms[Math.min(Math.max(sum, 0), classes - 1)][values[output * rows + row]] += 1;
    }
  }
  return histograms;
}
