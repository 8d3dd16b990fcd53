/** Puts a Graph together node by node, declaring for every accumulator the range it can prove. */
import type {
  AddNode,
  AveragePoolNode,
  ClampNode,
  ConcatNode,
  ConvolutionNode,
  Graph,
  GraphNode,
  GraphSource,
  MaxPoolNode,
  PadNode,
  RequantizeNode,
  ReshapeNode,
  Shape,
  SoftmaxNode,
  Tensor,
  TensorId,
} from "@sluice/sdk/graph";
import { provenRange, validateGraph, windowOutputShape } from "@sluice/sdk/graph";

/** What the builder fills in itself. */
type Filled = "name" | "sourceOp" | "inputs" | "output";
export type NodeBody =
  | Omit<ConvolutionNode, Filled>
  | Omit<RequantizeNode, Filled>
  | Omit<ClampNode, Filled>
  | Omit<AddNode, Filled>
  | Omit<MaxPoolNode, Filled>
  | Omit<AveragePoolNode, Filled>
  | Omit<ConcatNode, Filled>
  | Omit<PadNode, Filled>
  | Omit<ReshapeNode, Filled>
  | Omit<SoftmaxNode, Filled>;

export interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

export class GraphBuilder {
  readonly tensors: Tensor[] = [];
  readonly nodes: GraphNode[] = [];

  constructor(input: Omit<Tensor, "name">) {
    this.tensors.push({ ...input, name: "input" });
  }

  tensor(id: TensorId): Tensor {
    return this.tensors[id];
  }

  /** Adds a node and its output tensor. Scale and zero point default to the first input's. */
  add(body: NodeBody, inputs: readonly TensorId[], quantization?: Quantization, reshapeTo?: Shape): TensorId {
    const output = this.tensors.length;
    const name = `${body.kind}${this.nodes.length}`;
    const node = { ...body, name, sourceOp: body.kind, inputs, output } as GraphNode;
    const { scale, zeroPoint } = quantization ?? this.tensors[inputs[0]];
    const { min, max } = provenRange(this.tensors, node);
    const shape = reshapeTo ?? this.#outputShape(node);
    this.nodes.push(node);
    this.tensors.push({ name: `${name}:out`, shape, min, max, scale, zeroPoint });
    return output;
  }

  /** @throws {GraphError} when what was built breaks a promise of the Graph. */
  finish(name: string, output: TensorId, format: GraphSource["format"] = "synthetic"): Graph {
    return validateGraph({
      name,
      source: { format, file: name, sha256: "" },
      tensors: this.tensors,
      nodes: this.nodes,
      input: 0,
      inputEncoding: { kind: "codes" },
      output,
      notes: [],
    });
  }

  #outputShape(node: GraphNode): Shape {
    const input = this.tensors[node.inputs[0]].shape;
    switch (node.kind) {
      case "convolution":
        return windowOutputShape(input, node, node.bias.length);
      case "max-pool":
      case "average-pool":
        return windowOutputShape(input, node, input[2]);
      case "concat":
        return [input[0], input[1], node.inputs.reduce((sum, id) => sum + this.tensors[id].shape[2], 0)];
      case "pad":
        return [
          input[0] + node.padding.top + node.padding.bottom,
          input[1] + node.padding.left + node.padding.right,
          input[2],
        ];
      default:
        return input;
    }
  }
}
