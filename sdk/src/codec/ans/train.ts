/**
 * Trains the tables of a model: which count each symbol of each class gets, which shift, and which classes share a
 * table. Every decision is by cost: bits of the weights plus bits of the tables section.
 */

import { type Buckets, bucketMap, LARGEST_FROM, LARGEST_RAW, LARGEST_TAIL } from "./buckets.js";
import { leastCountWithByte, log2OfInteger } from "./class-costs.js";
import { log2 } from "./deterministic-math.js";
import { ESCAPE, SYMBOLS } from "./state-table.js";
import { countsBits, MAX_TABLES, type ModelTables, type TableClass } from "./tables.js";

/** What one class has to code. */
export interface ClassDemand {
  /** Occurrences of each byte value. */
  readonly histogram: Float64Array;
  /** Probabilities that smooth it. */
  readonly prior: Float64Array;
}

interface Candidate {
  readonly counts: Uint16Array;
  readonly buckets: Buckets;
  /** Bits of the table itself. */
  readonly side: number;
}

const PRIOR_WEIGHTS = [0, 24, 256];
/** Shapes of buckets a class is tried with. */
const LIKELY_SHAPES = 24;
/** Of these, the ones a table is made for: on the way, and in the end. */
const TABLE_SHAPES = { quick: 6, thorough: LIKELY_SHAPES } as const;
export type Effort = keyof typeof TABLE_SHAPES;
/** About what a count takes in the tables section. */
const COUNT_BITS = 4;
const PLAIN: Buckets = { shift: 0, from: 0, tail: 0 };
const SHAPES: readonly Buckets[] = Array.from({ length: LARGEST_RAW + 1 }, (_, shift) => {
  const uniform = { ...PLAIN, shift };
  const shapes = [uniform];
  for (let from = 1; from <= LARGEST_FROM; from *= 2) {
    for (let tail = 1; tail <= Math.min(LARGEST_TAIL, LARGEST_RAW - shift); tail += 1) {
      shapes.push({ ...uniform, from, tail });
    }
  }
  return shapes;
}).flat();

export function trainTables(
  demands: readonly ClassDemand[],
  log: number,
  pairs: boolean,
  effort: Effort,
): ModelTables {
  const shapes = demands.map(({ histogram }) => (pairs ? [PLAIN] : likelyShapes(histogram, log)));
  const candidates = candidatesFor(demands, shapes, log, pairs, effort);
  const groups = shareTables(demands, shapes, candidates, log, pairs);
  const tables: Uint16Array[] = [];
  const classes: TableClass[] = groups.map(({ counts, buckets }) => {
    let table = tables.indexOf(counts);
    if (table < 0) table = tables.push(counts) - 1;
    return { table, ...buckets };
  });
  if (tables.length > MAX_TABLES) throw new RangeError(`${tables.length} tables`);
  return { log, tables, classes };
}

/** The cheapest table of each class; a class that nothing uses takes its neighbour's. */
function candidatesFor(
  demands: readonly ClassDemand[],
  shapes: readonly (readonly Buckets[])[],
  log: number,
  pairs: boolean,
  effort: Effort,
): Candidate[] {
  const cheapest = (demand: ClassDemand, index: number): Candidate =>
    cheapestTable(demand, shapes[index].slice(0, TABLE_SHAPES[effort]), log, pairs);
  const used = demands.map(({ histogram }) => histogram.some((count) => count > 0));
  const own = demands.map((demand, index) => (used[index] ? cheapest(demand, index) : undefined));
  const any = own.find((candidate) => candidate !== undefined) ?? cheapest(demands[0], 0);
  let nearest = any;
  return own.map((candidate) => {
    nearest = candidate ?? nearest;
    return nearest;
  });
}

/** Cost in bits of a histogram under a table; infinite when it cannot code a value that occurs. */
function demandBits(
  histogram: Float64Array,
  counts: Uint16Array,
  log: number,
  buckets: Buckets,
  pairs: boolean,
): number {
  const map = bucketMap(buckets);
  const escaped = counts[ESCAPE] === 0 ? Number.POSITIVE_INFINITY : log - log2OfInteger[counts[ESCAPE]] + 8;
  let sum = 0;
  for (let value = 0; value < 256; value += 1) {
    const times = histogram[value];
    if (times === 0) continue;
    const special = pairs && ((value & 15) === 8 || value >> 4 === 8);
    const symbol = pairs ? value : map.symbolOf[value];
    const own =
      counts[symbol] === 0
        ? Number.POSITIVE_INFINITY
        : log - log2OfInteger[counts[symbol]] + (special ? 8 : map.rawBits[symbol]);
    sum += times * (special ? own : Math.min(own, escaped));
  }
  return sum;
}

