/**
 * The whole of post-training quantisation: calibrated activations, then layer after layer in network order, each on
 * the inputs that the layers quantised before it give.
 */
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import { calibrate, type RangeMethod, roundToGrid, weightScales } from "./calibrate.js";
import { logitSensitivity } from "./fisher.js";
import { descend, type GramSystem, prepareGram, refitScales, roundWithGram } from "./gram-solver.js";
import {
  bitsOf,
  type QuantizationPlan,
  type QuantizedWeights,
  quantizeInPlace,
  type ScaleKind,
} from "./grids.js";
import { damped } from "./linear-algebra.js";
import { defaultWeightOptions, type WeightOptions } from "./methods.js";
import { type Moments, moments } from "./moments.js";
import { quantizeRateDistortion } from "./rate-distortion.js";
import { exactBias, retarget } from "./retarget.js";
import { roundBiases, roundScale } from "./side-information.js";
import { type Activations, Liveness, runNode } from "./stepwise.js";
import { planStorage } from "./stored-tensors.js";
import { clusterWeights } from "./structure/clustering.js";
import type { WeightMasks } from "./structure/magnitude-pruning.js";
import { refitMasked } from "./structure/masked-refit.js";
import { needsSensitivity, pruningMasks } from "./structure/pruning.js";

export interface QuantizeOptions extends Partial<WeightOptions> {
  readonly activationBits?: number;
  readonly range?: RangeMethod;
  /** By node name, what is different for one layer. */
  readonly layers?: ReadonlyMap<string, Partial<WeightOptions>>;
  /** Weights that go (0), by node name; absent: what `pruning` asks for. */
  readonly masks?: WeightMasks;
  /** Of the logits, when it is known already (`logitSensitivity`). */
  readonly sensitivity?: ReadonlyMap<string, Float64Array>;
  /** Seeded numbers in [0, 1) for the logit projections. */
  readonly random: () => number;
  readonly onProgress?: (done: number, layer: string) => void;
}

/** Damping of the second moments for the solvers, as a share of their mean. */
const SOLVER_RIDGE = 0.003;
const DESCENT_PASSES = 3;
const RATE_ROUNDS = 3;
/** Images for the logits' sensitivity: it varies little. */
const SENSITIVITY_IMAGES = 256;

/**
 * @param images the model's input for `count` unlabelled training images (float, preprocessed), one after the other
 * @example
 * const plan = quantizeModel(model, images, 1024, { method: "gram", bits: 4, random });
 * const graph = lowerFloatGraph(model, plan, { inputEncoding });
 */
export function quantizeModel(
  graph: FloatGraph,
  images: Activations,
  count: number,
  options: QuantizeOptions,
): QuantizationPlan {
  const settings = withMethodDefaults({ ...defaultWeightOptions, ...options });
  const { activationBits = 8, range = { kind: "mse" }, onProgress } = options;
  const activations = calibrate(graph, images, count, {
    scales: settings.scales,
    bits: activationBits,
    range,
  });
  const sensitivity =
    options.sensitivity ??
    (needsImportance(settings)
      ? logitSensitivity(graph, images, Math.min(count, SENSITIVITY_IMAGES), options.random)
      : undefined);
  const masks =
    options.masks ??
    (settings.pruning && pruningMasks(graph, images, count, settings.pruning, { ...settings, sensitivity }));
  const { stored } = planStorage(graph);
  const weights = new Map<string, QuantizedWeights>();
  const layers = graph.nodes.filter((node) => node.kind === "convolution" && !node.structural).length;

  const float = new Map<TensorId, Activations>([[graph.input, images]]);
  const quantized = new Map<TensorId, Activations>([[graph.input, images.slice()]]);
  const store = (id: TensorId): void => {
    const grid = stored.has(id) ? activations.get(id) : undefined;
    if (grid) quantizeInPlace(grid, quantized.get(id) as Activations);
  };
  store(graph.input);
  const liveness = new Liveness(graph);
  for (const node of graph.nodes) {
    if (node.kind === "softmax") break;
    float.set(node.output, runNode(graph, node, float, count));
    let executed: FloatNode = node;
    if (node.kind === "convolution" && !node.structural) {
      onProgress?.(weights.size / layers, node.name);
      const layer = quantizeLayer(node);
      weights.set(node.name, layer);
      executed = withWeights(node, layer);
    }
    quantized.set(node.output, runNode(graph, executed, quantized, count));
    store(node.output);
    liveness.afterNode(node, float, quantized);
  }
  onProgress?.(1, "");
  return { scales: settings.scales, activations, weights };

  function quantizeLayer(node: FloatConvolutionNode): QuantizedWeights {
    const layer = options.layers?.get(node.name);
    const own = layer ? withMethodDefaults({ ...settings, ...layer }) : settings;
    return quantizeWith(node, own, masks?.get(node.name));
  }

  function quantizeWith(
    node: FloatConvolutionNode,
    settings: WeightOptions,
    mask: Uint8Array | undefined,
  ): QuantizedWeights {
    if (settings.method === "nearest" && !mask) return nearestWeights(node, settings);
    const x = quantized.get(node.inputs[0]) as Activations;
    const groups = moments(
      node,
      graph.tensors[node.inputs[0]].shape,
      graph.tensors[node.output].shape,
      x,
      targetOf(graph, node, float, quantized),
      count,
      settings,
    );
    const parts = groups.map((group, index) => {
      const { inputs, outputs } = group;
      const own = Float64Array.from(
        node.weights.subarray(index * outputs * inputs, (index + 1) * outputs * inputs),
      );
      const h = sensitivity?.get(node.name)?.subarray(index * outputs, (index + 1) * outputs);
      const kept = mask?.subarray(index * outputs * inputs, (index + 1) * outputs * inputs);
      return quantizeGroup(own, group, settings, { importance: h, mask: kept, random: options.random });
    });
    return join(parts);
  }
}

