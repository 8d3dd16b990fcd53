/**
 * Weights of a changed model refitted, layer after layer, to what the original computes: least squares on the changed
 * model's own inputs towards the original's pre-activations (channel pruning by reconstruction: He, Zhang, Sun,
 * arXiv 1707.06168, equation 1, with all layers' errors carried forward).
 */
import type { FloatConvolutionNode, FloatGraph } from "../../graph/float.js";
import type { TensorId } from "../../graph/types.js";
import { moments } from "../moments.js";
import { exactBias, retarget } from "../retarget.js";
import { type Activations, Liveness, runNode } from "../stepwise.js";

/** Share of the mean second moment that holds weights where they are. */
const RIDGE = 0.003;

/**
 * @param student the same nodes as `teacher`, some channels fewer; @param kept by tensor, the teacher's channels that the
 * student has @param positions window positions per layer
 */
export function refitToTeacher(
  teacher: FloatGraph,
  student: FloatGraph,
  kept: readonly (readonly number[])[],
  images: Activations,
  count: number,
  positions: number,
): FloatGraph {
  const exact = new Map<TensorId, Activations>([[teacher.input, images]]);
  const actual = new Map<TensorId, Activations>([[student.input, images]]);
  const liveness = new Liveness(student);
  const nodes = student.nodes.map((node, index) => {
    exact.set(node.output, runNode(teacher, teacher.nodes[index], exact, count));
    let executed = node;
    if (node.kind === "convolution" && !node.structural) {
      const target = select(
        exact.get(node.output) as Activations,
        teacher.tensors[node.output].shape[2],
        kept[node.output],
      );
      executed = refitted(student, node, actual.get(node.inputs[0]) as Activations, target, count, positions);
    }
    actual.set(node.output, runNode(student, executed, actual, count));
    liveness.afterNode(node, exact, actual);
    return executed;
  });
  return { ...student, nodes };
}

function refitted(
  graph: FloatGraph,
  node: FloatConvolutionNode,
  x: Activations,
  target: Activations,
  count: number,
  positions: number,
): FloatConvolutionNode {
  const [from, to] = [graph.tensors[node.inputs[0]].shape, graph.tensors[node.output].shape];
  const weights = Float32Array.from(node.weights);
  const bias = Float32Array.from(node.bias);
  moments(node, from, to, x, target, count, { positions }).forEach((group, index) => {
    const size = group.outputs * group.inputs;
    const own = Float64Array.from(weights.subarray(index * size, (index + 1) * size));
    const fitted = retarget(own, group, RIDGE);
    weights.set(fitted, index * size);
    bias.set(exactBias(fitted, group), index * group.outputs);
  });
  return { ...node, weights, bias };
}

function select(values: Activations, channels: number, kept: readonly number[]): Activations {
  if (kept.length === channels) return values;
  const positions = values.length / channels;
  const result = new Float32Array(positions * kept.length);
  for (let position = 0; position < positions; position += 1) {
    for (let c = 0; c < kept.length; c += 1) {
      result[position * kept.length + c] = values[position * channels + kept[c]];
    }
  }
  return result;
}
