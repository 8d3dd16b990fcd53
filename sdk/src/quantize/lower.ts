/** A float model and its grids become the exact integer Graph that the reference, the compiler and the board run. */
import { GraphError } from "../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import { addendRange, provenRange } from "../graph/range.js";
import type { AddendScale, Graph, GraphNode, InputEncoding, Tensor, TensorId } from "../graph/types.js";
import { validateGraph } from "../graph/validate.js";
import { withBiasInRange, withSaturatedChannels } from "./bias-range.js";
import { type ActivationGrid, bitsOf, type QuantizationPlan, type QuantizedWeights } from "./grids.js";
import { stagesFor } from "./requantization.js";
import { isIdentityShortcut, planStorage } from "./stored-tensors.js";

/** TensorFlow Lite raises both addends by 20 bits before scaling them. */
const ADD_LEFT_SHIFT = 20;

export interface LowerOptions {
  readonly inputEncoding: InputEncoding;
  readonly notes?: readonly string[];
}

/**
 * @throws {GraphError} when a node has no integer form, a grid or layer is missing, or an accumulator could overflow.
 * @example const graph = lowerFloatGraph(model, plan, { inputEncoding: { kind: "codes" } });
 */
export function lowerFloatGraph(model: FloatGraph, plan: QuantizationPlan, options: LowerOptions): Graph {
  return validateGraph(new Lowering(plan.model ?? model, plan).run(options));
}

class Lowering {
  private readonly tensors: Tensor[] = [];
  private readonly nodes: GraphNode[] = [];
  /** Integer tensor of each stored float tensor. */
  private readonly ids = new Map<TensorId, TensorId>();
  /** Integer tensor of each operand on a grid of its own. */
  private readonly operands = new Map<TensorId, TensorId>();
  private readonly storage;

  constructor(
    private readonly model: FloatGraph,
    private readonly plan: QuantizationPlan,
  ) {
    this.storage = planStorage(model);
  }

  run({ inputEncoding, notes = [] }: LowerOptions): Graph {
    const { model } = this;
    this.store(model.input);
    for (const node of model.nodes) this.lower(node);
    return {
      name: model.name,
      source: { format: "sluice", file: model.source.file, sha256: model.source.sha256 },
      tensors: this.tensors,
      nodes: this.nodes,
      input: this.ids.get(model.input) as TensorId,
      inputEncoding,
      output: this.ids.get(model.output) as TensorId,
      notes: [...model.notes, ...notes],
    };
  }

  private lower(node: FloatNode): void {
    const { name, sourceOp } = node;
    switch (node.kind) {
      case "convolution":
        this.convolution(node);
        break;
      case "add":
        this.addition(node);
        break;
      case "clamp": {
        if (this.storage.fused.get(node.inputs[0]) === node) break;
        const input = this.input(node);
        const { min, max } = this.saturation(this.grid(node.output), node);
        const bounds = {
          min: Math.max(this.tensors[input].min, min),
          max: Math.min(this.tensors[input].max, max),
        };
        const output = this.store(node.output, bounds);
        this.nodes.push({ kind: "clamp", name, sourceOp, inputs: [input], output, ...bounds });
        break;
      }
      case "max-pool":
      case "reshape":
      case "pad":
      case "softmax": {
        const input = this.input(node);
        const { min, max } = this.tensors[input];
        const { zeroPoint } = this.tensors[input];
        const range =
          node.kind === "pad"
            ? { min: Math.min(min, zeroPoint), max: Math.max(max, zeroPoint) }
            : { min, max };
        const common = { name, sourceOp, inputs: [input], output: this.store(node.output, range) };
        if (node.kind === "max-pool") {
          const { kernel, stride, dilation, padding } = node;
          this.nodes.push({ ...common, kind: "max-pool", kernel, stride, dilation, padding });
        } else if (node.kind === "pad") {
          const [top, left] = node.before;
          const [bottom, right] = node.after;
          this.nodes.push({ ...common, kind: "pad", padding: { top, bottom, left, right } });
        } else if (node.kind === "softmax") {
          this.nodes.push({ ...common, kind: "softmax", beta: node.beta });
        } else this.nodes.push({ ...common, kind: "reshape" });
        break;
      }
      case "average-pool": {
        const input = this.input(node);
        const { kernel, stride, dilation, padding } = node;
        const ratio = this.tensors[input].scale / this.grid(node.output).scale;
        // A power of two by construction (calibrate.ts), so that numerator and denominator are exact.
        const [numerator, denominator] = ratio >= 1 ? [ratio, 1] : [1, 1 / ratio];
        const output = this.store(node.output);
        const { zeroPoint, min, max } = this.tensors[output];
        this.nodes.push({
          kind: "average-pool",
          name,
          sourceOp,
          inputs: [input],
          output,
          kernel,
          stride,
          dilation,
          padding,
          inputZeroPoint: this.tensors[input].zeroPoint,
          numerator,
          denominator,
          rounding: this.plan.scales === "free" ? "half-up" : "half-even",
          zeroPoint,
          clamp: { min, max },
        });
        break;
      }
      default:
        throw new GraphError("unsupported-node", `A ${node.kind} node has no integer form.`, { place: name });
    }
  }

