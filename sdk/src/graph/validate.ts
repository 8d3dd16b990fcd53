/**
 * Does a Graph keep the promises of types.ts? Importers call it last, everyone else may rely on it.
 *
 * Checked: execution order, one producer per tensor, unique names, shapes of every operation, parameter lengths and
 * ranges, 8-bit operands, and that no value can leave the range its tensor declares (so no accumulator overflows).
 */
import { GraphError } from "../errors.js";
import { INT32_MAX, INT32_MIN, MAX_EXTENT, MAX_GRAPH_ELEMENTS, MAX_TENSOR_ELEMENTS } from "./limits.js";
import { elementCount } from "./lookup.js";
import type { Graph, GraphNode, Tensor } from "./types.js";
import { validateNode } from "./validate-node.js";

/** Inputs a node of each kind takes: [least, most]. */
const inputCounts: Record<GraphNode["kind"], readonly [number, number]> = {
  convolution: [1, 1],
  requantize: [1, 1],
  clamp: [1, 1],
  add: [2, 2],
  "max-pool": [1, 1],
  "average-pool": [1, 1],
  concat: [1, 1024],
  pad: [1, 1],
  reshape: [1, 1],
  softmax: [1, 1],
};

/** @throws {GraphError} naming the first node or tensor that breaks a promise. Returns the graph for chaining. */
export function validateGraph(graph: Graph): Graph {
  validateTensors(graph);
  validateOrder(graph);
  for (const node of graph.nodes) validateNode(graph.tensors, node);
  validateEnds(graph);
  return graph;
}

function validateTensors(graph: Graph): void {
  const names = new Set<string>();
  let elements = 0;
  for (const tensor of graph.tensors) {
    const place = `tensor "${tensor.name}"`;
    if (names.has(tensor.name)) {
      throw new GraphError("duplicate-tensor", "Two tensors have the same name.", { place });
    }
    names.add(tensor.name);
    if (tensor.shape.length !== 3 || !tensor.shape.every((size) => isCount(size, 1, MAX_EXTENT))) {
      throw new GraphError("bad-shape", "A tensor's shape is not [height, width, channels].", {
        place,
        expected: `three integers, 1..${MAX_EXTENT}`,
        found: `[${tensor.shape.join(", ")}]`,
      });
    }
    const count = elementCount(tensor.shape);
    elements += count;
    if (count > MAX_TENSOR_ELEMENTS || elements > MAX_GRAPH_ELEMENTS) {
      throw new GraphError("too-large", "The graph's tensors are too large to interpret.", {
        place,
        expected: `at most ${MAX_TENSOR_ELEMENTS} elements, ${MAX_GRAPH_ELEMENTS} in all tensors`,
        found: `[${tensor.shape.join(", ")}], ${elements} elements so far`,
        hint: "Use a model with a smaller input.",
      });
    }
    validateTensorRange(tensor, place);
  }
}

function validateTensorRange(tensor: Tensor, place: string): void {
  const { min, max, zeroPoint, scale } = tensor;
  if (!isCount(min, INT32_MIN, INT32_MAX) || !isCount(max, min, INT32_MAX)) {
    throw new GraphError("bad-range", "A tensor's range is not an int32 interval.", {
      place,
      expected: `${INT32_MIN} <= min <= max <= ${INT32_MAX}`,
      found: `${min}..${max}`,
      hint: "The values could overflow 32 bits: quantise the inputs of this operation to fewer bits.",
    });
  }
  if (!isCount(zeroPoint, INT32_MIN, INT32_MAX) || !(scale > 0 || Number.isNaN(scale))) {
    throw new GraphError("bad-quantization", "A tensor's scale or zero point makes no sense.", {
      place,
      expected: "scale > 0 (NaN for per-channel accumulators), integer zero point",
      found: `scale ${scale}, zero point ${zeroPoint}`,
    });
  }
}

function validateOrder(graph: Graph): void {
  const known = new Set<number>([graph.input]);
  const names = new Set<string>();
  if (graph.tensors[graph.input] === undefined) {
    throw new GraphError("unknown-tensor", "The graph's input is not one of its tensors.", {
      found: String(graph.input),
    });
  }
  for (const node of graph.nodes) {
    const place = `node "${node.name}" (${node.sourceOp})`;
    if (names.has(node.name)) {
      throw new GraphError("duplicate-node", "Two nodes have the same name.", { place });
    }
    names.add(node.name);
    const [least, most] = inputCounts[node.kind] ?? [0, -1];
    if (node.inputs.length < least || node.inputs.length > most) {
      throw new GraphError("bad-inputs", `A ${node.kind} node has the wrong number of inputs.`, {
        place,
        expected: least === most ? `${least}` : `${least}..${most}`,
        found: `${node.inputs.length}`,
      });
    }
    for (const input of node.inputs) {
      if (known.has(input)) continue;
      throw new GraphError("bad-order", "A node reads a tensor that nothing before it writes.", {
        place,
        found: graph.tensors[input]?.name ?? `tensor ${input}`,
      });
    }
    if (graph.tensors[node.output] === undefined || known.has(node.output)) {
      throw new GraphError("bad-output", "A node writes no tensor of the graph, or one already written.", {
        place,
        found: graph.tensors[node.output]?.name ?? `tensor ${node.output}`,
      });
    }
    known.add(node.output);
  }
  const orphan = graph.tensors.findIndex((_, id) => !known.has(id));
  if (orphan >= 0) {
    throw new GraphError("orphan-tensor", "Nothing writes a tensor of the graph.", {
      place: `tensor "${graph.tensors[orphan].name}"`,
    });
  }
}

/** The graph's output, a softmax after it, and the input encoding. */
function validateEnds(graph: Graph): void {
  const output = graph.tensors[graph.output];
  if (output === undefined) {
    throw new GraphError("unknown-tensor", "The graph's output is not one of its tensors.", {
      found: String(graph.output),
    });
  }
  graph.nodes.forEach((node, index) => {
    if (node.kind !== "softmax") return;
    if (index !== graph.nodes.length - 1 || node.inputs[0] !== graph.output) {
      throw new GraphError("misplaced-softmax", "A softmax may only be the last node, on the output.", {
        place: `node "${node.name}" (${node.sourceOp})`,
        hint: "Only the host evaluates softmax; nothing can follow it.",
      });
    }
  });
  if (graph.inputEncoding.kind === "normalize") {
    const channels = graph.tensors[graph.input].shape[2];
    const { scale, mean, std } = graph.inputEncoding;
    const lengthsFit = [mean, std].every(({ length }) => length === 1 || length === channels);
    const valuesFit = [scale, ...std].every((value) => value > 0 && Number.isFinite(value));
    if (!lengthsFit || !valuesFit || !mean.every(Number.isFinite)) {
      throw new GraphError("bad-encoding", "The input encoding cannot be applied.", {
        place: "inputEncoding",
        expected: `finite mean and positive std, one value or ${channels}; positive scale`,
        found: JSON.stringify({ scale, mean, std }),
      });
    }
  }
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
