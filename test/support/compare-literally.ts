/** Tensor-by-tensor comparison of a Graph's stored integers with a literal execution of its source file. */
import type { Graph } from "@sluice/sdk/graph";
import { expect } from "vitest";
import type { LiteralTensor } from "./literal-operators.js";

/** Fails at the first element that differs, by name and position; returns how many tensors were compared. */
export function compareLiterally(
  graph: Graph,
  values: readonly Int32Array[],
  literal: ReadonlyMap<string, LiteralTensor>,
  place = graph.name,
): number {
  let compared = 0;
  graph.tensors.forEach((tensor, id) => {
    const expected = literal.get(tensor.name);
    // Per-channel accumulators have no single scale; their Quants are compared instead.
    if (expected === undefined || Number.isNaN(tensor.scale)) return;
    const { scale, zeroPoint } = tensor;
    // Flat rows are [1, 1, n] here and rows of n there; pictures are interleaved here and planes there.
    const isRow = expected.dims.length === 2;
    const [height, width, channels] = isRow ? [1, 1, expected.data.length] : tensor.shape;
    expect(expected.data.length, `${place}: ${tensor.name}`).toBe(height * width * channels);
    for (let index = 0; index < expected.data.length; index += 1) {
      const channel = Math.floor(index / (height * width));
      const pixel = index % (height * width);
      const found = (values[id][pixel * channels + channel] - zeroPoint) * scale;
      if (found !== expected.data[index]) {
        expect.fail(
          `${place}: ${tensor.name}, channel ${channel}, pixel ${pixel}: ${found}, not ${expected.data[index]}`,
        );
      }
    }
    compared += 1;
  });
  return compared;
}
