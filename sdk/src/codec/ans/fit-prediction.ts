/** Least-squares coefficients for tap prediction, on weights normalised by their output and input channel. */
import type { WeightLayout } from "../types.js";
import { NEIGHBOURS, neighbourRows, type Prediction, predictionTaps } from "./prediction.js";

/** Residual variance must fall by this factor for a tap's coefficients to be kept. */
const WORTHWHILE = 1.01;

/** Geometries to try: the layout's own taps, or taps that may have been flattened into its input channels. */
export function predictionCandidates({ kernelHeight, kernelWidth, inputs }: WeightLayout): Prediction[] {
  const none = new Int8Array(0);
  if (kernelHeight * kernelWidth > 1) return [{ coefficients: none }];
  const candidates: Prediction[] = [];
  for (const channels of [1, 2, 3, 4]) {
    for (const size of [3, 5, 7]) {
      if (inputs === channels * size * size) {
        candidates.push({ coefficients: none, flattened: { channels, kernelWidth: size } });
      }
    }
  }
  return candidates;
}

/**
 * `ohwi` holds the weights less their center. Returns undefined when no tap can be predicted.
 */
export function fitPrediction(
  ohwi: Int16Array,
  layout: WeightLayout,
  candidate: Prediction,
): Prediction | undefined {
  const grid = predictionTaps(candidate, layout);
  const taps = grid.height * grid.width;
  const { channels } = grid;
  const rows = taps * channels;
  const { outputs } = layout;
  const scale = normalisation(ohwi, outputs, taps, channels);
  const coefficients = new Int8Array(taps * NEIGHBOURS);
  let useful = false;
  for (let tap = 1; tap < taps; tap += 1) {
    const distances = neighbourRows(tap, grid);
    // Normal equations of y ~ c0 x0 + c1 x1 + c2 x2; neighbours that do not exist are left out.
    const moments = new Float64Array(16);
    for (let output = 0; output < outputs; output += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        const at = output * rows + tap * channels + channel;
        const factor = scale.output[output] * scale.input[channel];
        const factorSquare = factor * factor;
        const y = ohwi[at];
        const x0 = distances[0] > 0 ? ohwi[at - distances[0]] : 0;
        const x1 = distances[1] > 0 ? ohwi[at - distances[1]] : 0;
        const x2 = distances[2] > 0 ? ohwi[at - distances[2]] : 0;
        moments[0] += x0 * x0 * factorSquare;
        moments[1] += x0 * x1 * factorSquare;
        moments[2] += x0 * x2 * factorSquare;
        moments[3] += x1 * x1 * factorSquare;
        moments[4] += x1 * x2 * factorSquare;
        moments[5] += x2 * x2 * factorSquare;
        moments[6] += x0 * y * factorSquare;
        moments[7] += x1 * y * factorSquare;
        moments[8] += x2 * y * factorSquare;
        moments[9] += y * y * factorSquare;
      }
    }
    const [m00, m01, m02, m11, m12, m22, y0, y1, y2, yy] = moments;
    const solution = solve([
      [m00, m01, m02, y0],
      [m01, m11, m12, y1],
      [m02, m12, m22, y2],
    ]);
    const rounded = solution.map((value) => Math.min(31, Math.max(-32, Math.round(value * 32))));
    const [c0, c1, c2] = rounded.map((value) => value / 32);
    const left =
      yy -
      2 * (c0 * y0 + c1 * y1 + c2 * y2) +
      c0 * c0 * m00 +
      c1 * c1 * m11 +
      c2 * c2 * m22 +
      2 * (c0 * c1 * m01 + c0 * c2 * m02 + c1 * c2 * m12);
    if (yy > left * WORTHWHILE && rounded.some((value) => value !== 0)) {
      coefficients.set(rounded, tap * NEIGHBOURS);
      useful = true;
    }
  }
  return useful ? { ...candidate, coefficients } : undefined;
}

/** 1 / root mean square of each output channel, and of each input channel after that. */
function normalisation(
  ohwi: Int16Array,
  outputs: number,
  taps: number,
  channels: number,
): { output: Float64Array; input: Float64Array } {
  const rows = taps * channels;
  const output = new Float64Array(outputs);
  const input = new Float64Array(channels);
  for (let o = 0; o < outputs; o += 1) {
    let sum = 0;
    for (let row = 0; row < rows; row += 1) sum += ohwi[o * rows + row] ** 2;
    output[o] = 1 / (Math.sqrt(sum / rows) + 0.3);
  }
  for (let o = 0; o < outputs; o += 1) {
    for (let row = 0; row < rows; row += 1) {
      const value = ohwi[o * rows + row] * output[o];
      input[row % channels] += value * value;
    }
  }
  for (let i = 0; i < channels; i += 1) input[i] = 1 / (Math.sqrt(input[i] / (outputs * taps)) + 0.05);
  return { output, input };
}

/** Gaussian elimination with pivoting; a vanishing pivot leaves its unknown 0. */
function solve(matrix: number[][]): number[] {
  const size = matrix.length;
  const free: boolean[] = new Array(size).fill(false);
  const rowOf: number[] = new Array(size).fill(-1);
  let row = 0;
  for (let column = 0; column < size; column += 1) {
    let pivot = row;
    for (let r = row; r < size; r += 1) {
      if (Math.abs(matrix[r][column]) > Math.abs(matrix[pivot][column])) pivot = r;
    }
    if (row >= size || Math.abs(matrix[pivot][column]) < 1e-9) {
      free[column] = true;
      continue;
    }
    [matrix[row], matrix[pivot]] = [matrix[pivot], matrix[row]];
    for (let r = 0; r < size; r += 1) {
      if (r === row) continue;
      const factor = matrix[r][column] / matrix[row][column];
      for (let c = column; c <= size; c += 1) matrix[r][c] -= factor * matrix[row][c];
    }
    rowOf[column] = row;
    row += 1;
  }
  return rowOf.map((r, column) => (free[column] ? 0 : matrix[r][size] / matrix[r][column]));
}
