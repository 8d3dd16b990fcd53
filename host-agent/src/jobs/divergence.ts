/** Where two executions part: the first layer, the first element, and what the pattern of differences suggests. */
import type { LayerInfo } from "@sluice/sdk/compile";

export interface Divergence {
  readonly layer: string;
  readonly layerIndex: number;
  readonly tensor: string;
  readonly image: number;
  /** [n, y, x, channel]; n is the image. */
  readonly element: readonly [number, number, number, number];
  /** Stored integers as the source framework writes them. */
  readonly expected: number;
  readonly found: number;
  readonly differing: number;
  readonly elements: number;
  readonly cause: string;
}

/**
 * Compares codes row-major [rows][width][channels]; undefined when all are equal.
 * `row0` is the first row in the whole tensor when the layer was computed in bands.
 */
export function findDivergence(
  expected: ArrayLike<number>,
  found: ArrayLike<number>,
  layer: LayerInfo,
  output: number,
  image: number,
): Divergence | undefined {
  const [, width, channels] = layer.shape;
  const differing: number[] = [];
  for (let index = 0; index < expected.length; index += 1) {
    if (expected[index] !== found[index]) differing.push(index);
  }
  if (differing.length === 0 && expected.length === found.length) return undefined;
  const first = differing[0] ?? found.length;
  const channel = first % channels;
  const pixel = Math.floor(first / channels);
  const { tensor, codeOffset } = layer.outputs[output];
  return {
    layer: layer.name,
    layerIndex: layer.index,
    tensor,
    image,
    element: [image, layer.rows[0] + Math.floor(pixel / width), pixel % width, channel],
    expected: expected[first] + codeOffset,
    found: found[first] + codeOffset,
    differing: differing.length,
    elements: expected.length,
    cause: likelyCause(expected, found, differing, layer),
  };
}

/** A guess from the pattern; worded as one. */
function likelyCause(
  expected: ArrayLike<number>,
  found: ArrayLike<number>,
  differing: readonly number[],
  layer: LayerInfo,
): string {
  const [, width, channels] = layer.shape;
  if (found.length !== expected.length) return "the tensor has another size than the graph says";
  const values = Array.from({ length: found.length }, (_, index) => found[index]);
  if (values.every((value) => value === values[0]))
    return "the output holds one value only: probably never written";
  const channelsHit = new Set(differing.map((index) => index % channels));
  const columnsHit = new Set(differing.map((index) => Math.floor(index / channels) % width));
  const largest = differing.reduce(
    (most, index) => Math.max(most, Math.abs(expected[index] - found[index])),
    0,
  );
  if (differing.length === 1) {
    const bits = (expected[differing[0]] ^ found[differing[0]]) & 0xff;
    if ((bits & (bits - 1)) === 0) return "a single bit differs: a memory or link error";
  }
  if (largest === 1) return "differences of one step: a rounding mode or a rounding stage";
  if (channelsHit.size <= Math.max(1, channels / 8)) {
    return "few channels differ: weights or parameters of these channels";
  }
  if (columnsHit.size <= 2 && width > 4) return "only edge columns differ: padding";
  return "values differ everywhere: weights, input or layout";
}