function cheapestTable(
  demand: ClassDemand,
  shapes: readonly Buckets[],
  log: number,
  pairs: boolean,
): Candidate {
  let best: { bits: number; candidate: Candidate } | undefined;
  for (const buckets of shapes) {
    for (const symmetric of pairs ? [false] : [true, false]) {
      for (const weight of PRIOR_WEIGHTS) {
        const counts = tableFor(demand, weight, symmetric, log, buckets, pairs);
        if (!counts) continue;
        const side = countsBits(counts);
        const bits = side + demandBits(demand.histogram, counts, log, buckets, pairs);
        if (best === undefined || bits < best.bits) best = { bits, candidate: { counts, buckets, side } };
      }
    }
  }
  return best!.candidate;
}

/** About what a table of its own would make of a histogram, in bits, with what it takes itself. */
export function tableEstimate(histogram: Float64Array, log: number): number {
  return estimatedShapes(histogram, log)[0].bits;
}

function likelyShapes(histogram: Float64Array, log: number): Buckets[] {
  return estimatedShapes(histogram, log)
    .slice(0, LIKELY_SHAPES)
    .map(({ shape }) => SHAPES[shape]);
}

/** The shapes by the entropy of their buckets where each that occurs has a state, cheapest first. */
function estimatedShapes(histogram: Float64Array, log: number): ShapeEstimate[] {
  const values = Uint8Array.from(histogram.keys()).filter((value) => histogram[value] > 0);
  let total = 0;
  let magnitudes = 0;
  let largest = 0;
  for (const value of values) {
    const magnitude = Math.abs((value << 24) >> 24);
    total += histogram[value];
    magnitudes += magnitude * histogram[value];
    largest = Math.max(largest, magnitude);
  }
  const estimates: ShapeEstimate[] = [];
  SHAPES.forEach((buckets, shape) => {
    // Buckets wider than the values, and wide ones beyond all values.
    if (buckets.shift > 0 && total * (1 << buckets.shift) > magnitudes) return;
    if (buckets.from << buckets.shift > largest) return;
    estimates.push({ shape, bits: estimatedBits(histogram, values, buckets, total, log) });
  });
  return estimates.sort((left, right) => left.bits - right.bits || left.shape - right.shape);
}

interface ShapeEstimate {
  readonly shape: number;
  readonly bits: number;
}

/** Weights of each symbol; all zero between two uses. */
const bySymbol = new Float64Array(256);

function estimatedBits(
  histogram: Float64Array,
  values: Uint8Array,
  buckets: Buckets,
  total: number,
  log: number,
): number {
  if (total === 0) return 0;
  const { symbolOf, rawBits } = bucketMap(buckets);
  const least = total / (1 << log);
  let bits = 0;
  for (let index = 0; index < values.length; index += 1) {
    const symbol = symbolOf[values[index]];
    bySymbol[symbol] += histogram[values[index]];
    bits += histogram[values[index]] * rawBits[symbol];
  }
  let taken = 0;
  for (let index = 0; index < values.length; index += 1) {
    const symbol = symbolOf[values[index]];
    const count = bySymbol[symbol];
    if (count === 0) continue;
    bySymbol[symbol] = 0;
    const given = Math.max(count, least);
    taken += given;
    bits += COUNT_BITS - count * log2(given);
  }
  return bits + total * log2(taken);
}

/** Counts for a smoothed histogram; undefined when too few states are left for its symbols. */
function tableFor(
  demand: ClassDemand,
  weight: number,
  symmetric: boolean,
  log: number,
  buckets: Buckets,
  pairs: boolean,
): Uint16Array | undefined {
  const { histogram, prior } = demand;
  const shares = new Float64Array(SYMBOLS);
  const seen = new Float64Array(SYMBOLS);
  const map = bucketMap(buckets);
  for (let value = 0; value < 256; value += 1) {
    const symbol = pairs ? value : map.symbolOf[value];
    // A symmetric table has no count for -128.
    const place = symmetric && symbol === 128 ? ESCAPE : symbol;
    shares[place] += histogram[value] + weight * prior[value];
    seen[place] += histogram[value];
  }
  if (symmetric) {
    for (let b = 1; b < 128; b += 1) {
      shares[b] = (shares[b] + shares[256 - b]) / 2;
      shares[256 - b] = shares[b];
      seen[b] += seen[256 - b];
      seen[256 - b] = seen[b];
    }
  }
  return normalise(shares, seen, log, pairs, symmetric);
}

