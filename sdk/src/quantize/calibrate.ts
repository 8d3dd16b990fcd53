/**
 * Ranges of activations from unlabelled images: minimum and maximum, percentiles, or the clip of least mean square
 * error (100 ratios in [0.2, 1], methods of arXiv 2106.08295 section 3).
 */
import type { FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import type { ActivationGrid, ScaleKind } from "./grids.js";
import { type Activations, Liveness, runNode } from "./stepwise.js";
import { planStorage } from "./stored-tensors.js";

export type RangeMethod =
  | { readonly kind: "min-max" }
  /** Share of the values inside the range, for example 0.9999; both ends lose half of the rest. */
  | { readonly kind: "percentile"; readonly share: number }
  | { readonly kind: "mse" };

export interface CalibrationOptions {
  readonly scales: ScaleKind;
  /** 4..8, for what weights multiply. The input, the logits and what is only added have 8. */
  readonly bits: number;
  readonly range: RangeMethod;
  /**
   * Filled, where given: averages, and tensors that are added as well as multiplied, keep 8 bits, and this is the coarser
   * grid on which weights read them.
   */
  readonly operands?: Map<TensorId, ActivationGrid>;
  /** Steps known already, of non-negative tensors as weights read them (`chooseActivationSteps`). */
  readonly steps?: ReadonlyMap<TensorId, number>;
}

const RATIOS = 100;
const LEAST_RATIO = 0.2;
/** Values kept of a tensor for the searches. */
const SAMPLES = 65_536;

/** Sorted sample of a tensor with its exact ends. */
export interface Sample {
  readonly min: number;
  readonly max: number;
  readonly sorted: Float32Array;
}

export function sampleOf(values: Float32Array): Sample {
  const step = Math.max(1, Math.floor(values.length / SAMPLES));
  // An odd step visits every channel of tensors whose channel count is a power of two.
  const stride = step % 2 === 0 ? step + 1 : step;
  const sorted = new Float32Array(Math.ceil(values.length / stride));
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] < min) min = values[index];
    if (values[index] > max) max = values[index];
  }
  for (let index = 0; index < sorted.length; index += 1) sorted[index] = values[index * stride];
  return { min, max, sorted: sorted.sort() };
}

/** Grids of a graph's tensors, one after the other in network order, as their values become known. */
export class Calibration {
  readonly grids = new Map<TensorId, ActivationGrid>();
  private readonly stored;
  private readonly factors;
  private readonly operands;

  constructor(
    private readonly graph: FloatGraph,
    private readonly options: CalibrationOptions,
  ) {
    this.stored = planStorage(graph).stored;
    this.operands = options.bits < 8 ? options.operands : undefined;
    this.factors = multipliedTensors(graph, this.operands !== undefined);
  }

  /** @param values of the tensor for all images, from the float model */
  visit(id: TensorId, values: Activations): void {
    const { graph, options, grids, factors, stored, operands } = this;
    const tensor = stored.get(id);
    if (!tensor) return;
    const isEnd = id === graph.input || id === graph.output;
    const isAverage = stored.get(tensor.gridOf)?.averageOf !== undefined;
    const isSplit =
      operands && !isEnd && (isAverage ? isMultiplied(graph, id) : isAddedAndMultiplied(graph, id));
    const inherited = tensor.gridOf !== id ? grids.get(tensor.gridOf) : undefined;
    if (inherited && !isSplit) {
      grids.set(id, inherited);
      return;
    }
    const sample = sampleOf(values);
    const nonNegative = tensor.nonNegative || (sample.min >= 0 && id === graph.input);
    const step = nonNegative ? options.steps?.get(id) : undefined;
    const multiplied =
      step === undefined
        ? gridFor(sample, options, nonNegative)
        : gridOfRange(0, step * (2 ** options.bits - 1), options, true);
    if (isSplit) operands.set(id, multiplied);
    if (inherited) {
      grids.set(id, inherited);
      return;
    }
    const isFine = isEnd || !factors.has(id) || isSplit || (operands && isAverage);
    const fine = isEnd
      ? { ...options, bits: 8, range: { kind: "min-max" } as const }
      : { ...options, bits: 8 };
    const isSymmetric = operands && !nonNegative && options.scales === "free" && isAveraged(graph, id);
    const grid = isSymmetric
      ? symmetricGrid(sample)
      : isFine
        ? gridFor(sample, fine, nonNegative)
        : multiplied;
    const pooled = tensor.averageOf === undefined ? undefined : grids.get(tensor.averageOf);
    grids.set(id, pooled ? pooledGrid(pooled, sample, grid) : grid);
  }
}

