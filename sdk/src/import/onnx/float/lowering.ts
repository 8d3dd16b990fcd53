/** What the float lowering of ONNX operators shares: named values, either constants or activations of the graph. */
import type { TensorId } from "../../../graph/types.js";
import type { FloatGraphBuilder, NodeParts } from "../../float/builder.js";
import { type Constant, nodeError, type OnnxModel, type OnnxNode } from "../model.js";

/**
 * An activation. Pictures (rank 4 in the file, NCHW) are kept as [height, width, channels]; what was flattened from a
 * picture keeps that order too, and remembers it, so that the next matrix can be reordered instead.
 */
export interface Activation {
  readonly kind: "activation";
  readonly id: TensorId;
  readonly rank: 2 | 4;
  /** [height, width, channels] of the picture a flat value came from, where that is not already a flat order. */
  readonly flattenedFrom?: readonly [number, number, number];
}

export class OnnxFloatLowering {
  private readonly activations = new Map<string, Activation>();

  constructor(
    readonly model: OnnxModel,
    readonly builder: FloatGraphBuilder,
  ) {}

  bind(name: string, activation: Activation): void {
    if (this.activations.has(name)) {
      throw nodeError(
        { name, opType: "", domain: "", inputs: [], outputs: [name], attributes: new Map() },
        "written-twice",
        `The value "${name}" is written twice.`,
        { hint: "The file is damaged; export it again." },
      );
    }
    this.activations.set(name, activation);
  }

  lookup(name: string): Activation | undefined {
    return this.activations.get(name);
  }

  activation(node: OnnxNode, position = 0): Activation {
    const name = node.inputs[position] ?? "";
    const found = this.activations.get(name);
    if (found) return found;
    const constant = this.model.constants.has(name);
    throw nodeError(node, "not-an-activation", `Input ${position} is not computed from the model's input.`, {
      expected: "the result of an earlier node",
      found: constant ? `the constant "${name}"` : name === "" ? "nothing" : `"${name}"`,
      hint: "Check the model's export; nodes must come after those they read.",
    });
  }

  picture(node: OnnxNode, position = 0): Activation {
    const found = this.activation(node, position);
    if (found.rank === 4) return found;
    throw nodeError(node, "shape-mismatch", "The operator needs a picture, not a flat row.", {
      expected: "[1, channels, height, width]",
    });
  }

  constant(node: OnnxNode, position: number): Constant | undefined {
    const name = node.inputs[position] ?? "";
    return name === "" ? undefined : this.model.constants.get(name);
  }

  requiredConstant(node: OnnxNode, position: number): Constant {
    const found = this.constant(node, position);
    if (found) return found;
    throw nodeError(node, "not-constant", `Input ${position} must be a constant.`, {
      found: node.inputs[position] || "nothing",
      hint: "Export the model with its weights and sizes as constants.",
    });
  }

  /** NCHW (or [1, n]) dimensions, as the file sees them. */
  dims({ id, rank }: Activation): number[] {
    const [height, width, channels] = this.builder.shape(id);
    return rank === 4 ? [1, channels, height, width] : [1, height * width * channels];
  }

  /** Adds a node and binds its output. */
  emit(
    node: OnnxNode,
    parts: NodeParts,
    rank: 2 | 4,
    shape?: readonly [number, number, number],
    extra: Pick<Activation, "flattenedFrom"> = {},
  ): void {
    const [name = ""] = node.outputs;
    const id = this.builder.add(name, parts, shape);
    this.bind(name, { kind: "activation", id, rank, ...extra });
  }
}

/** Values of a constant as float32. */
export function toFloats({ values }: Constant): Float32Array {
  return Float32Array.from(values);
}
