/** Whole layers under trained tables: what they cost exactly, and that every value can be coded. */
import { type ClassCosts, UNCODABLE } from "./class-costs.js";
import { type Fit, offsetBits } from "./fit.js";
import { BEYOND_CLASSES } from "./fit-axis.js";
import { type FitLayer, type Offsets, sharedOffsets, type WeightPasses } from "./weight-passes.js";

/**
 * Fits look at samples, and a class need not code every value. Moves each output channel that holds a value its class
 * cannot code to the cheapest offset that can; the cost becomes infinite when there is none.
 */
export function makeCodable(layer: FitLayer, costs: ClassCosts, passes: WeightPasses, offsets: Offsets): Fit {
  const shared = sharedOffsets(layer, offsets);
  const own = passes.outputCosts(layer, costs, offsets.a, shared, 1).slice();
  const uncodable = [...own.keys()].filter((output) => own[output] === Number.POSITIVE_INFINITY);
  const a = offsets.a.slice();
  if (uncodable.length > 0) {
    const rows = shared.length;
    const values = new Uint8Array(uncodable.length * rows);
    uncodable.forEach((output, index) => {
      values.set(layer.values.subarray(output * rows, (output + 1) * rows), index * rows);
    });
    const part = { ...layer, outputs: uncodable.length, values };
    for (let offset = -BEYOND_CLASSES; offset < costs.classes + BEYOND_CLASSES; offset += 1) {
      const all = new Int32Array(uncodable.length).fill(offset);
      const moved = passes.outputCosts(part, costs, all, shared, 1);
      uncodable.forEach((output, index) => {
        if (moved[index] >= own[output]) return;
        own[output] = moved[index];
        a[output] = offset;
      });
    }
  }
  const cost = own.reduce((sum, value) => sum + value, 0);
  return { ...offsets, a, cost, sideBits: offsetBits({ ...offsets, a }) };
}

/** A layer in one class, the one that costs least; the cost is infinite where none can code all of its values. */
export function cheapestClass({ outputs, inputs, taps, values }: FitLayer, { costs }: ClassCosts): Fit {
  const histogram = histogramOf(values);
  const sums = costs.map((own) => {
    return histogram.reduce((sum, count, value) => {
      if (count === 0) return sum;
      return sum + (own[value] >= UNCODABLE ? Number.POSITIVE_INFINITY : count * own[value]);
    }, 0);
  });
  const cost = Math.min(...sums);
  const a = new Int32Array(outputs).fill(sums.indexOf(cost));
  return { a, b: new Int32Array(inputs), c: new Int32Array(taps), cost, sideBits: 0 };
}

/** Four counters for each value, because neighbours are often equal and one counter would wait for itself. */
function histogramOf(values: Uint8Array): Uint32Array {
  const counts = new Uint32Array(4 * 256);
  const whole = values.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    counts[values[at]] += 1;
    counts[256 + values[at + 1]] += 1;
    counts[512 + values[at + 2]] += 1;
    counts[768 + values[at + 3]] += 1;
  }
  for (let at = whole; at < values.length; at += 1) counts[values[at]] += 1;
  return counts
    .subarray(0, 256)
    .map((count, value) => count + counts[256 + value] + counts[512 + value] + counts[768 + value]);
}