  private convolution(node: FloatConvolutionNode): void {
    const { name, sourceOp, kernel, stride, dilation, padding, groups } = node;
    const input = node.structural ? this.input(node) : this.operand(node);
    const source = this.tensors[input];
    const outputs = node.bias.length;
    const stored = this.storage.fused.get(node.output)?.output ?? node.output;
    const weights = node.structural
      ? structuralWeights(node)
      : withBiasInRange(
          withSaturatedChannels(this.weightsOf(node), source.scale, this.grid(stored).scale),
          source.scale,
          this.plan.scales,
        );
    const bias = Int32Array.from(weights.bias, (value, output) =>
      clampInt32(Math.round(value / (source.scale * weights.scale[output]))),
    );
    const shape = this.model.tensors[node.output].shape;
    const parts = {
      kind: "convolution" as const,
      name,
      sourceOp,
      inputs: [input],
      kernel,
      stride,
      dilation,
      padding,
      groups,
      weights: weights.codes,
      weightZeroPoint: 0,
      weightScale: weights.scale,
      weightBits: weights.bits,
      bias,
      accumulatorShift: 0,
    };
    const range = provenRange(this.tensors, { ...parts, output: -1 });
    const accumulator = this.tensors.length;
    this.tensors.push({
      name: `${this.model.tensors[node.output].name}/accumulator`,
      shape,
      ...range,
      scale: Number.NaN,
      zeroPoint: 0,
    });
    this.nodes.push({ ...parts, output: accumulator });
    const factors = Array.from(
      { length: outputs },
      (_, o) => (source.scale * weights.scale[o]) / this.grid(stored).scale,
    );
    if (isIdentityShortcut(node)) factors.fill(1);
    this.requantize(node, accumulator, factors, node.structural && isIdentityShortcut(node));
  }

  private addition(node: FloatNode): void {
    const inputs = node.inputs.map((id) => this.ids.get(id) as TensorId);
    const [a, b] = inputs.map((id) => this.tensors[id]);
    const free = this.plan.scales === "free";
    // Free: TensorFlow Lite's common scale. Powers of two: the finer of the two grids, so that nothing is lost.
    const common = free ? 2 * Math.max(a.scale, b.scale) : Math.min(a.scale, b.scale);
    const addend = ({ scale, zeroPoint }: Tensor): AddendScale =>
      free
        ? { zeroPoint, leftShift: ADD_LEFT_SHIFT, ...stagesFor([scale / common], "free", node.name) }
        : {
            zeroPoint,
            leftShift: Math.log2(scale / common),
            stageA: { multiplier: Int32Array.of(1), shift: Uint8Array.of(0), rounding: "half-even" },
          };
    const scales: [AddendScale, AddendScale] = [addend(a), addend(b)];
    const ranges = [addendRange(a, scales[0]), addendRange(b, scales[1])];
    const sumScale = free ? common / 2 ** ADD_LEFT_SHIFT : common;
    const sum = this.tensors.length;
    this.tensors.push({
      name: `${this.model.tensors[node.output].name}/sum`,
      shape: this.model.tensors[node.output].shape,
      min: ranges[0].min + ranges[1].min,
      max: ranges[0].max + ranges[1].max,
      scale: sumScale,
      zeroPoint: 0,
    });
    this.nodes.push({ kind: "add", name: node.name, sourceOp: node.sourceOp, inputs, output: sum, scales });
    const stored = this.storage.fused.get(node.output)?.output ?? node.output;
    this.requantize(node, sum, [sumScale / this.grid(stored).scale], false);
  }

