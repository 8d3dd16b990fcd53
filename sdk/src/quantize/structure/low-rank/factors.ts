/** A convolution written as a chain of smaller ones. */
import type { FloatConvolutionNode } from "../../../graph/float.js";

/** One link of the chain; the first takes the layer's input, the last gives its output and has its bias. */
export interface Factor {
  readonly outputs: number;
  /** Whether this link has the layer's window; the others are 1x1. */
  readonly hasWindow: boolean;
  /** OHWI. */
  readonly weights: Float32Array;
}

export interface Factorization {
  readonly factors: readonly Factor[];
  /** "rank 12", "ranks 8 and 14". */
  readonly ranks: string;
}

/** @param energy share of the squared weights the ranks must hold, 0..1 */
export type Factorize = (node: FloatConvolutionNode, energy: number) => Factorization;

export function taps({ kernel }: FloatConvolutionNode): number {
  return kernel[0] * kernel[1];
}

/** Weights of one filter. */
export function filterSize({ weights, bias }: FloatConvolutionNode): number {
  return weights.length / bias.length;
}

/** [a][k] times [k][b]. */
export function multiply(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  a: number,
  k: number,
  b: number,
): Float64Array {
  const result = new Float64Array(a * b);
  for (let i = 0; i < a; i += 1) {
    for (let m = 0; m < k; m += 1) {
      const value = x[i * k + m];
      if (value === 0) continue;
      for (let j = 0; j < b; j += 1) result[i * b + j] += value * y[m * b + j];
    }
  }
  return result;
}

/** [rows][columns] to [columns][rows]. */
export function transpose(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) result[j * rows + i] = values[i * columns + j];
  }
  return result;
}
