/** What the classes of a fit have to code. */
import type { FitLayer, Offsets } from "./weight-passes.js";

/** How often each class meets each value, in every stride-th output channel. */
export function classHistograms(
  layer: FitLayer,
  classes: number,
  { a, b, c }: Offsets,
  stride = 1,
): Float64Array[] {
  const { outputs, values, rowInput, rowTap } = layer;
  const rows = rowInput.length;
  const shared = Int32Array.from(rowInput, (input, row) => b[input] + c[rowTap[row]]);
  const counts = new Float64Array(classes * 256);
  for (let output = 0; output < outputs; output += stride) {
    for (let row = 0, at = output * rows; row < rows; row += 1, at += 1) {
      const own = Math.min(Math.max(a[output] + shared[row], 0), classes - 1);
      counts[own * 256 + values[at]] += 1;
    }
  }
  return Array.from({ length: classes }, (_, own) => counts.subarray(own * 256, (own + 1) * 256));
}
