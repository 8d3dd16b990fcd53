/** The two orders of a layer's weights, converted by plain loops: demand order, and [output][tap][input]. */
import type { WeightLayout } from "../types.js";

/** From demand order to [output][row], row = tap * inputs + input. */
export function channelOrder(demand: Int8Array, layout: WeightLayout): Int8Array {
  const ordered = new Int8Array(demand.length);
  forEachTile(layout, demand.length, (start, first, width, rows) => {
    for (let row = 0, at = start; row < rows; row += 1) {
      for (let channel = 0; channel < width; channel += 1, at += 1) {
        ordered[(first + channel) * rows + row] = demand[at];
      }
    }
  });
  return ordered;
}

/** From [output][row] to demand order; `rows` is the length of `ordered` per output channel. */
export function demandOrderOf(ordered: Uint8Array, layout: WeightLayout): Uint8Array {
  const demand = new Uint8Array(ordered.length);
  forEachTile(layout, ordered.length, (start, first, width, rows) => {
    for (let row = 0, at = start; row < rows; row += 1) {
      for (let channel = 0; channel < width; channel += 1, at += 1) {
        demand[at] = ordered[(first + channel) * rows + row];
      }
    }
  });
  return demand;
}

function forEachTile(
  { outputs, outputTile }: WeightLayout,
  count: number,
  visit: (start: number, firstOutput: number, width: number, rows: number) => void,
): void {
  const rows = count / outputs;
  for (let first = 0; first < outputs; first += outputTile) {
    visit(first * rows, first, Math.min(outputTile, outputs - first), rows);
  }
}
