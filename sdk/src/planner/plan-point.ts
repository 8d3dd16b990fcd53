/** One whole model as the search verified it: quantised, coded by the real codec, compiled, measured. */
import { weightsOfGraph } from "../codec/report.js";
import type { WeightCodec } from "../codec/types.js";
import { type CompiledModel, compile } from "../compile/index.js";
import type { FloatGraph } from "../graph/float.js";
import type { Graph, InputEncoding, TensorId } from "../graph/types.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type CodedSize, codedSize } from "../quantize/coded-size.js";
import type { ActivationGrid, QuantizationPlan } from "../quantize/grids.js";
import { lowerFloatGraph } from "../quantize/lower.js";
import type { WeightOptions } from "../quantize/methods.js";
import { quantizeModel } from "../quantize/quantize-model.js";
import { encodeSideInformation } from "../quantize/side-information.js";
import type { Activations } from "../quantize/stepwise.js";
import type { Allocation } from "./allocation.js";
import type { Figures } from "./target.js";

/** What is known of the calibration images before any weight changes. */
export interface PlanInputs {
  /** As the user gave it: what sizes are divided by. */
  readonly original: FloatGraph;
  /** The same, or narrower. */
  readonly model: FloatGraph;
  readonly images: Activations;
  readonly count: number;
  readonly activations: ReadonlyMap<TensorId, ActivationGrid>;
  readonly sensitivity: ReadonlyMap<string, Float64Array>;
  /** By node name, [O][O]: the same with the products of outputs. */
  readonly coupling: ReadonlyMap<string, Float64Array>;
}

export interface PlanContext {
  readonly inputEncoding: InputEncoding;
  readonly geometry: OverlayGeometry;
  readonly codec: WeightCodec;
  /** Seeded numbers in [0, 1). */
  readonly random: () => number;
  /** Top-1 points below the float model on held-out training images, and the share of equal classes. */
  readonly measure: (graph: Graph) => Promise<{ readonly drop: number; readonly agreement: number }>;
  readonly onProgress?: (stage: string, done: number, detail: string) => void;
}

export interface PlanPoint extends Figures {
  /** How it was made: "price 3.1e-5", "4 bits everywhere". */
  readonly label: string;
  readonly agreement: number;
  readonly graph: Graph;
  readonly plan: QuantizationPlan;
  readonly compiled: CompiledModel;
  readonly size: CodedSize;
  /** Where layers differ. */
  readonly allocation?: Allocation;
}

/** @param settings what all layers share; an allocation overrides it layer by layer */
export async function verifyPlan(
  inputs: PlanInputs,
  context: PlanContext,
  label: string,
  settings: Partial<WeightOptions>,
  allocation?: Allocation,
): Promise<PlanPoint> {
  const { original, model, images, count, activations, sensitivity, coupling } = inputs;
  const { inputEncoding, geometry, codec, onProgress } = context;
  const layers = new Map<string, Partial<WeightOptions>>();
  const masks = new Map<string, Uint8Array>();
  for (const [layer, { candidate, mask }] of allocation ?? []) {
    layers.set(layer, candidate.settings);
    if (mask) masks.set(layer, mask);
  }
  const plan = quantizeModel(model, images, count, {
    ...settings,
    layers,
    masks: allocation ? masks : undefined,
    activations,
    sensitivity,
    coupling,
    random: context.random,
    onProgress: (done, layer) => onProgress?.(label, 0.7 * done, layer),
  });
  const graph = lowerFloatGraph(model, plan, { inputEncoding });
  const size = codedSize(original, plan, graph, codec);
  const compiled = compile(graph, { geometry, codec });
  onProgress?.(label, 0.8, "held-out images");
  const { drop, agreement } = await context.measure(graph);
  onProgress?.(label, 1, "");
  return {
    label,
    drop,
    agreement,
    bitsPerWeight: size.bitsPerWeight,
    codedBytes: size.weightBytes + size.sideBytes,
    cyclesPerFrame: compiled.plan.cyclesPerFrame,
    graph,
    plan,
    compiled,
    size,
    allocation,
  };
}

/** Bits of each layer's stream, scales and biases. */
export function layerBits({ graph, plan }: PlanPoint, codec: WeightCodec): Map<string, number> {
  const layers = weightsOfGraph(graph);
  const { streams } = codec.encode(layers);
  const bits = new Map(layers.map(({ name }, index) => [name, 8 * streams[index].length]));
  for (const [name, layer] of plan.weights) {
    bits.set(name, (bits.get(name) ?? 0) + 8 * encodeSideInformation([layer]).length);
  }
  return bits;
}