/** @param images values of the model's input, one image after the other (float, preprocessed) */
export function calibrate(
  graph: FloatGraph,
  images: Activations,
  count: number,
  options: CalibrationOptions,
): Map<TensorId, ActivationGrid> {
  const calibration = new Calibration(graph, options);
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  const liveness = new Liveness(graph);
  calibration.visit(graph.input, images);
  for (const node of graph.nodes) {
    const output = runNode(graph, node, values, count);
    values.set(node.output, output);
    calibration.visit(node.output, output);
    liveness.afterNode(node, values);
  }
  return calibration.grids;
}

/**
 * Tensors whose grid weights multiply, their own or one that takes it over.
 * @param stopAtAverages averages are read on grids of their own, so that what they average is not multiplied
 */
export function multipliedTensors(graph: FloatGraph, stopAtAverages = false): Set<TensorId> {
  const { stored } = planStorage(graph);
  const result = new Set<TensorId>();
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || node.structural) continue;
    let tensor = stored.get(node.inputs[0]);
    while (tensor && !result.has(tensor.id)) {
      result.add(tensor.id);
      if (stopAtAverages && tensor.averageOf !== undefined) break;
      const source = tensor.averageOf ?? tensor.gridOf;
      tensor = stored.get(source);
    }
  }
  return result;
}

/** What an average pool reads or gives: its quotient is simple where zero is in the middle. */
function isAveraged(graph: FloatGraph, id: TensorId): boolean {
  return graph.nodes.some(
    ({ kind, inputs, output }) => kind === "average-pool" && (inputs[0] === id || output === id),
  );
}

/** 8 bits, both signs alike. */
function symmetricGrid({ min, max }: Sample): ActivationGrid {
  return { scale: Math.max(max / 127, -min / 127, 1e-12), zeroPoint: 0, min: -128, max: 127 };
}

function isMultiplied(graph: FloatGraph, id: TensorId): boolean {
  return graph.nodes.some(
    (node) => node.kind === "convolution" && !node.structural && node.inputs.includes(id),
  );
}

/** Read by weights, and by an addition directly or through a parameter-free shortcut. */
function isAddedAndMultiplied(graph: FloatGraph, id: TensorId): boolean {
  const isAdding = (node: FloatNode): boolean =>
    node.kind === "add" || (node.kind === "convolution" && node.structural);
  return isMultiplied(graph, id) && graph.nodes.some((node) => node.inputs.includes(id) && isAdding(node));
}

/** The grid of one tensor. Free scales may have a zero point other than 0; powers of two are symmetric. */
export function gridFor(sample: Sample, options: CalibrationOptions, nonNegative: boolean): ActivationGrid {
  const [low, high] = clippedRange(sample, options, nonNegative);
  return gridOfRange(low, high, options, nonNegative);
}

/** The grid from `low` to `high`. */
export function gridOfRange(
  low: number,
  high: number,
  { scales, bits }: Pick<CalibrationOptions, "scales" | "bits">,
  nonNegative: boolean,
): ActivationGrid {
  const levels = 2 ** bits - 1;
  if (nonNegative) {
    const scale = Math.max(high, 1e-12) / levels;
    return { scale: scales === "free" ? scale : upToPowerOfTwo(scale), zeroPoint: 0, min: 0, max: levels };
  }
  const min = -(2 ** (bits - 1));
  const max = 2 ** (bits - 1) - 1;
  if (scales === "power-of-two") {
    const scale = Math.max(high / max, low / min, 1e-12);
    return { scale: upToPowerOfTwo(scale), zeroPoint: 0, min, max };
  }
  // Zero is on the grid exactly: padding and empty positions hold it.
  const from = Math.min(low, 0);
  const scale = Math.max(Math.max(high, 0) - from, 1e-12) / levels;
  const zeroPoint = Math.min(Math.max(Math.round(min - from / scale), min), max);
  return { scale, zeroPoint, min, max };
}

