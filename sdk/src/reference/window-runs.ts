/** Which stretches of a padded input lie under one window. */
import type { ConvolutionNode } from "../graph/types.js";

/** Contiguous stretches of the padded input under one window, all of the same length. */
export interface Runs {
  readonly offsets: Int32Array;
  readonly length: number;
}

/** @param rowPitch elements of the padded input from one row to the next */
export function windowRuns(
  { kernel, dilation, groups }: ConvolutionNode,
  channels: number,
  rowPitch: number,
): Runs {
  // Without groups or dilation the taps of a kernel row lie next to each other.
  const joined = groups === 1 && dilation[1] === 1;
  const perRow = joined ? 1 : kernel[1];
  const offsets = Int32Array.from({ length: kernel[0] * perRow }, (_, run) => {
    const ky = Math.floor(run / perRow);
    const kx = run % perRow;
    return ky * dilation[0] * rowPitch + kx * dilation[1] * channels;
  });
  return { offsets, length: joined ? kernel[1] * channels : channels / groups };
}
