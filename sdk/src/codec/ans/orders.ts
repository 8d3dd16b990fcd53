/** The orders of weights: demand order, and [output][row] with row = tap * inputs + input. */
import type { WeightLayout } from "../types.js";

/** From demand order to [output][row]: the output channels 0, stride, 2 * stride, ... below `end` only. */
export function sampledChannelOrder(
  demand: Int8Array,
  { outputs, outputTile }: WeightLayout,
  stride: number,
  end = outputs,
): Int8Array {
  const rows = demand.length / outputs;
  const ordered = new Int8Array(Math.ceil(end / stride) * rows);
  let at = 0;
  for (let output = 0; output < end; output += stride) {
    const channel = output % outputTile;
    const first = output - channel;
    const width = Math.min(outputTile, outputs - first);
    for (let row = 0, from = first * rows + channel; row < rows; row += 1, from += width, at += 1) {
      ordered[at] = demand[from];
    }
  }
  return ordered;
}
