/**
 * The whole of post-training quantisation: calibrated activations, then layer after layer in network order, each on
 * the inputs that the layers quantised before it give.
 */

import { GraphError } from "../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import { equalizeActivations } from "./activation-equalization.js";
import { type ActivationSteps, chooseActivationSteps } from "./activation-steps.js";
import { Calibration, type RangeMethod } from "./calibrate.js";
import {
  averaged,
  classifyBeforeAveraging,
  feltAsAverages,
  isAveragedOnly,
} from "./classify-before-averaging.js";
import { equalizeModel, quantizeDataFree, withMeasuredStatistics } from "./data-free/index.js";
import { diagonalsOf, logitCoupling, logitSensitivity } from "./fisher.js";
import {
  type ActivationGrid,
  bitsOf,
  type QuantizationPlan,
  type QuantizedWeights,
  quantizeInPlace,
} from "./grids.js";
import { type GroupContext, layerGram, solveGroup, solveNearest } from "./layer-solver.js";
import { fitExponent } from "./level-sets/index.js";
import { defaultWeightOptions, needsNoMoments, type WeightOptions, weightScaleKind } from "./methods.js";
import { type Moments, moments } from "./moments.js";
import type { LayerCodes } from "./rate-distortion.js";
import { exactBias, retarget } from "./retarget.js";
import { coarseSide, exactSide, preciseSide, type SideRounding } from "./side-information.js";
import { type Activations, Liveness, runNode } from "./stepwise.js";
import { planStorage } from "./stored-tensors.js";
import type { WeightMasks } from "./structure/magnitude-pruning.js";
import { needsSensitivity, pruningMasks } from "./structure/pruning.js";

export interface QuantizeOptions extends Partial<WeightOptions> {
  readonly activationBits?: number;
  readonly range?: RangeMethod;
  /** Activations of fewer than 8 bits: how far channels are brought to their own best steps, 0..1; default 1. */
  readonly channelShare?: number;
  /** By node name, what is different for one layer. */
  readonly layers?: ReadonlyMap<string, Partial<WeightOptions>>;
  /** Weights that go (0), by node name; absent: what `pruning` asks for. */
  readonly masks?: WeightMasks;
  /** Ends of the model's input values, for quantisation without data; default the range of normalised pictures. */
  readonly inputRange?: readonly [number, number];
  /** Grids from an earlier calibration; absent: calibrated here. */
  readonly activations?: ReadonlyMap<TensorId, ActivationGrid>;
  /** Of the logits, when it is known already (`logitSensitivity`). */
  readonly sensitivity?: ReadonlyMap<string, Float64Array>;
  /** The same with the products of outputs, for rate-distortion (`logitCoupling`). */
  readonly coupling?: ReadonlyMap<string, Float64Array>;
  /** Seeded numbers in [0, 1) for the logit projections. */
  readonly random: () => number;
  readonly onProgress?: (done: number, layer: string) => void;
}

/** 0..255 less the usual mean, over the usual deviation. */
const PICTURE_RANGE = [-2.2, 2.7] as const;
/** Images for the logits' sensitivity: it varies little. */
const SENSITIVITY_IMAGES = 256;
/** The products of all pairs of outputs, by which rate-distortion weighs errors, vary more. */
const COUPLING_IMAGES = 1_024;
/** The rounding errors of coarse inputs are in their second moments already, and hold weights back as they should be. */
const FEW_BITS_RIDGE = 0.002;
/** Images for the steps of activations of few bits, and for the sensitivity that weighs them. */
const STEP_IMAGES = 256;
const STEP_SENSITIVITY_IMAGES = 64;

/**
 * @param images the model's input for `count` unlabelled training images (float, preprocessed), one after the other;
 *   with none, the methods `dfq` and those that look at weights alone go by batch-norm statistics
 * @throws {GraphError} `needs-images` when a method cannot do without
 * @example
 * const plan = quantizeModel(model, images, 1024, { method: "gram", bits: 4, random });
 * const graph = lowerFloatGraph(model, plan, { inputEncoding });
 */