/** Whole counts that sum to 2^log; rare symbols go to the escape. */
function normalise(
  shares: Float64Array,
  seen: Float64Array,
  log: number,
  pairs: boolean,
  symmetric: boolean,
): Uint16Array | undefined {
  const size = 1 << log;
  const least = leastCountWithByte(log);
  let total = 0;
  for (const share of shares) total += share;
  if (total === 0) {
    const counts = new Uint16Array(SYMBOLS);
    counts[0] = size;
    return counts;
  }
  const counts = new Uint16Array(SYMBOLS);
  let escaped = seen[ESCAPE];
  let escapedShare = shares[ESCAPE];
  let sum = 0;
  for (let symbol = 0; symbol < ESCAPE; symbol += 1) {
    const exact = (shares[symbol] / total) * size;
    const special = pairs && ((symbol & 15) === 8 || symbol >> 4 === 8);
    if (special ? seen[symbol] > 0 : exact >= 0.4) {
      counts[symbol] = Math.max(special ? least : 1, Math.round(exact));
      sum += counts[symbol];
    } else {
      escaped += seen[symbol];
      escapedShare += shares[symbol];
    }
  }
  if (escaped > 0) {
    counts[ESCAPE] = Math.max(least, Math.round((escapedShare / total) * size));
    sum += counts[ESCAPE];
    shares[ESCAPE] = escapedShare;
  } else shares[ESCAPE] = 0;
  return balance(counts, shares, sum, size, least, pairs, symmetric) ? counts : undefined;
}

/** Adds or takes single counts where that costs least until they sum to `size`. */
function balance(
  counts: Uint16Array,
  shares: Float64Array,
  total: number,
  size: number,
  least: number,
  pairs: boolean,
  symmetric: boolean,
): boolean {
  let sum = total;
  while (sum !== size) {
    const change = sum < size ? 1 : -1;
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
      const count = counts[symbol];
      const special = symbol === ESCAPE || (pairs && ((symbol & 15) === 8 || symbol >> 4 === 8));
      if (count === 0 || (change < 0 && count <= (special ? least : 1))) continue;
      const mirrored = symmetric && symbol > 0 && symbol < ESCAPE;
      // A symmetric table moves both signs at once, so only an even rest can go there.
      if (mirrored && (symbol > 128 || Math.abs(size - sum) < 2)) continue;
      const cost = shares[symbol] * (log2OfInteger[count] - log2OfInteger[count + change]);
      if (cost < bestCost) {
        bestCost = cost;
        best = symbol;
      }
    }
    if (best < 0) return false;
    counts[best] += change;
    sum += change;
    if (symmetric && best > 0 && best < ESCAPE) {
      counts[256 - best] += change;
      sum += change;
    }
  }
  return true;
}

/** Lets classes use each other's tables (with buckets of their own) wherever that saves more than it costs. */
function shareTables(
  demands: readonly ClassDemand[],
  shapes: readonly (readonly Buckets[])[],
  candidates: readonly Candidate[],
  log: number,
  pairs: boolean,
): Candidate[] {
  const used = candidates.slice();
  const known = new Map<Uint16Array, (Shared | undefined)[]>();
  const sharing = (index: number, { counts, buckets }: Candidate): Shared => {
    const all = known.get(counts) ?? new Array<Shared | undefined>(demands.length);
    known.set(counts, all);
    // The same counts often suit a class that is wider or narrower by whole octaves.
    const scaled = pairs
      ? []
      : SHAPES.filter(({ from, tail }) => from === buckets.from && tail === buckets.tail);
    all[index] ??= cheapestShape(demands[index], counts, [...shapes[index], ...scaled], log, pairs);
    return all[index];
  };
  const own = used.map(({ counts, buckets }, index) =>
    demandBits(demands[index].histogram, counts, log, buckets, pairs),
  );
  for (;;) {
    let best = { gain: 0, index: -1, candidate: used[0], bits: 0 };
    for (let index = 0; index < used.length; index += 1) {
      const users = used.filter(({ counts }) => counts === used[index].counts).length;
      const saved = users === 1 ? used[index].side : 0;
      for (const other of new Set(used)) {
        if (other.counts === used[index].counts) continue;
        const { bits, buckets } = sharing(index, other);
        const gain = own[index] - bits + saved;
        if (gain > best.gain + 1e-6) best = { gain, index, candidate: { ...other, buckets }, bits };
      }
    }
    if (best.index < 0) return used;
    used[best.index] = best.candidate;
    own[best.index] = best.bits;
  }
}

interface Shared {
  readonly bits: number;
  readonly buckets: Buckets;
}

/** What a class costs under given counts in the best of some shapes. */
function cheapestShape(
  { histogram }: ClassDemand,
  counts: Uint16Array,
  shapes: readonly Buckets[],
  log: number,
  pairs: boolean,
): Shared {
  let best: Shared = { bits: Number.POSITIVE_INFINITY, buckets: shapes[0] };
  for (const buckets of shapes) {
    const bits = demandBits(histogram, counts, log, buckets, pairs);
    if (bits < best.bits) best = { bits, buckets };
  }
  return best;
}
