/** What the classes of a fit have to code. */
import type { FitLayer, Offsets } from "./weight-passes.js";

/** How often each class meets each value. */
export function classHistograms(layer: FitLayer, classes: number, { a, b, c }: Offsets): Float64Array[] {
  const { outputs, values, rowInput, rowTap } = layer;
  const rows = rowInput.length;
  const histograms = Array.from({ length: classes }, () => new Float64Array(256));
  for (let output = 0; output < outputs; output += 1) {
    for (let row = 0; row < rows; row += 1) {
      const sum = a[output] + b[rowInput[row]] + c[rowTap[row]];
      histograms[Math.min(Math.max(sum, 0), classes - 1)][values[output * rows + row]] += 1;
    }
  }
  return histograms;
}
