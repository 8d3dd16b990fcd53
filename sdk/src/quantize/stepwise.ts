/** A float model executed node by node on many images at once, so that layers can be changed between the steps. */
import { GraphError } from "../errors.js";
import type { FloatGraph, FloatNode } from "../graph/float.js";
import { elementCount } from "../graph/lookup.js";
import type { TensorId } from "../graph/types.js";
import { createFloatInterpreter } from "../reference/float/interpreter.js";

const BATCH = 32;

/** Values of a tensor for all images, one image after the other. */
export type Activations = Float32Array;

/**
 * Runs one node. `values` holds its inputs.
 * @returns the output of `count` images
 */
export function runNode(
  graph: FloatGraph,
  node: FloatNode,
  values: ReadonlyMap<TensorId, Activations>,
  count: number,
): Activations {
  const inputs = node.inputs.map((id) => {
    const input = values.get(id);
    if (input) return input;
    throw new GraphError("missing-input", "A node was run before its inputs.", { place: node.name });
  });
  if (node.kind === "add") return sum(inputs[0], inputs[1]);
  const [source] = node.inputs;
  const alone: FloatGraph = {
    ...graph,
    tensors: [
      { name: "in", shape: graph.tensors[source].shape },
      { name: "out", shape: graph.tensors[node.output].shape },
    ],
    nodes: [{ ...node, inputs: [0], output: 1 }],
    input: 0,
    output: 1,
  };
  if (node.inputs.length !== 1) {
    throw new GraphError("unsupported-node", `A ${node.kind} node cannot be run alone.`, {
      place: node.name,
    });
  }
  const from = elementCount(graph.tensors[source].shape);
  const to = elementCount(graph.tensors[node.output].shape);
  const batch = Math.min(BATCH, count);
  const interpreter = createFloatInterpreter(alone, { batch });
  const output = new Float32Array(count * to);
  for (let first = 0; first < count; first += batch) {
    const images = Math.min(batch, count - first);
    output.set(
      interpreter.run(inputs[0].subarray(first * from, (first + images) * from), images),
      first * to,
    );
  }
  return output;
}

function sum(a: Activations, b: Activations): Activations {
  const result = new Float32Array(a.length);
  for (let index = 0; index < a.length; index += 1) result[index] = a[index] + b[index];
  return result;
}

/** How many nodes still read each tensor, so that memory is freed as soon as nothing does. */
export class Liveness {
  private readonly left: number[];

  constructor(graph: FloatGraph) {
    this.left = graph.tensors.map(() => 0);
    for (const node of graph.nodes) for (const input of node.inputs) this.left[input] += 1;
    this.left[graph.output] += 1;
  }

  /** Drops from each map what `node` read last. */
  afterNode(node: FloatNode, ...maps: Map<TensorId, Activations>[]): void {
    for (const input of node.inputs) {
      this.left[input] -= 1;
      if (this.left[input] === 0) for (const map of maps) map.delete(input);
    }
  }
}
