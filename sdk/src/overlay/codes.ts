/**
 * The int8 code of a stored integer. The overlay knows only int8: a tensor whose range exceeds 127 (uint8) is shifted
 * by 128, everything else is kept. Layer CRCs and dumps are over codes.
 */
import type { Tensor } from "../graph/types.js";

/** code = stored integer - codeOffset. */
export function codeOffset(tensor: Pick<Tensor, "max">): number {
  return tensor.max > 127 ? 128 : 0;
}
