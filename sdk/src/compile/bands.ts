/**
 * Bands of output rows for a layer whose tensors do not fit the activation memory together: which rows of each tensor
 * a band touches, where DDR's 16-byte alignment lets a band begin, and how high bands can be.
 */

import { pixelGroups } from "../overlay/activation-layout.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { ActivationBuffer, EngineLayer } from "./engine-layer.js";

export const DDR_ALIGNMENT = 16;

/** Rows [first, end). */
export interface RowRange {
  readonly first: number;
  readonly end: number;
}

/** Activation rows that `rows` image rows of a buffer take. */
export function activationRowsOf(buffer: ActivationBuffer, rows: number, geometry: OverlayGeometry): number {
  return rows * pixelGroups(buffer.width, geometry) * buffer.words;
}

/** Bytes of one image row in DDR. The input frame is packed when any layer expands its windows. */
export function ddrRowBytes(buffer: ActivationBuffer, packed: boolean, geometry: OverlayGeometry): number {
  if (buffer.origin === "input" && packed) return buffer.width * buffer.channels;
  return buffer.width * buffer.words * geometry.inputs;
}

/** Rows of `buffer` that output rows `band` need or make, clipped to the buffer. */
export function rowsTouched(layer: EngineLayer, buffer: ActivationBuffer, band: RowRange): RowRange {
  const isInput = layer.inputs.some((stored) => stored.buffer === buffer);
  if (!isInput || layer.opcode === "ADD") return band;
  const { kernel, stride, dilation, padding } = layer.window;
  const first = band.first * stride[0] - padding.top;
  const end = (band.end - 1) * stride[0] - padding.top + (kernel[0] - 1) * dilation[0] + 1;
  const clipped = Math.min(Math.max(first, 0), buffer.height - 1);
  // A band whose windows lie in the padding entirely still reads one row, so that it has an input.
  return { first: clipped, end: Math.max(Math.min(end, buffer.height), clipped + 1) };
}

/** Rows a LOAD fetches for a band: as rowsTouched, begun earlier where DDR alignment asks for it. */
export function rowsLoaded(
  layer: EngineLayer,
  buffer: ActivationBuffer,
  band: RowRange,
  packed: boolean,
  geometry: OverlayGeometry,
): RowRange {
  const touched = rowsTouched(layer, buffer, band);
  if (buffer.origin === "taps") return touched;
  const step = alignedRows(ddrRowBytes(buffer, packed, geometry));
  return { first: touched.first - (touched.first % step), end: touched.end };
}

/** Image rows whose size is a multiple of the DDR alignment. */
function alignedRows(rowBytes: number): number {
  let a = DDR_ALIGNMENT;
  let b = rowBytes % DDR_ALIGNMENT;
  while (b !== 0) [a, b] = [b, a % b];
  return DDR_ALIGNMENT / a;
}

/** Where a band may begin: streamed outputs and window-expanding loads address DDR at that row. */
export function canBegin(
  row: number,
  streamed: readonly ActivationBuffer[],
  layer: EngineLayer,
  input: ActivationBuffer,
  geometry: OverlayGeometry,
): boolean {
  // A command has no negative padding: the first window of a band must begin on or above the last row.
  const { stride, padding } = layer.window;
  if (row * stride[0] - padding.top >= layer.inputs[0].shape[0]) return false;
  return streamed.every((buffer) => {
    if (buffer.origin === "taps") {
      const { window } = buffer.taps!;
      const first = row * window.stride[0] - window.padding.top;
      if (first >= input.height) return false;
      return first <= 0 || (first * input.width * input.channels) % DDR_ALIGNMENT === 0;
    }
    const written = layer.outputs.filter((stored) => stored.buffer === buffer);
    if (written.length === 0) return true;
    // The output frame holds the member's own words only, scratch the whole buffer's.
    const sizes = [buffer.words, ...written.map(({ shape }) => Math.ceil(shape[2] / geometry.inputs))];
    return sizes.every((words) => (row * buffer.width * words * geometry.inputs) % DDR_ALIGNMENT === 0);
  });
}

/** Cuts `height` rows into bands of at most `most` rows; undefined when alignment does not allow it. */
export function cutBands(
  height: number,
  most: number,
  begin: (row: number) => boolean,
): RowRange[] | undefined {
  const bands: RowRange[] = [];
  let first = 0;
  while (first < height) {
    let end = Math.min(first + most, height);
    while (end > first && end < height && !begin(end)) end -= 1;
    if (end === first) return undefined;
    bands.push({ first, end });
    first = end;
  }
  return bands;
}
