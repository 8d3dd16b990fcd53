/**
 * Quantisation without any data: ranges and bias correction from batch-norm statistics (arXiv 1906.04721, sections 4.2
 * and 5.1; biases: b - (Q(W) - W) E[x]).
 */
import type { FloatConvolutionNode, FloatGraph } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";
import { gridOfRange, multipliedTensors, pooledGrid } from "../calibrate.js";
import { type ActivationGrid, bitsOf, type QuantizationPlan, type QuantizedWeights } from "../grids.js";
import { solveNearest } from "../layer-solver.js";
import { type WeightOptions, weightScaleKind } from "../methods.js";
import { roundBiases, roundScale } from "../side-information.js";
import { planStorage } from "../stored-tensors.js";
import { type TensorStatistics, tensorStatistics } from "./tensor-statistics.js";

export interface DataFreeOptions {
  readonly activationBits: number;
  /** Ends of the model's input values. */
  readonly inputRange: readonly [number, number];
}

/** @throws {GraphError} `no-statistics` when the model has no batch normalisation left to go by */
export function quantizeDataFree(
  graph: FloatGraph,
  settings: WeightOptions,
  { activationBits, inputRange }: DataFreeOptions,
): QuantizationPlan {
  const statistics = tensorStatistics(graph, inputRange);
  const activations = dataFreeGrids(graph, statistics, settings, activationBits);
  const weights = new Map<string, QuantizedWeights>();
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || node.structural) continue;
    weights.set(node.name, quantizeLayer(node, statistics.get(node.inputs[0]) as TensorStatistics, settings));
  }
  return { scales: settings.scales, activations, weights };
}

/** A grid for every stored tensor. */
function dataFreeGrids(
  graph: FloatGraph,
  statistics: ReadonlyMap<TensorId, TensorStatistics>,
  { scales }: WeightOptions,
  activationBits: number,
): Map<TensorId, ActivationGrid> {
  const grids = new Map<TensorId, ActivationGrid>();
  const factors = multipliedTensors(graph);
  for (const tensor of planStorage(graph).stored.values()) {
    const { id } = tensor;
    const inherited = tensor.gridOf !== id ? grids.get(tensor.gridOf) : undefined;
    if (inherited) {
      grids.set(id, inherited);
      continue;
    }
    const { low, high } = statistics.get(id) as TensorStatistics;
    const ends = { min: low.reduce((a, b) => Math.min(a, b)), max: high.reduce((a, b) => Math.max(a, b)) };
    const isEnd = id === graph.input || id === graph.output;
    const bits = isEnd || !factors.has(id) ? 8 : activationBits;
    const nonNegative = tensor.nonNegative || (id === graph.input && ends.min >= 0);
    const grid = gridOfRange(ends.min, ends.max, { scales, bits }, nonNegative);
    const pooled = tensor.averageOf === undefined ? undefined : grids.get(tensor.averageOf);
    grids.set(id, pooled ? pooledGrid(pooled, ends, grid) : grid);
  }
  return grids;
}

function quantizeLayer(
  node: FloatConvolutionNode,
  x: TensorStatistics,
  settings: WeightOptions,
): QuantizedWeights {
  const outputs = node.bias.length;
  const own = Float64Array.from(node.weights);
  const { codes, scale } = solveNearest(own, outputs, settings);
  const kept = weightScaleKind(settings) === "free" ? scale.map(roundScale) : scale;
  const size = own.length / outputs;
  const perGroup = x.mean.length / node.groups;
  const bias = Float64Array.from(node.bias, (value, o) => {
    const first = Math.floor((o * node.groups) / outputs) * perGroup;
    let sum = value;
    for (let k = 0; k < size; k += 1) {
      const index = o * size + k;
      sum -= (codes[index] * kept[o] - own[index]) * x.mean[first + (k % perGroup)];
    }
    return sum;
  });
  return { codes, scale: kept, bias: roundBiases(bias), bits: bitsOf(codes) };
}
