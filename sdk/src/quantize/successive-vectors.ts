/**
 * Successive vector approximation, MPGBP: a row of weights as a sum of few vectors with entries in {-1, 0, 1}, each
 * times a power of two ("Multiplierless MLP Using Successive Vector Approximation in Post-Training Quantization",
 * ISCAS 2025; the routine of "FIR Filter Design Based on Successive Approximation of Vectors", IEEE TSP 62(15), 2014).
 *
 * Each pass takes the signs of the P = floor(sqrt(L)) largest residuals: the codeword with the largest inner product;
 * its factor is 2^k with 0.75 2^k <= <r, v> / P < 1.5 2^k. Ties go to the earlier weight.
 *
 * On this engine a row is int8 with one scale: terms below 1/128 of the row's range do not exist, and the approximation
 * stops there. That is where two terms per weight end as well.
 */
import { signedDigitCount } from "./level-sets/k-hot.js";

export interface SuccessiveVectorOptions {
  /** Budget in signed powers of two, per weight of the row; the paper: 1, 1.5 and 2. */
  readonly termsPerWeight: number;
  /**
   * `passes` adds P per pass and stops at or past the budget. `digits` recounts the signed digits really present in
   * the sum (overlapping terms merge), and goes back one pass when the budget is exceeded.
   */
  readonly counter: TermCounter;
}

export type TermCounter = "passes" | "digits";

export interface SuccessiveVectors {
  /** [O][K], -127..127. */
  readonly codes: Int16Array;
  /** A power of two per output. */
  readonly scale: Float64Array;
  /** Signed powers of two by both counters, over all rows. */
  readonly passTerms: number;
  readonly digitTerms: number;
}

/** The row's range 2^ceil(log2 max|w|) is 128 steps. */
const LEAST_EXPONENT = -7;
const LARGEST_CODE = 127;
const MOST_PASSES = 4096;

/** @param weights [O][K] */
export function approximateSuccessively(
  weights: Float64Array,
  outputs: number,
  options: SuccessiveVectorOptions,
): SuccessiveVectors {
  const size = weights.length / outputs;
  const codes = new Int16Array(weights.length);
  const scale = new Float64Array(outputs);
  let passTerms = 0;
  for (let o = 0; o < outputs; o += 1) {
    const row = weights.subarray(o * size, (o + 1) * size);
    let largest = 0;
    for (const weight of row) largest = Math.max(largest, Math.abs(weight));
    const norm = largest > 0 ? 2 ** Math.ceil(Math.log2(largest)) : 1;
    scale[o] = norm * 2 ** LEAST_EXPONENT;
    passTerms += approximateRow(row, norm, options, codes.subarray(o * size, (o + 1) * size));
  }
  return { codes, scale, passTerms, digitTerms: countDigits(codes) };
}

/** Signed powers of two in all codes. */
export function countDigits(codes: Int16Array): number {
  let count = 0;
  for (const code of codes) count += signedDigitCount(code);
  return count;
}

/** @returns terms by the passes counter; `codes` is filled */
function approximateRow(
  row: Float64Array,
  norm: number,
  { termsPerWeight, counter }: SuccessiveVectorOptions,
  codes: Int16Array,
): number {
  const size = row.length;
  const budget = Math.floor(termsPerWeight * size);
  const members = Math.floor(Math.sqrt(size));
  const residual = row.map((weight) => weight / norm);
  const order = Array.from({ length: size }, (_, index) => index);
  let terms = 0;
  for (let pass = 0; pass < MOST_PASSES && terms < budget; pass += 1) {
    order.sort((a, b) => Math.abs(residual[b]) - Math.abs(residual[a]) || a - b);
    const chosen = order.slice(0, members).filter((k) => residual[k] !== 0);
    let product = 0;
    for (const k of chosen) product += Math.abs(residual[k]) / members;
    if (product <= 0) break;
    const exponent = Math.floor(Math.log2((4 * product) / 3));
    if (exponent < LEAST_EXPONENT) break;
    const before = codes.slice();
    const step = 2 ** (exponent - LEAST_EXPONENT);
    for (const k of chosen) {
      const sign = Math.sign(residual[k]);
      const code = codes[k] + sign * step;
      codes[k] = Math.min(Math.max(code, -LARGEST_CODE), LARGEST_CODE);
      residual[k] -= sign * 2 ** exponent;
    }
    if (counter === "digits" && countDigits(codes) > budget) {
      codes.set(before);
      break;
    }
    terms += members;
  }
  return terms;
}