  /** From the accumulator of a node to its stored tensor, with the clamp after it where there is one. */
  private requantize(node: FloatNode, input: TensorId, factors: readonly number[], identity: boolean): void {
    const clamp = this.storage.fused.get(node.output);
    const stored = clamp?.output ?? node.output;
    const bounds = this.saturation(this.grid(stored), clamp);
    const output = this.store(stored, bounds);
    const uniform = factors.every((factor) => factor === factors[0]) ? [factors[0]] : factors;
    this.nodes.push({
      kind: "requantize",
      name: `${node.name}/requantize`,
      sourceOp: node.sourceOp,
      inputs: [input],
      output,
      inputZeroPoint: 0,
      ...stagesFor(uniform, identity ? "power-of-two" : this.plan.scales, node.name),
      zeroPoint: this.tensors[output].zeroPoint,
      clamp: bounds,
    });
  }

  /** A real clamp on the grid; its ends lie inside the grid's own. */
  private saturation(grid: ActivationGrid, clamp?: { readonly min: number; readonly max: number }) {
    const onGrid = (value: number): number =>
      Math.min(Math.max(Math.round(value / grid.scale) + grid.zeroPoint, grid.min), grid.max);
    return clamp ? { min: onGrid(clamp.min), max: onGrid(clamp.max) } : { min: grid.min, max: grid.max };
  }

  private weightsOf(node: FloatConvolutionNode): QuantizedWeights {
    const weights = this.plan.weights.get(node.name);
    if (weights && weights.codes.length === node.weights.length) return weights;
    throw new GraphError("missing-weights", "The plan has no weights for a convolution.", {
      place: `node "${node.name}"`,
      expected: `${node.weights.length} codes`,
      found: `${weights?.codes.length ?? 0}`,
    });
  }

  private grid(id: TensorId): ActivationGrid {
    const grid = this.plan.activations.get(id);
    if (grid) return grid;
    throw new GraphError("missing-grid", "The plan has no grid for a stored tensor.", {
      place: `tensor "${this.model.tensors[id].name}"`,
    });
  }

  private store(id: TensorId, range?: { readonly min: number; readonly max: number }): TensorId {
    const { name, shape } = this.model.tensors[id];
    const { scale, zeroPoint, min, max } = this.grid(id);
    this.ids.set(id, this.tensors.length);
    this.tensors.push({ name, shape, scale, zeroPoint, ...(range ?? { min, max }) });
    return this.tensors.length - 1;
  }

  /** What weights multiply: the stored tensor, or the same on a coarser grid. */
  private operand(node: FloatNode): TensorId {
    const [source] = node.inputs;
    const grid = this.plan.operands?.get(source);
    if (!grid) return this.input(node);
    const known = this.operands.get(source);
    if (known !== undefined) return known;
    const input = this.input(node);
    const { name, shape, scale, zeroPoint } = this.tensors[input];
    const output = this.tensors.length;
    this.operands.set(source, output);
    this.tensors.push({ name: `${name}/operand`, shape, ...grid });
    this.nodes.push({
      kind: "requantize",
      name: `${name}/operand`,
      sourceOp: "Requantize",
      inputs: [input],
      output,
      inputZeroPoint: zeroPoint,
      ...stagesFor([scale / grid.scale], this.plan.scales, name),
      zeroPoint: grid.zeroPoint,
      clamp: { min: grid.min, max: grid.max },
    });
    return output;
  }

  private input(node: FloatNode): TensorId {
    return this.ids.get(node.inputs[0]) as TensorId;
  }
}

/** Weights that are 0 and 1 already. */
function structuralWeights(node: FloatConvolutionNode): QuantizedWeights {
  const codes = Int16Array.from(node.weights);
  return {
    codes,
    scale: new Float64Array(node.bias.length).fill(1),
    bias: Float64Array.from(node.bias),
    bits: bitsOf(codes),
  };
}

function clampInt32(value: number): number {
  return Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1);
}
