/** Which tensors of a float model become stored integers, and which of them must share a grid. */
import { GraphError } from "../errors.js";
import type { FloatClampNode, FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";

export interface StoredTensor {
  readonly id: TensorId;
  /** The tensor whose grid this one has (itself where it has its own): pools, shortcuts, reshapes, concatenations. */
  readonly gridOf: TensorId;
  /** No value is negative: the grid starts at 0. */
  readonly nonNegative: boolean;
  /** The average pool whose grid is the input's divided by a power of two, so that the quotient stays simple. */
  readonly averageOf?: TensorId;
}

export interface StoragePlan {
  readonly stored: ReadonlyMap<TensorId, StoredTensor>;
  /** Clamps that saturation of the requantisation before them does: by the tensor they read. */
  readonly fused: ReadonlyMap<TensorId, FloatClampNode>;
}

/**
 * A convolution or addition whose only reader is a clamp is stored after that clamp; everything else is stored as it is.
 * @throws {GraphError} `unsupported-node` for a node that has no integer form
 */
export function planStorage(graph: FloatGraph): StoragePlan {
  const readers = new Map<TensorId, FloatNode[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const fused = new Map<TensorId, FloatClampNode>();
  const stored = new Map<TensorId, StoredTensor>();
  stored.set(graph.input, { id: graph.input, gridOf: graph.input, nonNegative: false });
  const at = (id: TensorId): StoredTensor => stored.get(id) as StoredTensor;
  const follow = (node: FloatNode): void => {
    const [source] = node.inputs;
    const { gridOf, nonNegative } = at(source);
    stored.set(node.output, { id: node.output, gridOf, nonNegative });
  };
  for (const node of graph.nodes) {
    const own = { id: node.output, gridOf: node.output, nonNegative: false };
    switch (node.kind) {
      case "convolution": {
        if (isIdentityShortcut(node)) {
          follow(node);
          break;
        }
        if (fuses(graph, readers, node, fused)) break;
        stored.set(node.output, own);
        break;
      }
      case "add":
        if (!fuses(graph, readers, node, fused)) stored.set(node.output, own);
        break;
      case "clamp":
        if (fused.get(node.inputs[0]) === node)
          stored.set(node.output, { ...own, nonNegative: node.min >= 0 });
        else follow(node);
        break;
      case "average-pool": {
        const { gridOf, nonNegative } = at(node.inputs[0]);
        stored.set(node.output, { ...own, nonNegative, averageOf: gridOf });
        break;
      }
      case "max-pool":
      case "reshape":
      case "pad":
      case "softmax":
        if (node.kind === "pad" && (node.value !== 0 || node.before[2] + node.after[2] > 0)) {
          throw unsupported(node, "padding by zeros along height and width only");
        }
        follow(node);
        break;
      default:
        throw unsupported(
          node,
          "convolutions, additions, clamps, pools, padding, reshapes and a final softmax",
        );
    }
  }
  return { stored, fused };
}

/** Each output copies one input channel or is 0, and a shift of the grid is not needed: the integers pass through. */
export function isIdentityShortcut(node: FloatNode): boolean {
  return node.kind === "convolution" && node.structural && node.bias.every((value) => value === 0);
}

function fuses(
  graph: FloatGraph,
  readers: ReadonlyMap<TensorId, readonly FloatNode[]>,
  node: FloatNode,
  fused: Map<TensorId, FloatClampNode>,
): boolean {
  const [reader, ...others] = readers.get(node.output) ?? [];
  if (node.output === graph.output || others.length > 0 || reader?.kind !== "clamp") return false;
  fused.set(node.output, reader);
  return true;
}

function unsupported(node: FloatNode, expected: string): GraphError {
  return new GraphError("unsupported-node", `A ${node.kind} node has no integer form.`, {
    place: `node "${node.name}" (${node.sourceOp})`,
    expected,
    found: node.kind,
    hint:
      node.kind === "fake-quantize"
        ? "This model is quantised already: compress the float model it was made from."
        : "Export the model without this operation.",
  });
}