export function quantizeModel(
  model: FloatGraph,
  images: Activations,
  count: number,
  options: QuantizeOptions,
): QuantizationPlan {
  const ridge = (options.activationBits ?? 8) < 8 ? FEW_BITS_RIDGE : defaultWeightOptions.ridge;
  const settings = withMethodDefaults(model, { ...defaultWeightOptions, ridge, ...options });
  const { activationBits = 8, range = { kind: "mse" }, onProgress, inputRange = PICTURE_RANGE } = options;
  const arranged = activationBits < 8 && count > 0 ? classifyBeforeAveraging(model) : model;
  const equalized = settings.equalize ? equalizedOn(arranged, images, count) : arranged;
  const smooth =
    settings.smoothing > 0 && count > 0 ? smoothed(equalized, images, count, settings) : equalized;
  const { graph, steps } = choosesSteps(options, settings, count)
    ? stepsOf(smooth, images, count, options)
    : { graph: smooth, steps: undefined };
  if (count === 0) {
    requireNoImages(settings);
    const plan = quantizeDataFree(graph, settings, { activationBits, inputRange });
    return graph === model ? plan : { ...plan, model: graph };
  }
  const operands = new Map<TensorId, ActivationGrid>();
  const calibration = options.activations
    ? undefined
    : new Calibration(graph, { scales: settings.scales, bits: activationBits, range, operands, steps });
  const activations = options.activations ?? (calibration as Calibration).grids;
  const isKnown =
    options.coupling ?? (settings.method === "rate-distortion" ? undefined : options.sensitivity);
  const couplingImages = settings.method === "rate-distortion" ? COUPLING_IMAGES : SENSITIVITY_IMAGES;
  const felt =
    options.coupling ??
    (needsImportance(settings) && !isKnown
      ? logitCoupling(graph, images, Math.min(count, couplingImages), options.random)
      : undefined);
  const coupling = felt && activationBits < 8 ? feltAsAverages(graph, felt) : felt;
  const sensitivity = options.sensitivity ?? (coupling && diagonalsOf(coupling));
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
  calibration?.visit(graph.input, images);
  store(graph.input);
  const liveness = new Liveness(graph);
  let isOver = false;
  for (const node of graph.nodes) {
    const exact = runNode(graph, node, float, count);
    float.set(node.output, exact);
    calibration?.visit(node.output, exact);
    // Its integers are a table; nothing from there on has weights.
    isOver ||= node.kind === "softmax";
    if (isOver) {
      liveness.afterNode(node, float);
      continue;
    }
    let executed: FloatNode = node;
    if (node.kind === "convolution" && !node.structural) {
      onProgress?.(weights.size / layers, node.name);
      const layer = quantizeLayer(node);
      weights.set(node.name, layer);
      executed = withWeights(node, layer);
    }
    quantized.set(node.output, runNode(graph, executed, operandsOf(node), count));
    store(node.output);
    liveness.afterNode(node, float, quantized);
  }
  onProgress?.(1, "");
  const plan = { scales: settings.scales, activations, operands, weights };
  return graph === model ? plan : { ...plan, model: graph };

  /** What a node reads; weights read tensors that are added too on a grid of their own. */
  function operandsOf(node: FloatNode): ReadonlyMap<TensorId, Activations> {
    const [input] = node.inputs;
    const grid = node.kind === "convolution" && !node.structural ? operands.get(input) : undefined;
    if (!grid) return quantized;
    const values = (quantized.get(input) as Activations).slice();
    quantizeInPlace(grid, values);
    return new Map([[input, values]]);
  }

  function quantizeLayer(node: FloatConvolutionNode): QuantizedWeights {
    const layer = options.layers?.get(node.name);
    const own = layer ? withMethodDefaults(graph, { ...settings, ...layer }) : settings;
    return quantizeWith(node, own, masks?.get(node.name));
  }

  function momentsOf(node: FloatConvolutionNode, settings: WeightOptions): Moments[] {
    const [input] = node.inputs;
    const x = operandsOf(node).get(input) as Activations;
    const target = targetOf(graph, node, float, quantized);
    const [from, to] = [graph.tensors[input].shape, graph.tensors[node.output].shape];
    // Its errors are felt as their average, so the average is what it is fitted to.
    if (activationBits < 8 && isAveragedOnly(graph, node)) {
      const [means, targets] = [
        averaged(graph, input, x, count),
        averaged(graph, node.output, target, count),
      ];
      return moments(node, [1, 1, from[2]], [1, 1, to[2]], means, targets, count, settings);
    }
    return moments(node, from, to, x, target, count, settings);
  }

  function quantizeWith(
    node: FloatConvolutionNode,
    settings: WeightOptions,
    mask: Uint8Array | undefined,
  ): QuantizedWeights {
    if (needsNoMoments(settings) && !mask) return nearestWeights(node, settings);
    const groups = momentsOf(node, settings);
    const parts = groups.map((group, index) => {
      const { inputs, outputs } = group;
      const own = Float64Array.from(
        node.weights.subarray(index * outputs * inputs, (index + 1) * outputs * inputs),
      );
      const h = sensitivity?.get(node.name)?.subarray(index * outputs, (index + 1) * outputs);
      const kept = mask?.subarray(index * outputs * inputs, (index + 1) * outputs * inputs);
      const all = coupling?.get(node.name);
      return quantizeGroup(own, group, settings, {
        importance: h,
        coupling: all && groupCoupling(all, node.bias.length, { inputs, outputs }, index),
        taps: node.kernel[0] * node.kernel[1],
        mask: kept,
        random: options.random,
      });
    });
    return join(parts, sideOf(settings));
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
  if (!exact || !actual) return own;
  const target = new Float32Array(own.length);
  for (let index = 0; index < own.length; index += 1)
    target[index] = own[index] + exact[index] - actual[index];
  return target;
}

function quantizeGroup(
  own: Float64Array,
  group: Moments,
  settings: WeightOptions,
  context: GroupContext,
): Omit<QuantizedWeights, "bits"> {
  const { inputs, outputs, covariance } = group;
  if (isNearestWithBiases(settings)) {
    const { mask } = context;
    const weights = mask ? own.map((weight, index) => weight * mask[index]) : own;
    return finish(solveNearest(weights, outputs, settings), group, settings);
  }
  const free = retarget(own, group, settings.ridge);
  return finish(solveGroup(free, layerGram(covariance, inputs), settings, context), group, settings);
}

/** Codes by the weights alone, and biases that restore the means. */
function isNearestWithBiases(settings: WeightOptions): boolean {
  return settings.method === "bias-correction" || settings.method === "dfq" || needsNoMoments(settings);
}

/** What a method's name stands for beside itself. */
function withMethodDefaults(graph: FloatGraph, settings: WeightOptions): WeightOptions {
  const { method, pruning, exponent, bits } = settings;
  switch (method) {
    case "pruning":
      return { ...settings, pruning: pruning ?? { kind: "obs", share: 0.5 } };
    case "dfq":
      return { ...settings, equalize: true };
    case "power-quant":
      return { ...settings, exponent: exponent ?? fitExponent(graph, bits) };
    default:
      return settings;
  }
}

/** Statistics of batch normalisations serve; where there are none, those of some images. */
function equalizedOn(model: FloatGraph, images: Activations, count: number): FloatGraph {
  const known = model.nodes.some((node) => node.kind === "convolution" && node.statistics);
  const used = Math.min(count, SENSITIVITY_IMAGES);
  const size = count > 0 ? images.length / count : 0;
  return equalizeModel(
    known || count === 0 ? model : withMeasuredStatistics(model, images.subarray(0, used * size), used),
  );
}

function smoothed(graph: FloatGraph, images: Activations, count: number, { smoothing }: WeightOptions) {
  const used = Math.min(count, SENSITIVITY_IMAGES);
  return equalizeActivations(graph, images.subarray(0, (used * images.length) / count), used, smoothing);
}

/** Fewer than 8 bits on free scales, unless a range was asked for or something is given that belongs to other channels. */
function choosesSteps(options: QuantizeOptions, { scales }: WeightOptions, count: number): boolean {
  const { activationBits = 8, range, activations, sensitivity, coupling } = options;
  const isFree = activationBits < 8 && count > 0 && scales === "free";
  return isFree && (range?.kind ?? "mse") === "mse" && !activations && !sensitivity && !coupling;
}

function stepsOf(
  graph: FloatGraph,
  images: Activations,
  count: number,
  { activationBits = 8, channelShare = 1, random }: QuantizeOptions,
): ActivationSteps {
  const used = Math.min(count, STEP_IMAGES);
  const size = images.length / count;
  const few = Math.min(count, STEP_SENSITIVITY_IMAGES);
  const sensitivity = logitSensitivity(graph, images.subarray(0, few * size), few, random);
  return chooseActivationSteps(graph, images.subarray(0, used * size), used, {
    bits: activationBits,
    sensitivity,
    strength: channelShare,
  });
}

function requireNoImages(settings: WeightOptions): void {
  if (isNearestWithBiases(settings)) return;
  throw new GraphError(
    "needs-images",
    `The method ${settings.method} cannot do without calibration images.`,
    {
      expected: "at least one image",
      found: "none",
      hint: "Give images, or use the method dfq.",
    },
  );
}

function needsImportance(settings: WeightOptions): boolean {
  const { method, pruning, perChannel } = settings;
  if (pruning && needsSensitivity(pruning)) return true;
  if (isNearestWithBiases(settings)) return false;
  // Wherever outputs share something: a price, a budget, a scale.
  return method === "rate-distortion" || method === "clustering" || method === "sva" || !perChannel;
}

function nearestWeights(node: FloatConvolutionNode, settings: WeightOptions): QuantizedWeights {
  const { codes, scale } = solveNearest(Float64Array.from(node.weights), node.bias.length, settings);
  const side = sideOf(settings);
  const bias = side.bias(Float64Array.from(node.bias));
  return { codes, scale: scale.map(side.scale), bias, bits: bitsOf(codes) };
}

/** Off-diagonal products count less: they are estimated from few images. */
const COUPLING_SHARE = 0.8;
/** A changed code of a coupled layer is felt by every weight; larger layers take their outputs one by one. */
const MOST_COUPLED_WEIGHTS = 100_000;

/** The group's block of G. */
function groupCoupling(
  all: Float64Array,
  outputs: number,
  { inputs, outputs: groupOutputs }: Pick<Moments, "inputs" | "outputs">,
  group: number,
): Float64Array {
  const share = inputs * groupOutputs > MOST_COUPLED_WEIGHTS ? 0 : COUPLING_SHARE;
  const block = new Float64Array(groupOutputs * groupOutputs);
  const first = group * groupOutputs;
  for (let o = 0; o < groupOutputs; o += 1) {
    for (let u = 0; u < groupOutputs; u += 1) {
      const value = all[(first + o) * outputs + first + u];
      block[o * groupOutputs + u] = o === u ? value : share * value;
    }
  }
  return block;
}

/** Rounds the scales as they are kept, and takes the bias for exactly these weights. */
function finish({ codes, scale }: LayerCodes, group: Moments, settings: WeightOptions) {
  const kept = scale.map(sideOf(settings).scale);
  const real = Float64Array.from(codes, (code, index) => code * kept[Math.floor(index / group.inputs)]);
  return { codes, scale: kept, bias: exactBias(real, group) };
}

/** Powers of two stay as they are; coarse scales would cost accuracy where codes have many bits. */
export function sideOf(settings: WeightOptions): SideRounding {
  if (settings.method === "rate-distortion") return coarseSide;
  return weightScaleKind(settings) === "free" ? preciseSide : exactSide;
}

function join(parts: readonly Omit<QuantizedWeights, "bits">[], side: SideRounding): QuantizedWeights {
  const codes = Int16Array.from(parts.flatMap((part) => [...part.codes]));
  const scale = Float64Array.from(parts.flatMap((part) => [...part.scale]));
  const bias = side.bias(Float64Array.from(parts.flatMap((part) => [...part.bias])));
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
