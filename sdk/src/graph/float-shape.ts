/** The output shape of a FloatNode, from its inputs; and the check that a FloatGraph is consistent. */
import { GraphError } from "../errors.js";
import type { FloatGraph, FloatNode, FloatTensor } from "./float.js";
import { MAX_EXTENT, MAX_GRAPH_ELEMENTS, MAX_TENSOR_ELEMENTS } from "./limits.js";
import { elementCount } from "./lookup.js";
import type { Shape } from "./types.js";
import { windowOutputShape } from "./window.js";

/** Shape of the node's output; undefined where the node itself does not fix it (reshape, slice). */
export function floatOutputShape(inputs: readonly Shape[], node: FloatNode): Shape | undefined {
  const [input] = inputs;
  switch (node.kind) {
    case "convolution":
      return windowOutputShape(input, node, node.bias.length);
    case "max-pool":
    case "average-pool":
      return windowOutputShape(input, node, input[2]);
    case "concat":
      return [input[0], input[1], inputs.reduce((sum, shape) => sum + shape[2], 0)];
    case "pad":
      return [
        input[0] + node.before[0] + node.after[0],
        input[1] + node.before[1] + node.after[1],
        input[2] + node.before[2] + node.after[2],
      ];
    case "reshape":
    case "slice":
      return undefined;
    default:
      return input;
  }
}

/** @throws {GraphError} naming the first node or tensor that contradicts float.ts. Returns the graph for chaining. */
export function validateFloatGraph(graph: FloatGraph): FloatGraph {
  const names = new Set<string>();
  let elements = 0;
  for (const tensor of graph.tensors) {
    const place = `tensor "${tensor.name}"`;
    const count = elementCount(tensor.shape);
    elements += count;
    const extents = tensor.shape.every(
      (extent) => Number.isInteger(extent) && extent >= 1 && extent <= MAX_EXTENT,
    );
    if (
      tensor.shape.length !== 3 ||
      !extents ||
      count > MAX_TENSOR_ELEMENTS ||
      elements > MAX_GRAPH_ELEMENTS
    ) {
      throw new GraphError("bad-shape", "A tensor's shape is impossible or too large.", {
        place,
        expected: `[height, width, channels], each 1..${MAX_EXTENT}, ${MAX_GRAPH_ELEMENTS} elements in all tensors`,
        found: `[${tensor.shape}]`,
      });
    }
    if (names.has(tensor.name))
      throw new GraphError("duplicate-tensor", "Two tensors share a name.", { place });
    names.add(tensor.name);
  }
  const known = new Set([graph.input]);
  const nodeNames = new Set<string>();
  for (const node of graph.nodes) {
    const place = `node "${node.name}" (${node.sourceOp})`;
    if (nodeNames.has(node.name))
      throw new GraphError("duplicate-node", "Two nodes share a name.", { place });
    nodeNames.add(node.name);
    if (
      node.inputs.length === 0 ||
      !node.inputs.every((input) => known.has(input)) ||
      known.has(node.output)
    ) {
      throw new GraphError(
        "bad-order",
        "A node reads what nothing wrote before it, or writes a tensor again.",
        {
          place,
        },
      );
    }
    known.add(node.output);
    checkNode(graph.tensors, node, place);
  }
  if (!graph.tensors.every((_, id) => known.has(id)) || !known.has(graph.output)) {
    throw new GraphError("orphan-tensor", "Nothing writes a tensor of the graph.", {
      place: graph.tensors.find((_, id) => !known.has(id))?.name ?? `output ${graph.output}`,
    });
  }
  return graph;
}

function checkNode(tensors: readonly FloatTensor[], node: FloatNode, place: string): void {
  const inputs = node.inputs.map((id) => tensors[id].shape);
  const output = tensors[node.output]?.shape;
  const fail = (found: string, expected: string): never => {
    throw new GraphError("bad-node", `A ${node.kind} node does not fit its tensors.`, {
      place,
      expected,
      found,
    });
  };
  if (output === undefined)
    throw new GraphError("unknown-tensor", "A node writes an unknown tensor.", { place });
  const [input] = inputs;
  const arity = node.kind === "add" ? 2 : node.kind === "concat" ? inputs.length : 1;
  if (inputs.length !== arity) fail(`${inputs.length} inputs`, `${arity}`);
  const expected = floatOutputShape(inputs, node);
  if (expected && !sameShape(expected, output)) fail(`output [${output}]`, `output [${expected}]`);
  switch (node.kind) {
    case "convolution": {
      const outputs = node.bias.length;
      const perGroup = input[2] / node.groups;
      if (!Number.isInteger(perGroup) || outputs % node.groups !== 0) {
        fail(`${input[2]} inputs, ${outputs} outputs`, `multiples of ${node.groups} groups`);
      }
      const weights = outputs * node.kernel[0] * node.kernel[1] * perGroup;
      if (node.weights.length !== weights) fail(`${node.weights.length} weights`, `${weights}`);
      break;
    }
    case "affine":
      if (node.scale.length !== input[2] || node.shift.length !== input[2]) {
        fail(`${node.scale.length} scales`, `${input[2]}`);
      }
      break;
    case "add":
      if (!sameShape(inputs[0], inputs[1])) fail(`[${inputs[1]}]`, `[${inputs[0]}]`);
      break;
    case "concat":
      if (!inputs.every((shape) => shape[0] === input[0] && shape[1] === input[1])) {
        fail("different heights or widths", `[${input[0]}, ${input[1]}, ...]`);
      }
      break;
    case "reshape":
      if (elementCount(input) !== elementCount(output))
        fail(`[${output}]`, `${elementCount(input)} elements`);
      break;
    case "slice":
      for (const axis of [0, 1, 2]) {
        const last = node.start[axis] + node.step[axis] * (output[axis] - 1);
        if (node.step[axis] < 1 || node.start[axis] < 0 || last >= input[axis]) {
          fail(`${node.start[axis]} step ${node.step[axis]} on axis ${axis}`, `inside [${input}]`);
        }
      }
      break;
    default:
  }
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}
