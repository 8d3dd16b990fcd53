/**
 * K-hot weights: at most K ones in the binary magnitude, or at most K digits in {-1, 1} (canonical signed digits), so
 * that a product is K shifts and K - 1 additions (QFX, arXiv 2401.17544).
 */
import { symmetricLevels } from "./symmetric-levels.js";

/** Magnitudes below 2^(bits-1) with at most `hot` ones. @param bits 2..8 */
export function kHotLevels(hot: number, bits: number): Int16Array {
  return levelsWith((magnitude) => ones(magnitude) <= hot, bits);
}

/** Magnitudes below 2^(bits-1) with at most `hot` signed digits; 127 = 128 - 1 is one of two. @param bits 2..8 */
export function signedDigitLevels(hot: number, bits: number): Int16Array {
  return levelsWith((magnitude) => signedDigitCount(magnitude) <= hot, bits);
}

/** Nonzero digits of the canonical signed-digit form: the least number of powers of two that sum to the code. */
export function signedDigitCount(code: number): number {
  // Digits of x are where 3x and x differ.
  const magnitude = Math.abs(code);
  return ones((3 * magnitude) ^ magnitude);
}

function ones(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest &= rest - 1) count += 1;
  return count;
}

function levelsWith(test: (magnitude: number) => boolean, bits: number): Int16Array {
  const magnitudes = Array.from({ length: 2 ** (bits - 1) }, (_, magnitude) => magnitude);
  return symmetricLevels(magnitudes.filter(test));
}
