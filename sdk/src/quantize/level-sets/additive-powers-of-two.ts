/**
 * APoT: sums of powers of two from interleaved sets, so that levels lie denser near zero than a uniform grid's and
 * denser near the ends than plain powers of two (Li, Dong, Wang, arXiv 1909.13144, section 2.2 and released code).
 */
import { GraphError } from "../../errors.js";
import { symmetricLevels } from "./symmetric-levels.js";

/**
 * Terms of a magnitude by its bits (one less than the weight's), each list with 0; in units of the least, so that
 * all levels are integers. 6 bits of magnitude would reach 448: no int8.
 */
const terms: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [[1]],
  2: [[4, 2, 1]],
  3: [[8, 4, 1], [2]],
  4: [
    [32, 8, 2],
    [16, 4, 1],
  ],
  5: [[64, 16, 2], [32, 8, 1], [4]],
};

/**
 * @param bits 2..6, sign included; 4 gives 0, 1, 2, 3, 4, 6, 8, 10 and their negatives
 * @throws {GraphError} `bad-bits`
 */
export function additivePowerOfTwoLevels(bits: number): Int16Array {
  const sets = terms[bits - 1];
  if (!sets) {
    throw new GraphError("bad-bits", "Additive powers of two do not fit int8 at this width.", {
      expected: "2 to 6 bits",
      found: String(bits),
      hint: "Use --bits 4.",
    });
  }
  let sums = [0];
  for (const set of sets) sums = sums.flatMap((sum) => [sum, ...set.map((term) => sum + term)]);
  return symmetricLevels(sums);
}
