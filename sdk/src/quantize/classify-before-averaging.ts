/**
 * A classifier behind a global average pool, exchanged with it: both are linear, so the function is the same.
 *
 * Averages rounded to few bits go into the logits one to one. Rounded before the average, at every position, the same
 * number of bits costs far less: the errors of the positions cancel. The classifier then runs at every position, which is
 * little beside the layers before it.
 */
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import type { TensorId } from "../graph/types.js";
import type { Activations } from "./stepwise.js";

type AveragePool = Extract<FloatNode, { kind: "average-pool" }>;

/** @returns a graph of its own; tensors and nodes keep their numbers and names, two of them their places */
export function classifyBeforeAveraging(graph: FloatGraph): FloatGraph {
  const pairs = graph.nodes.flatMap((node) => {
    const classifier = node.kind === "average-pool" ? classifierBehind(graph, node) : undefined;
    return classifier ? [{ pool: node as AveragePool, classifier }] : [];
  });
  if (pairs.length === 0) return graph;
  const tensors = [...graph.tensors];
  const nodes = [...graph.nodes];
  for (const { pool, classifier } of pairs) {
    const [height, width] = graph.tensors[pool.inputs[0]].shape;
    const { name, shape } = graph.tensors[classifier.output];
    tensors[pool.output] = { name: `${name}/map`, shape: [height, width, shape[2]] };
    nodes[nodes.indexOf(pool)] = { ...classifier, inputs: pool.inputs, output: pool.output };
    nodes[nodes.indexOf(classifier)] = { ...pool, inputs: [pool.output], output: classifier.output };
  }
  return { ...graph, tensors, nodes };
}

/** The convolution that alone reads a pool over the whole map. */
function classifierBehind(graph: FloatGraph, pool: AveragePool): FloatConvolutionNode | undefined {
  if (!isGlobal(graph, pool)) return undefined;
  const [reader, ...others] = graph.nodes.filter(({ inputs }) => inputs.includes(pool.output));
  if (others.length > 0 || reader?.kind !== "convolution" || reader.structural) return undefined;
  return isPointwise(reader) && pool.output !== graph.output ? reader : undefined;
}

function isGlobal(graph: FloatGraph, { inputs, output, kernel, padding }: AveragePool): boolean {
  const [height, width] = graph.tensors[inputs[0]].shape;
  const [outHeight, outWidth] = graph.tensors[output].shape;
  const isPadded = padding.top + padding.bottom + padding.left + padding.right > 0;
  return outHeight === 1 && outWidth === 1 && kernel[0] === height && kernel[1] === width && !isPadded;
}

function isPointwise({ kernel, stride, padding, groups }: FloatConvolutionNode): boolean {
  const { top, bottom, left, right } = padding;
  const isUnit = kernel[0] === 1 && kernel[1] === 1 && stride[0] === 1 && stride[1] === 1;
  return isUnit && groups === 1 && top + bottom + left + right === 0;
}

/** Whether nothing but the average over the whole map is made of a pointwise layer's output. */
export function isAveragedOnly(graph: FloatGraph, node: FloatConvolutionNode): boolean {
  const [reader, ...others] = graph.nodes.filter(({ inputs }) => inputs.includes(node.output));
  const isAverage = others.length === 0 && reader?.kind === "average-pool" && isGlobal(graph, reader);
  return isAverage && isPointwise(node) && node.output !== graph.output;
}

/**
 * Sensitivities of layers that are fitted to their averages: an error that all positions share changes the average by as
 * much, and the sum over the positions of what each alone is felt (fisher.ts) counts it too little.
 */
export function feltAsAverages(
  graph: FloatGraph,
  coupling: ReadonlyMap<string, Float64Array>,
): Map<string, Float64Array> {
  const result = new Map(coupling);
  for (const node of graph.nodes) {
    if (node.kind !== "convolution" || !isAveragedOnly(graph, node)) continue;
    const [height, width] = graph.tensors[node.output].shape;
    const own = result.get(node.name);
    if (own)
      result.set(
        node.name,
        own.map((value) => value * height * width),
      );
  }
  return result;
}

/** Means over all positions of each image. */
export function averaged(graph: FloatGraph, id: TensorId, values: Activations, count: number): Activations {
  const [height, width, channels] = graph.tensors[id].shape;
  const positions = height * width;
  const result = new Float32Array(count * channels);
  for (let image = 0; image < count; image += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      for (let position = 0; position < positions; position += 1)
        sum += values[(image * positions + position) * channels + channel];
      result[image * channels + channel] = sum / positions;
    }
  }
  return result;
}
