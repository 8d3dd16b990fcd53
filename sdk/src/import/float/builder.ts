/** Collects the tensors and nodes of a FloatGraph, keeping names unique and sizes bounded. */
import { ImportError } from "../../errors.js";
import type { FloatGraph, FloatNode, FloatTensor } from "../../graph/float.js";
import { floatOutputShape } from "../../graph/float-shape.js";
import { MAX_EXTENT, MAX_GRAPH_ELEMENTS, MAX_TENSOR_ELEMENTS } from "../../graph/limits.js";
import { elementCount } from "../../graph/lookup.js";
import type { Shape, TensorId } from "../../graph/types.js";

/** A node without the parts the builder fills in. */
export type NodeParts = FloatNode extends infer Node
  ? Node extends FloatNode
    ? Omit<Node, "name" | "output">
    : never
  : never;

export class FloatGraphBuilder {
  readonly tensors: FloatTensor[] = [];
  readonly nodes: FloatNode[] = [];
  readonly notes = new Set<string>();
  private readonly names = new Set<string>();
  private elements = 0;

  constructor(
    /** Base name of the file, for messages. */
    readonly file: string,
  ) {}

  shape(id: TensorId): Shape {
    return this.tensors[id].shape;
  }

  /** Adds a tensor; a repeated name gets its number appended. */
  addTensor(tensor: FloatTensor): TensorId {
    const { shape } = tensor;
    const fits = shape.every((extent) => Number.isInteger(extent) && extent >= 1 && extent <= MAX_EXTENT);
    this.elements += elementCount(shape);
    if (!fits || elementCount(shape) > MAX_TENSOR_ELEMENTS || this.elements > MAX_GRAPH_ELEMENTS) {
      throw new ImportError("bad-shape", `Tensor "${tensor.name}" has an impossible shape or is too large.`, {
        place: `${this.file}, tensor "${tensor.name}"`,
        expected: `extents of 1..${MAX_EXTENT}, at most ${MAX_GRAPH_ELEMENTS} elements in all tensors`,
        found: `[${shape}]`,
        hint: "Export the model with a fixed, smaller input and a batch of 1.",
      });
    }
    const id = this.tensors.length;
    let { name } = tensor;
    while (this.names.has(name)) name = `${name}#${id}`;
    this.names.add(name);
    this.tensors.push({ ...tensor, name });
    return id;
  }

  /** Adds a node and the tensor it writes. `shape` is needed where the node does not fix it (reshape, slice). */
  add(name: string, parts: NodeParts, shape?: Shape, quantization?: FloatTensor["quantization"]): TensorId {
    const draft = { ...parts, name, output: -1 } as FloatNode;
    const computed = floatOutputShape(
      parts.inputs.map((id) => this.shape(id)),
      draft,
    );
    const output = this.addTensor({ name, shape: (computed ?? shape) as Shape, quantization });
    this.nodes.push({ ...draft, name: this.tensors[output].name, output });
    return output;
  }

  /** ReLU and its kin after `input`; nothing where the range is unbounded. */
  addClamp(name: string, sourceOp: string, input: TensorId, [min, max]: readonly [number, number]): TensorId {
    if (min === -Infinity && max === Infinity) return input;
    return this.add(name, { kind: "clamp", sourceOp, inputs: [input], min, max });
  }

  /** A fully connected layer: a 1x1 convolution on the flattened input. `weights` is [outputs][inputs]. */
  addDense(
    name: string,
    sourceOp: string,
    input: TensorId,
    weights: Float32Array,
    bias: Float32Array,
  ): TensorId {
    const [height, width, channels] = this.shape(input);
    const elements = height * width * channels;
    const flat =
      channels === elements
        ? input
        : this.add(`${name}/flatten`, { kind: "reshape", sourceOp, inputs: [input] }, [1, 1, elements]);
    return this.add(name, {
      kind: "convolution",
      sourceOp,
      inputs: [flat],
      kernel: [1, 1],
      stride: [1, 1],
      dilation: [1, 1],
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      groups: 1,
      weights,
      bias,
      structural: false,
    });
  }

  build(parts: Pick<FloatGraph, "name" | "source" | "input" | "output">): FloatGraph {
    return { ...parts, tensors: this.tensors, nodes: this.nodes, notes: [...this.notes] };
  }
}
