/**
 * A zero-padded copy of an input with the zero point removed, so that kernels need no border tests. The copy is made
 * for every frame; its border is written once.
 */
import type { ConvolutionNode, Tensor } from "../graph/types.js";

/** Elements a padded copy may have; larger layers use the obvious loops. */
export const MAX_PADDED_ELEMENTS = 2 ** 25;

export interface PaddedInput<T extends Int32Array | Float64Array> {
  readonly values: T;
  /** Elements from one row to the next. */
  readonly rowPitch: number;
  fill(input: Int32Array): void;
}

export function paddedElements(node: ConvolutionNode, { shape }: Tensor): number {
  const { top, bottom, left, right } = node.padding;
  return (shape[0] + top + bottom) * (shape[1] + left + right) * shape[2];
}

export function paddedInput<T extends Int32Array | Float64Array>(
  values: T,
  { padding }: ConvolutionNode,
  { shape: [height, width, channels], zeroPoint }: Tensor,
): PaddedInput<T> {
  const rowPitch = (padding.left + width + padding.right) * channels;
  const rowElements = width * channels;
  const first = padding.top * rowPitch + padding.left * channels;
  const fill = (input: Int32Array) => {
    for (let y = 0; y < height; y += 1) {
      const to = first + y * rowPitch;
      const from = y * rowElements;
      for (let index = 0; index < rowElements; index += 1) {
        values[to + index] = input[from + index] - zeroPoint;
      }
    }
  };
  return { values, rowPitch, fill };
}
