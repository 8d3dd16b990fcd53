/** Who reads each tensor, and small questions about tensors that several passes ask. */
import { CompileError } from "../errors.js";
import type { Graph, GraphNode, Padding, PadNode, Tensor, TensorId } from "../graph/types.js";

export interface GraphIndex {
  readonly graph: Graph;
  readonly consumers: ReadonlyMap<TensorId, readonly GraphNode[]>;
  readonly producers: ReadonlyMap<TensorId, GraphNode>;
}

export function indexGraph(graph: Graph): GraphIndex {
  const consumers = new Map<TensorId, GraphNode[]>();
  const producers = new Map<TensorId, GraphNode>();
  for (const node of graph.nodes) {
    producers.set(node.output, node);
    for (const input of new Set(node.inputs)) {
      const known = consumers.get(input);
      if (known) known.push(node);
      else consumers.set(input, [node]);
    }
  }
  return { graph, consumers, producers };
}

export function consumersOf(index: GraphIndex, tensor: TensorId): readonly GraphNode[] {
  return index.consumers.get(tensor) ?? [];
}

export function tensorOf(index: GraphIndex, id: TensorId): Tensor {
  return index.graph.tensors[id];
}

/** True when the stored integers fit an int8 code after the fixed shift of codes.ts. */
export function isCode(range: { readonly min: number; readonly max: number }): boolean {
  return (range.min >= -128 && range.max <= 127) || (range.min >= 0 && range.max <= 255);
}

/** A node's name for reports: accumulators named after the tensor they become carry a suffix that says nothing. */
export function layerName(index: GraphIndex, node: GraphNode): string {
  const next = consumersOf(index, node.output).find((reader) => reader.kind === "requantize");
  return next !== undefined && node.name.startsWith(next.name) ? next.name : node.name;
}

export function refuse(
  code: string,
  node: { readonly name: string; readonly sourceOp: string } | string,
  message: string,
  facts: { expected?: string; found?: string; hint?: string; details?: Record<string, unknown> } = {},
): never {
  const place = typeof node === "string" ? node : `${node.sourceOp} "${node.name}"`;
  throw new CompileError(code, message, { place, ...facts });
}

/** True when a pad node's every reader can take the padding into its own window. */
export function isFoldablePad(index: GraphIndex, node: PadNode): boolean {
  return (
    index.graph.output !== node.output &&
    consumersOf(index, node.output).every((reader) => reader.kind === "convolution")
  );
}

/** The tensor below foldable pads, and the padding with theirs added. */
export function foldPads(
  index: GraphIndex,
  tensor: TensorId,
  padding: Padding,
): { readonly tensor: TensorId; readonly padding: Padding } {
  const producer = index.producers.get(tensor);
  if (producer?.kind !== "pad" || !isFoldablePad(index, producer)) return { tensor, padding };
  const more = producer.padding;
  return foldPads(index, producer.inputs[0], {
    top: padding.top + more.top,
    bottom: padding.bottom + more.bottom,
    left: padding.left + more.left,
    right: padding.right + more.right,
  });
}
