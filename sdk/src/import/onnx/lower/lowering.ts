/**
 * The state of lowering: which Graph tensor holds each ONNX activation, and on which grid.
 *
 * A value is (stored integer - zero point) * 2^exponent, with one exponent for the tensor or one per channel. Tensors
 * become [height, width, channels] here; a matrix row [1, n] becomes [1, 1, n].
 */
import { provenRange } from "../../../graph/range.js";
import type {
  AddNode,
  AveragePoolNode,
  ClampNode,
  ConcatNode,
  ConvolutionNode,
  GraphNode,
  MaxPoolNode,
  PadNode,
  RequantizeNode,
  ReshapeNode,
  Shape,
  SoftmaxNode,
  Tensor,
  TensorId,
} from "../../../graph/types.js";
import { nodeError, type OnnxModel, type OnnxNode } from "../model.js";

type Filled = "name" | "sourceOp" | "inputs" | "output";
export type NodeBody =
  | Omit<AddNode, Filled>
  | Omit<AveragePoolNode, Filled>
  | Omit<ClampNode, Filled>
  | Omit<ConcatNode, Filled>
  | Omit<ConvolutionNode, Filled>
  | Omit<MaxPoolNode, Filled>
  | Omit<PadNode, Filled>
  | Omit<RequantizeNode, Filled>
  | Omit<ReshapeNode, Filled>
  | Omit<SoftmaxNode, Filled>;

/** An activation of the ONNX model. */
export interface Value {
  readonly id: TensorId;
  /** log2 of the scale: one, or one per channel. */
  readonly exponents: Int32Array;
  /** 4 for pictures, 2 for flat rows. */
  readonly rank: 2 | 4;
  /** A flat row whose elements are in HWC order where ONNX has CHW: the shape it had before. */
  readonly flattened?: Shape;
}

/** An average whose quotient the following Quant nodes round. */
export interface PendingAverage {
  readonly node: OnnxNode;
  readonly input: Value;
  readonly window: Pick<AveragePoolNode, "kernel" | "stride" | "dilation" | "padding">;
  readonly shape: Shape;
}

/** What a node's output tensor is; the range is proven from the node. */
export interface OutputFacts {
  readonly shape: Shape;
  readonly exponents: Int32Array;
  readonly zeroPoint: number;
  readonly rank: 2 | 4;
  readonly flattened?: Shape;
}

export class Lowering {
  readonly tensors: Tensor[] = [];
  readonly nodes: GraphNode[] = [];
  readonly pendingAverages = new Map<string, PendingAverage>();
  readonly #values = new Map<string, Value>();
  readonly #nodeNames = new Set<string>();

  constructor(readonly model: OnnxModel) {}

  /** Names an existing tensor as the output of a node that needs no Graph node. */
  bind(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  tensor(value: Value): Tensor {
    return this.tensors[value.id];
  }

  lookup(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** The activation a node reads. @throws {ImportError} when it is a constant, unquantised, or comes later. */
  input(node: OnnxNode, index = 0): Value {
    const name = node.inputs[index] ?? "";
    const value = this.#values.get(name);
    if (value) return value;
    if (this.pendingAverages.has(name)) {
      throw nodeError(node, "average-not-quantized", "An average is used without a Quant behind it.", {
        found: name,
        hint: "An average is no integer: put a Quant between the pool and this node.",
      });
    }
    if (this.model.constants.has(name) || this.model.quantized.has(name)) {
      throw nodeError(node, "constant-operand", `Input ${index} of this node may not be a constant.`, {
        found: name,
      });
    }
    if (name === this.model.input.name) {
      throw nodeError(node, "input-not-quantized", "The model's input is used without a Quant in front.", {
        found: name,
        hint: "Export the model with an input quantiser, so that the picture's grid is known.",
      });
    }
    throw nodeError(node, "unknown-input", "A node reads something that nothing before it writes.", {
      found: name === "" ? `input ${index} is missing` : name,
      hint: "The file is damaged, or its nodes are not in execution order.",
    });
  }

  /** Adds a tensor that no node writes: the graph's input. */
  source(name: string, facts: OutputFacts, range: { readonly min: number; readonly max: number }): Value {
    return this.#newTensor(name, facts, range);
  }

  /** Adds a Graph node for (part of) an ONNX node. `name` is that of the output tensor. */
  emit(
    node: OnnxNode,
    body: NodeBody,
    inputs: readonly Value[],
    facts: OutputFacts,
    name = node.outputs[0] ?? "",
  ): Value {
    let nodeName = node.name;
    while (this.#nodeNames.has(nodeName)) nodeName = `${nodeName}:${name}`;
    this.#nodeNames.add(nodeName);
    const graphNode = {
      ...body,
      name: nodeName,
      sourceOp: node.opType,
      inputs: inputs.map(({ id }) => id),
      output: this.tensors.length,
    } as GraphNode;
    const value = this.#newTensor(name, facts, provenRange(this.tensors, graphNode));
    this.nodes.push(graphNode);
    this.bind(name, value);
    return value;
  }

  #newTensor(
    name: string,
    facts: OutputFacts,
    { min, max }: { readonly min: number; readonly max: number },
  ): Value {
    const { shape, exponents, zeroPoint, rank, flattened } = facts;
    const scale = exponents.length === 1 ? 2 ** exponents[0] : Number.NaN;
    this.tensors.push({ name, shape, min, max, scale, zeroPoint });
    return { id: this.tensors.length - 1, exponents, rank, flattened };
  }
}

/** The one exponent of a value. @throws {ImportError} `per-channel-scale` when channels have different grids. */
export function singleExponent(node: OnnxNode, value: Value): number {
  const [first] = value.exponents;
  if (value.exponents.every((exponent) => exponent === first)) return first;
  throw nodeError(node, "per-channel-scale", "The channels of this node's input have different scales.", {
    hint: "Put a Quant with one scale between the convolution and this node.",
  });
}

/** Refuses flat rows in HWC order where the ONNX order would be visible. */
export function requireSourceOrder(node: OnnxNode, value: Value): void {
  if (value.flattened === undefined) return;
  throw nodeError(node, "flatten-order", "A flattened picture reaches a node that depends on the order.", {
    expected: "a fully connected layer behind the Flatten",
    found: `[${value.flattened.join(", ")}] flattened (height, width, channels)`,
    hint: "Pool to 1x1 before flattening, or let a Gemm follow the Flatten.",
  });
}