/**
 * What the layer should give: the float model's own output, or, where it is added to a tensor that is known already,
 * the float sum less that tensor as the quantised network has it.
 */
function targetOf(
  graph: FloatGraph,
  node: FloatConvolutionNode,
  float: ReadonlyMap<TensorId, Activations>,
  quantized: ReadonlyMap<TensorId, Activations>,
): Activations {
  const own = float.get(node.output) as Activations;
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(node.output));
  const [reader] = readers;
  if (readers.length !== 1 || reader.kind !== "add") return own;
  const other = reader.inputs[0] === node.output ? reader.inputs[1] : reader.inputs[0];
  const exact = float.get(other);
  const actual = quantized.get(other);
  return exact && actual ? own.map((value, index) => value + exact[index] - actual[index]) : own;
}

export interface GroupContext {
  /** Squared logit error per squared error of each output; 1 where it is not known. */
  readonly importance?: Float64Array;
  /** [O][K]; 0 for weights that go. */
  readonly mask?: Uint8Array;
  readonly random: () => number;
}

function quantizeGroup(
  own: Float64Array,
  group: Moments,
  settings: WeightOptions,
  context: GroupContext,
): Omit<QuantizedWeights, "bits"> {
  const { inputs, outputs, covariance } = group;
  const { mask } = context;
  if (settings.method === "bias-correction" || settings.method === "nearest") {
    const weights = mask ? own.map((weight, index) => weight * mask[index]) : own;
    const scale = scalesOf(weights, outputs, settings);
    return finish(nearestCodes(weights, scale, settings.bits), scale, group, settings.scales);
  }
  const free = retarget(own, group, settings.ridge);
  const { codes, scale } = solveGroup(free, layerGram(covariance, inputs), settings, context);
  return finish(codes, scale, group, settings.scales);
}

/** Second moments as the solvers want them. */
export function layerGram(covariance: Float64Array, inputs: number): GramSystem {
  return prepareGram(damped(covariance, inputs, SOLVER_RIDGE), inputs);
}

/** Codes and steps for weights `free` [O][K] by any of the methods that weigh errors with second moments. */
export function solveGroup(
  free: Float64Array,
  gram: GramSystem,
  settings: WeightOptions,
  context: GroupContext,
): { codes: Int16Array; scale: Float64Array } {
  const { mask } = context;
  const importance = context.importance ?? new Float64Array(free.length / gram.size).fill(1);
  if (settings.method === "clustering") {
    return clusterWeights(free, gram, {
      clusters: settings.clusters,
      start: settings.clusterStart,
      rounds: settings.clusterRounds,
      importance,
      random: context.random,
    });
  }
  const isPrunedFirst = mask && settings.pruningOrder === "prune-first";
  const target = isPrunedFirst ? refitMasked(free, mask, gram.matrix, gram.size) : free;
  const solverMask = isPrunedFirst ? mask : undefined;
  const solved =
    settings.method === "rate-distortion"
      ? quantizeRateDistortion(target, gram, importance, {
          lambda: settings.lambda,
          kappa: settings.kappa,
          sharedStep: !settings.perChannel,
          rounds: RATE_ROUNDS,
          mask: solverMask,
        })
      : solveFixedBits(target, gram, settings, solverMask);
  let { scale } = solved;
  const { codes } = solved;
  if (mask && !isPrunedFirst) {
    for (let index = 0; index < codes.length; index += 1) codes[index] *= mask[index];
    if (settings.scales === "free" && settings.perChannel) scale = refitScales(free, scale, gram, codes);
  }
  return { codes, scale };
}

