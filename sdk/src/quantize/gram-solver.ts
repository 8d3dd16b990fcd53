/**
 * Rounding weights against the layer's error, a quadratic form in the weight change: the Gram-matrix solver of OBQ and
 * GPTQ (arXiv 2208.11580, 2210.17323), with the price of each code beside the error where there is one, and
 * coordinate descent on the same cost.
 *
 * A row w [K] is put on steps of s: error = s^2 (q - w/s)t C (q - w/s), cost = h error + lambda bits(q).
 */
import { cholesky, invertLower } from "./linear-algebra.js";

/** Codes allowed, and what they cost. */
export interface CodePrice {
  /** Largest magnitude of a code, 1..127. */
  readonly limit: number;
  /** The only codes allowed, ascending; absent: every integer up to the limit. */
  readonly levels?: Int16Array;
  /** With `bits`: from each of these sets the nearest level is considered, instead of the codes next to the value. */
  readonly alternatives?: readonly Int16Array[];
  /** [O][K]; 0 keeps the code at 0 (a pruned weight). Absent: every code may change. */
  readonly mask?: Uint8Array;
  /** Bits of code c at [c + limit]; absent: every code costs the same. */
  readonly bits?: Float64Array;
  /** Where codes are priced by class: what holds for each class, and the class of each code, [O][K]. */
  readonly classes?: { readonly prices: readonly CodePrice[]; readonly of: Uint8Array };
  /** Cost of one bit. */
  readonly lambda: number;
  /** Weight of the squared error of each output. */
  readonly importance: Float64Array;
}

export interface GramSystem {
  readonly size: number;
  /** Damped covariance, [K][K]. */
  readonly matrix: Float64Array;
  /** Columns by decreasing diagonal. */
  readonly order: Int32Array;
  /** Upper Cholesky factor of the inverse in that order, [K][K]. */
  readonly factor: Float64Array;
  /** log(det C) / K. */
  readonly meanLogDet: number;
}

export function prepareGram(matrix: Float64Array, size: number): GramSystem {
  const order = Int32Array.from({ length: size }, (_, index) => index).sort(
    (a, b) => matrix[b * size + b] - matrix[a * size + a] || a - b,
  );
  const permuted = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) permuted[i * size + j] = matrix[order[i] * size + order[j]];
  }
  const { factor, meanLogDet } = factorOfInverse(permuted, size);
  return { size, matrix, order, factor, meanLogDet };
}

/**
 * U with A^-1 = Ut U, upper: the inverse of R in A = R Rt, R upper, which is the Cholesky factor of A with its rows and
 * columns in reverse.
 */
function factorOfInverse(a: Float64Array, n: number): { factor: Float64Array; meanLogDet: number } {
  const reversed = a.slice().reverse();
  const lower = cholesky(reversed, n);
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += 2 * Math.log(lower[i * (n + 1)]);
  return { factor: invertLower(lower, n).reverse(), meanLogDet: sum / n };
}

/**
 * @param weights [O][K] real; @param scale one per output
 * @returns codes [O][K]
 */
export function roundWithGram(
  weights: Float64Array,
  scale: Float64Array,
  gram: GramSystem,
  price: CodePrice,
): Int16Array {
  const { size, order, factor } = gram;
  const codes = new Int16Array(weights.length);
  const row = new Float64Array(size);
  for (let o = 0; o < scale.length; o += 1) {
    for (let k = 0; k < size; k += 1) row[k] = weights[o * size + order[k]] / scale[o];
    for (let k = 0; k < size; k += 1) {
      const pivot = factor[k * size + k];
      const weight = (price.importance[o] * scale[o] ** 2) / pivot ** 2;
      const at = o * size + order[k];
      const code = price.mask?.[at] === 0 ? 0 : cheapest(row[k], weight, priceAt(price, at));
      codes[at] = code;
      const error = (row[k] - code) / pivot;
      if (error === 0) continue;
      for (let j = k + 1; j < size; j += 1) row[j] -= error * factor[k * size + j];
    }
  }
  return codes;
}

/** What holds for the code at this index. */
export function priceAt(price: CodePrice, at: number): CodePrice {
  return price.classes ? price.classes.prices[price.classes.of[at]] : price;
}

/** Among the nearest code, one towards zero, zero, and the current one. @param weight cost of a squared step */
export function cheapest(
  value: number,
  weight: number,
  { limit, levels, alternatives, bits, lambda }: CodePrice,
  current?: number,
): number {
  const nearest = levels ? nearestLevel(value, levels) : Math.min(Math.max(Math.round(value), -limit), limit);
  if (!bits) return nearest;
  let best = nearest;
  let least = weight * (value - nearest) ** 2 + lambda * bits[nearest + limit];
  const consider = (code: number): void => {
    const cost = weight * (value - code) ** 2 + lambda * bits[code + limit];
    if (cost < least) {
      least = cost;
      best = code;
    }
  };
  if (alternatives) for (const set of alternatives) consider(nearestLevel(value, set));
  else if (nearest !== 0) {
    consider(levels ? neighbourTowardsZero(nearest, levels) : nearest - Math.sign(nearest));
    if (!levels || levels.includes(0)) consider(0);
  }
  if (current !== undefined) consider(current);
  return best;
}

