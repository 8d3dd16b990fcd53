/** Finding tensors and nodes in a Graph. */
import { GraphError } from "../errors.js";
import type { ConvolutionNode, Graph, GraphNode, Shape, Tensor, TensorId } from "./types.js";

export function elementCount(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

/** @throws {GraphError} `unknown-tensor` when no tensor has that name. */
export function tensorIdByName(graph: Graph, name: string): TensorId {
  const id = graph.tensors.findIndex((tensor) => tensor.name === name);
  if (id >= 0) return id;
  throw new GraphError("unknown-tensor", `The graph has no tensor called "${name}".`, {
    found: name,
    hint: "Names are those of the source file; `sluice inspect` lists them.",
  });
}

export function tensorByName(graph: Graph, name: string): Tensor {
  return graph.tensors[tensorIdByName(graph, name)];
}

/** The nodes that read each tensor, in execution order. A node that reads a tensor twice appears once. */
export function consumers(graph: Graph): ReadonlyMap<TensorId, readonly GraphNode[]> {
  const readers = new Map<TensorId, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const known = readers.get(input);
      if (known) known.push(node);
      else readers.set(input, [node]);
    }
  }
  return readers;
}

/** The node that writes each tensor; the graph input has none. */
export function producers(graph: Graph): ReadonlyMap<TensorId, GraphNode> {
  return new Map(graph.nodes.map((node) => [node.output, node]));
}

/** Tensors 8 bits can hold: -128..127 or 0..255 (or less). */
export function isEightBit({ min, max }: Pick<Tensor, "min" | "max">): boolean {
  return (min >= -128 && max <= 127) || (min >= 0 && max <= 255);
}

/** Every input channel has filters of its own: groups = input channels, more than one. */
export function isDepthwise(graph: Graph, node: ConvolutionNode): boolean {
  const channels = graph.tensors[node.inputs[0]].shape[2];
  return channels > 1 && node.groups === channels;
}

/** Multiply-accumulates of one frame, zeros and padding included. */
export function macs(graph: Graph, node: ConvolutionNode): number {
  const output = graph.tensors[node.output].shape;
  return output[0] * output[1] * node.weights.length;
}

export function graphMacs(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + (node.kind === "convolution" ? macs(graph, node) : 0), 0);
}