function solveFixedBits(
  target: Float64Array,
  gram: GramSystem,
  settings: WeightOptions,
  mask: Uint8Array | undefined,
) {
  let scale = scalesOf(target, target.length / gram.size, settings);
  const importance = new Float64Array(scale.length).fill(1);
  const price = { limit: 2 ** (settings.bits - 1) - 1, lambda: 0, importance, mask };
  const refits = settings.scales === "free" && settings.perChannel && settings.bits < 8;
  if (refits) scale = refitScales(target, scale, gram, roundWithGram(target, scale, gram, price));
  const codes = roundWithGram(target, scale, gram, price);
  descend(target, scale, gram, codes, price, DESCENT_PASSES);
  if (refits) scale = refitScales(target, scale, gram, codes);
  return { codes, scale };
}

/** Pruning as a method of its own drops something; clusters need no widths. */
function withMethodDefaults(settings: WeightOptions): WeightOptions {
  if (settings.method !== "pruning" || settings.pruning) return settings;
  return { ...settings, pruning: { kind: "obs", share: 0.5 } };
}

function needsImportance({ method, pruning }: WeightOptions): boolean {
  return (
    method === "rate-distortion" || method === "clustering" || (pruning ? needsSensitivity(pruning) : false)
  );
}

function scalesOf(
  weights: Float64Array,
  outputs: number,
  { bits, scales, perChannel }: WeightOptions,
): Float64Array {
  return weightScales(weights, outputs, {
    bits,
    scales,
    perChannel,
    range: bits >= 8 && scales === "free" ? "min-max" : "mse",
  });
}

function nearestWeights(node: FloatConvolutionNode, settings: WeightOptions): QuantizedWeights {
  const own = Float64Array.from(node.weights);
  const scale = stored(scalesOf(own, node.bias.length, settings), settings.scales);
  const codes = nearestCodes(own, scale, settings.bits);
  return { codes, scale, bias: roundBiases(Float64Array.from(node.bias)), bits: bitsOf(codes) };
}

function nearestCodes(weights: Float64Array, scale: Float64Array, bits: number): Int16Array {
  const size = weights.length / scale.length;
  const levels = 2 ** (bits - 1) - 1;
  return Int16Array.from(weights, (weight, index) =>
    roundToGrid(weight, scale[Math.floor(index / size)], levels),
  );
}

/** Rounds the scales as they are kept, and takes the bias for exactly these weights. */
function finish(codes: Int16Array, scale: Float64Array, group: Moments, scales: ScaleKind) {
  const kept = stored(scale, scales);
  const real = Float64Array.from(codes, (code, index) => code * kept[Math.floor(index / group.inputs)]);
  return { codes, scale: kept, bias: exactBias(real, group) };
}

function stored(scale: Float64Array, scales: ScaleKind): Float64Array {
  return scales === "free" ? scale.map(roundScale) : scale;
}

function join(parts: readonly Omit<QuantizedWeights, "bits">[]): QuantizedWeights {
  const codes = Int16Array.from(parts.flatMap((part) => [...part.codes]));
  const scale = Float64Array.from(parts.flatMap((part) => [...part.scale]));
  const bias = roundBiases(Float64Array.from(parts.flatMap((part) => [...part.bias])));
  return { codes, scale, bias, bits: bitsOf(codes) };
}

function withWeights(
  node: FloatConvolutionNode,
  { codes, scale, bias }: QuantizedWeights,
): FloatConvolutionNode {
  const size = codes.length / scale.length;
  return {
    ...node,
    weights: Float32Array.from(codes, (code, index) => code * scale[Math.floor(index / size)]),
    bias: Float32Array.from(bias),
  };
}