function neighbourTowardsZero(level: number, levels: Int16Array): number {
  const neighbour = levels[levels.indexOf(level) - Math.sign(level)];
  return Math.abs(neighbour) < Math.abs(level) ? neighbour : level;
}

/** The level nearest to `value`; the lower of two that are equally near. @param levels ascending, not empty */
export function nearestLevel(value: number, levels: Int16Array): number {
  let low = 0;
  let high = levels.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value - levels[middle] > levels[middle + 1] - value) low = middle + 1;
    else high = middle;
  }
  return levels[low];
}

/**
 * Changes one code at a time to the best of {current, best, one towards zero, zero}; stops when nothing changes.
 * @returns how many codes changed; `codes` is changed in place
 */
export function descend(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
  price: CodePrice,
  passes: number,
): number {
  let changed = 0;
  const gradient = new Float64Array(size);
  for (let o = 0; o < scale.length; o += 1) {
    const start = o * size;
    gradient.fill(0);
    for (let k = 0; k < size; k += 1) {
      const error = codes[start + k] - weights[start + k] / scale[o];
      if (error !== 0) for (let j = 0; j < size; j += 1) gradient[j] += error * matrix[k * size + j];
    }
    for (let pass = 0; pass < passes; pass += 1) {
      let changedHere = 0;
      for (let k = 0; k < size; k += 1) {
        if (price.mask?.[start + k] === 0) continue;
        const diagonal = matrix[k * size + k];
        const current = codes[start + k];
        const optimum = current - gradient[k] / diagonal;
        const code = cheapest(optimum, price.importance[o] * scale[o] ** 2 * diagonal, price, current);
        const delta = code - current;
        if (delta === 0) continue;
        codes[start + k] = code;
        changedHere += 1;
        for (let j = 0; j < size; j += 1) gradient[j] += delta * matrix[k * size + j];
      }
      changed += changedHere;
      if (changedHere === 0) break;
    }
  }
  return changed;
}

/** The scale of each output that minimises the error for its codes; unchanged where the codes say nothing. */
export function refitScales(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
): Float64Array {
  return scale.map((old, o) => {
    const fit = scaleFit(weights, o, matrix, size, codes);
    const value = fit.denominator > 0 ? fit.numerator / fit.denominator : 0;
    return value > 0.3 * old && value < 3 * old ? value : old;
  });
}

/** The same with one scale for all outputs, each weighted by its importance. */
export function refitSharedScale(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
  importance: Float64Array,
): Float64Array {
  let numerator = 0;
  let denominator = 0;
  for (let o = 0; o < scale.length; o += 1) {
    const fit = scaleFit(weights, o, matrix, size, codes);
    numerator += importance[o] * fit.numerator;
    denominator += importance[o] * fit.denominator;
  }
  const value = denominator > 0 ? numerator / denominator : scale[0];
  return value > 0.3 * scale[0] && value < 3 * scale[0] ? scale.map(() => value) : scale;
}

/** qt C w and qt C q of one output. */
function scaleFit(weights: Float64Array, o: number, matrix: Float64Array, size: number, codes: Int16Array) {
  let numerator = 0;
  let denominator = 0;
  for (let i = 0; i < size; i += 1) {
    const code = codes[o * size + i];
    if (code === 0) continue;
    for (let j = 0; j < size; j += 1) {
      const value = code * matrix[i * size + j];
      numerator += value * weights[o * size + j];
      denominator += value * codes[o * size + j];
    }
  }
  return { numerator, denominator };
}

/** (q s - w)t C (q s - w) of each output. */
export function outputErrors(
  weights: Float64Array,
  scale: Float64Array,
  { matrix, size }: GramSystem,
  codes: Int16Array,
): Float64Array {
  const error = new Float64Array(size);
  return scale.map((step, o) => {
    let sum = 0;
    for (let k = 0; k < size; k += 1) error[k] = codes[o * size + k] * step - weights[o * size + k];
    for (let i = 0; i < size; i += 1)
      for (let j = 0; j < size; j += 1) sum += error[i] * matrix[i * size + j] * error[j];
    return sum;
  });
}

/** The same summed over outputs. */
export function quadraticError(
  weights: Float64Array,
  scale: Float64Array,
  gram: GramSystem,
  codes: Int16Array,
): number {
  return outputErrors(weights, scale, gram, codes).reduce((sum, error) => sum + error, 0);
}
