/**
 * Powers of two and zero: every product is a shift. INQ (Zhou et al., arXiv 1702.03044) and DeepShift (arXiv 1905.13298).
 *
 * b bits are a sign and b - 1 bits of exponent, one of whose codes is zero: magnitudes 2^0..2^(2^(b-1)-2), at most 2^6.
 * int8 has no +128, so an eighth magnitude does not embed; 4 bits give the full set of 15 levels.
 */
import { symmetricLevels } from "./symmetric-levels.js";

/** Exponents of positive int8 codes. */
const MOST_MAGNITUDES = 7;

/** @param bits 2..8; above 4 the set stays that of 4 */
export function powerOfTwoLevels(bits: number): Int16Array {
  const count = Math.min(2 ** (bits - 1) - 1, MOST_MAGNITUDES);
  return symmetricLevels(Array.from({ length: count }, (_, exponent) => 2 ** exponent));
}

/**
 * The nearest level in the log domain: flips at sqrt(2) 2^k, where the nearest in value flips at 1.5 2^k. Zero below
 * the least magnitude over sqrt(2).
 * @param levels a set of `powerOfTwoLevels`
 */
export function nearestInLog(value: number, levels: Int16Array): number {
  const magnitude = Math.abs(value);
  if (magnitude < Math.SQRT1_2) return 0;
  const most = Math.log2(levels[levels.length - 1]);
  return Math.sign(value) * 2 ** Math.min(Math.max(Math.round(Math.log2(magnitude)), 0), most);
}
