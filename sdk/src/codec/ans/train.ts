/**
 * Trains the tables of a model: which count each symbol of each class gets, which shift, and which classes share a
 * table. Every decision is by cost: bits of the weights plus bits of the tables section.
 */
import { leastCountWithByte, log2OfInteger } from "./class-costs.js";
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
  readonly shift: number;
  /** Bits of the table itself. */
  readonly side: number;
}

const PRIOR_WEIGHTS = [0, 24, 256];
const LARGEST_SHIFT = 5;

export function trainTables(demands: readonly ClassDemand[], log: number, pairs: boolean): ModelTables {
  const candidates = candidatesFor(demands, log, pairs);
  const groups = shareTables(demands, candidates, log, pairs);
  const tables: Uint16Array[] = [];
  const classes: TableClass[] = groups.map(({ counts, shift }) => {
    let table = tables.indexOf(counts);
    if (table < 0) table = tables.push(counts) - 1;
    return { table, shift };
  });
  if (tables.length > MAX_TABLES) throw new RangeError(`${tables.length} tables`);
  return { log, tables, classes };
}

/** The cheapest table of each class; a class that nothing uses takes its neighbour's. */
function candidatesFor(demands: readonly ClassDemand[], log: number, pairs: boolean): Candidate[] {
  const used = demands.map(({ histogram }) => histogram.some((count) => count > 0));
  const own = demands.map((demand, index) => (used[index] ? cheapestTable(demand, log, pairs) : undefined));
  const any = own.find((candidate) => candidate !== undefined) ?? cheapestTable(demands[0], log, pairs);
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
  shift: number,
  pairs: boolean,
): number {
  const half = (1 << shift) >> 1;
  const escaped = counts[ESCAPE] === 0 ? Number.POSITIVE_INFINITY : log - log2OfInteger[counts[ESCAPE]] + 8;
  let sum = 0;
  for (let value = 0; value < 256; value += 1) {
    const times = histogram[value];
    if (times === 0) continue;
    const special = pairs && ((value & 15) === 8 || value >> 4 === 8);
    const symbol = pairs ? value : ((((value << 24) >> 24) + half) >> shift) & 0xff;
    const own =
      counts[symbol] === 0
        ? Number.POSITIVE_INFINITY
        : log - log2OfInteger[counts[symbol]] + (special ? 8 : shift);
    sum += times * (special ? own : Math.min(own, escaped));
  }
  return sum;
}

function cheapestTable(demand: ClassDemand, log: number, pairs: boolean): Candidate {
  let best: { bits: number; candidate: Candidate } | undefined;
  const shifts = pairs ? 0 : LARGEST_SHIFT;
  for (let shift = 0; shift <= shifts; shift += 1) {
    for (const symmetric of pairs ? [false] : [true, false]) {
      for (const weight of PRIOR_WEIGHTS) {
        const counts = tableFor(demand, weight, symmetric, log, shift, pairs);
        if (!counts) continue;
        const side = countsBits(counts);
        const bits = side + demandBits(demand.histogram, counts, log, shift, pairs);
        if (best === undefined || bits < best.bits) best = { bits, candidate: { counts, shift, side } };
      }
    }
  }
  return best!.candidate;
}

/** Counts for a smoothed histogram; undefined when too few states are left for its symbols. */
function tableFor(
  demand: ClassDemand,
  weight: number,
  symmetric: boolean,
  log: number,
  shift: number,
  pairs: boolean,
): Uint16Array | undefined {
  const { histogram, prior } = demand;
  const shares = new Float64Array(SYMBOLS);
  const seen = new Float64Array(SYMBOLS);
  const half = (1 << shift) >> 1;
  for (let value = 0; value < 256; value += 1) {
    const symbol = pairs ? value : ((((value << 24) >> 24) + half) >> shift) & 0xff;
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

/** Lets classes use each other's tables (with a shift of their own) wherever that saves more than it costs. */
function shareTables(
  demands: readonly ClassDemand[],
  candidates: readonly Candidate[],
  log: number,
  pairs: boolean,
): Candidate[] {
  const used = candidates.slice();
  const shifts = pairs ? 0 : LARGEST_SHIFT + 2;
  const known = new Map<Uint16Array, Float64Array>();
  const bitsOf = (index: number, counts: Uint16Array, shift: number): number => {
    let all = known.get(counts);
    if (all === undefined) {
      all = new Float64Array(demands.length * (shifts + 1)).fill(-1);
      known.set(counts, all);
    }
    const at = index * (shifts + 1) + shift;
    if (all[at] < 0) all[at] = demandBits(demands[index].histogram, counts, log, shift, pairs);
    return all[at];
  };
  const own = used.map(({ counts, shift }, index) => bitsOf(index, counts, shift));
  for (;;) {
    let best = { gain: 0, index: -1, candidate: used[0], bits: 0 };
    for (let index = 0; index < used.length; index += 1) {
      const users = used.filter(({ counts }) => counts === used[index].counts).length;
      const saved = users === 1 ? used[index].side : 0;
      for (const other of new Set(used)) {
        if (other.counts === used[index].counts && users > 1) continue;
        for (let shift = 0; shift <= shifts; shift += 1) {
          if (other.counts === used[index].counts && shift === used[index].shift) continue;
          const bits = bitsOf(index, other.counts, shift);
          const gain = own[index] - bits + (other.counts === used[index].counts ? 0 : saved);
          if (gain > best.gain + 1e-6) best = { gain, index, candidate: { ...other, shift }, bits };
        }
      }
    }
    if (best.index < 0) return used;
    used[best.index] = best.candidate;
    own[best.index] = best.bits;
  }
}