function upToPowerOfTwo(scale: number): number {
  return 2 ** Math.ceil(Math.log2(scale) - 1e-9);
}

function clippedRange(sample: Sample, options: CalibrationOptions, nonNegative: boolean): [number, number] {
  const { range } = options;
  const { sorted } = sample;
  if (range.kind === "percentile") {
    const outside = (1 - range.share) / 2;
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
    return [at(outside), at(nonNegative ? range.share : 1 - outside)];
  }
  const ends: [number, number] = [sample.min, sample.max];
  if (range.kind === "min-max") return ends;
  let best = ends;
  let least = Number.POSITIVE_INFINITY;
  for (let step = 0; step < RATIOS; step += 1) {
    const ratio = 1 - (step * (1 - LEAST_RATIO)) / (RATIOS - 1);
    const clip: [number, number] = [ends[0] * ratio, ends[1] * ratio];
    const error = squaredError(sorted, gridOfRange(clip[0], clip[1], options, nonNegative));
    if (error < least) {
      least = error;
      best = clip;
    }
  }
  return best;
}

function squaredError(sorted: Float32Array, { scale, zeroPoint, min, max }: ActivationGrid): number {
  const low = (min - zeroPoint) * scale;
  const high = (max - zeroPoint) * scale;
  let sum = 0;
  const stride = Math.max(1, sorted.length >> 13);
  for (let index = 0; index < sorted.length; index += stride) {
    const value = sorted[index];
    const rounded = Math.min(Math.max(Math.round(value / scale) * scale, low), high);
    sum += (value - rounded) ** 2;
  }
  // The stride must not miss the ends, where clipping hurts.
  for (const value of [sorted[0], sorted[sorted.length - 1]]) {
    sum += Math.min(0, value - low) ** 2 + Math.max(0, value - high) ** 2;
  }
  return sum;
}

/** The input's scale divided by the power of two that the pooled range asks for. */
export function pooledGrid(
  input: ActivationGrid,
  sample: Pick<Sample, "min" | "max">,
  wanted: ActivationGrid,
): ActivationGrid {
  const levels = input.max - input.min;
  const bound = Math.max(sample.max / levels, -sample.min / levels, wanted.scale, 1e-12);
  const halvings = Math.max(0, Math.floor(Math.log2(input.scale / bound) + 1e-9));
  if (input.zeroPoint !== 0) return input;
  return { ...input, scale: input.scale / 2 ** halvings };
}

/** A weight scale per output channel: the largest magnitude, or the clip of least mean square error. */
export function weightScales(
  weights: Float32Array | Float64Array,
  outputs: number,
  {
    bits,
    scales,
    perChannel,
    range,
  }: {
    readonly bits: number;
    readonly scales: ScaleKind;
    readonly perChannel: boolean;
    readonly range: "min-max" | "mse";
  },
): Float64Array {
  const levels = 2 ** (bits - 1) - 1;
  const groups = perChannel ? outputs : 1;
  const size = weights.length / groups;
  const result = new Float64Array(outputs);
  for (let group = 0; group < groups; group += 1) {
    const part = weights.subarray(group * size, (group + 1) * size);
    let largest = 0;
    for (const weight of part) largest = Math.max(largest, Math.abs(weight));
    const base = largest > 0 ? largest / levels : 1;
    const candidates =
      range === "min-max"
        ? [1]
        : Array.from({ length: RATIOS }, (_, step) => 1 - (step * 0.8) / (RATIOS - 1));
    let best = base;
    let least = Number.POSITIVE_INFINITY;
    for (const ratio of candidates) {
      const free = base * ratio;
      const scale = scales === "free" ? free : upToPowerOfTwo(free);
      let error = 0;
      for (const weight of part) error += (weight - roundToGrid(weight, scale, levels) * scale) ** 2;
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    if (perChannel) result[group] = best;
    else result.fill(best);
  }
  return result;
}

/** Nearest code of a symmetric grid, -levels..levels. */
export function roundToGrid(weight: number, scale: number, levels: number): number {
  return Math.min(Math.max(Math.round(weight / scale), -levels), levels);
}
