/** The codes a method allows, where these are not simply all of a width. */
import type { WeightOptions } from "../methods.js";
import { additivePowerOfTwoLevels } from "./additive-powers-of-two.js";
import { kHotLevels, signedDigitLevels } from "./k-hot.js";
import { powerFunctionLevels } from "./power-function.js";
import { powerOfTwoLevels } from "./power-of-two.js";

/** @returns ascending and symmetric, at most 127; undefined for uniform codes */
export function levelsOf({ method, bits, hot, exponent = 1 }: WeightOptions): Int16Array | undefined {
  switch (method) {
    case "power-of-two":
    case "inq":
      return powerOfTwoLevels(bits);
    case "apot":
      return additivePowerOfTwoLevels(bits);
    case "k-hot":
      return kHotLevels(hot, bits);
    case "signed-k-hot":
      return signedDigitLevels(hot, bits);
    case "power-quant":
      return powerFunctionLevels(bits, exponent);
    default:
      return undefined;
  }
}
