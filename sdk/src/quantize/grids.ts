/** The grids a float model is put on: integers, and the real size of their steps. */
import type { FloatGraph } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";

/** `free` scales are any positive number; `power-of-two` scales are 2^k, so that requantisation is a shift. */
export type ScaleKind = "free" | "power-of-two";

/** A stored integer q stands for (q - zeroPoint) * scale. */
export interface ActivationGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  /** Inclusive range of the stored integers; 4 to 8 bits inside -128..127 or 0..255. */
  readonly min: number;
  readonly max: number;
}

/** One convolution's weights as integers: w = code * scale[o]. */
export interface QuantizedWeights {
  /** OHWI, -128..127. */
  readonly codes: Int16Array;
  /** Positive; one per output channel. */
  readonly scale: Float64Array;
  /** Real numbers, one per output channel; rounded to the accumulator's grid when lowered. */
  readonly bias: Float64Array;
  /** 1..8, the narrowest two's-complement width that holds the codes. */
  readonly bits: number;
}

/** Everything `lowerFloatGraph` needs beside the model. */
export interface QuantizationPlan {
  readonly scales: ScaleKind;
  /** The model these integers belong to, where the method changed it: channels equalised, ReLU6 opened. */
  readonly model?: FloatGraph;
  /** One grid for every tensor that `storedTensors` lists. */
  readonly activations: ReadonlyMap<TensorId, ActivationGrid>;
  /** Coarser grids on which weights read tensors that additions read on their own grid. */
  readonly operands?: ReadonlyMap<TensorId, ActivationGrid>;
  /** By node name, every convolution that is not structural. */
  readonly weights: ReadonlyMap<string, QuantizedWeights>;
}

/** The real value of a number on the grid, ties to even; the grid's ends saturate. */
export function quantizeTo({ scale, zeroPoint, min, max }: ActivationGrid, value: number): number {
  const steps = roundHalfEven(value / scale) + zeroPoint;
  return (Math.min(Math.max(steps, min), max) - zeroPoint) * scale;
}

/** `quantizeTo` on a whole tensor, in place. */
export function quantizeInPlace({ scale, zeroPoint, min, max }: ActivationGrid, values: Float32Array): void {
  const low = min - zeroPoint;
  const high = max - zeroPoint;
  for (let index = 0; index < values.length; index += 1) {
    const steps = values[index] / scale + HALF_EVEN - HALF_EVEN;
    values[index] = Math.min(Math.max(steps, low), high) * scale;
  }
}

/** Adding and taking it away leaves no room for fractions: a double rounds to the nearest integer, ties to even. */
const HALF_EVEN = 1.5 * 2 ** 52;

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Narrowest two's-complement width of the codes, 1..8 (1 where all are 0 or -1). */
export function bitsOf(codes: Int16Array): number {
  let bits = 1;
  for (const code of codes) while (code < -(2 ** (bits - 1)) || code > 2 ** (bits - 1) - 1) bits += 1;
  return bits;
}

/** Weights of the model that are quantised: those of convolutions that are not structural. */
export function quantizedWeightCount(graph: FloatGraph): number {
  return graph.nodes.reduce(
    (sum, node) => sum + (node.kind === "convolution" && !node.structural ? node.weights.length : 0),
    0,
  );
}
