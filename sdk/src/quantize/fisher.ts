/**
 * How much the logits care: h[o] = E || d(random projection of the logits) / d z_o ||^2 per output channel of every
 * convolution, summed over positions. No labels: the projections are Gaussian with their mean removed (the Fisher
 * information of a model whose logits have unit noise).
 */
import { GraphError } from "../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import { elementCount } from "../graph/lookup.js";
import type { Shape, TensorId } from "../graph/types.js";
import { type Activations, runNode } from "./stepwise.js";

const BATCH = 64;

/** Channels that nothing depends on still get this share of the layer's mean, so that steps stay finite. */
const LEAST_SHARE = 1e-3;

/**
 * @param images the model's input; @param random a seeded source of numbers in [0, 1)
 * @returns by node name, one value per output channel
 */
export function logitSensitivity(
  graph: FloatGraph,
  images: Activations,
  count: number,
  random: () => number,
): Map<string, Float64Array> {
  const sums = new Map<string, Float64Array>();
  const size = elementCount(graph.tensors[graph.input].shape);
  for (let first = 0; first < count; first += BATCH) {
    const batch = Math.min(BATCH, count - first);
    accumulate(graph, images.subarray(first * size, (first + batch) * size), batch, random, sums);
  }
  for (const sum of sums.values()) {
    let mean = 0;
    for (const value of sum) mean += value / sum.length;
    for (let o = 0; o < sum.length; o += 1) sum[o] = Math.max(sum[o], LEAST_SHARE * mean, 1e-30) / count;
  }
  return sums;
}

function accumulate(
  graph: FloatGraph,
  images: Activations,
  count: number,
  random: () => number,
  sums: Map<string, Float64Array>,
): void {
  const values = new Map<TensorId, Activations>([[graph.input, images]]);
  for (const node of graph.nodes) values.set(node.output, runNode(graph, node, values, count));
  const gradients = new Map<TensorId, Activations>([[graph.output, projections(graph, count, random)]]);
  for (const node of [...graph.nodes].reverse()) {
    const gradient = gradients.get(node.output);
    gradients.delete(node.output);
    if (!gradient) continue;
    if (node.kind === "convolution" && !node.structural) addSquares(node, gradient, sums);
    if (node.inputs.every((id) => id === graph.input)) continue;
    const passed = backward(graph, node, values, gradient, count);
    for (const input of node.inputs) {
      const known = gradients.get(input);
      // A copy: an addition hands the same array to both of its inputs.
      if (known) for (let index = 0; index < known.length; index += 1) known[index] += passed[index];
      else gradients.set(input, passed.slice());
    }
  }
}

function projections(graph: FloatGraph, count: number, random: () => number): Activations {
  const classes = elementCount(graph.tensors[graph.output].shape);
  const values = new Float32Array(count * classes);
  for (let image = 0; image < count; image += 1) {
    const row = values.subarray(image * classes, (image + 1) * classes);
    let mean = 0;
    for (let index = 0; index < classes; index += 1) {
      row[index] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      mean += row[index] / classes;
    }
    for (let index = 0; index < classes; index += 1) row[index] -= mean;
  }
  return values;
}

function addSquares(
  node: FloatConvolutionNode,
  gradient: Activations,
  sums: Map<string, Float64Array>,
): void {
  const outputs = node.bias.length;
  const sum = sums.get(node.name) ?? new Float64Array(outputs);
  sums.set(node.name, sum);
  for (let start = 0; start < gradient.length; start += outputs) {
    for (let o = 0; o < outputs; o += 1) sum[o] += gradient[start + o] ** 2;
  }
}

/** The gradient with respect to the input (each input of an addition). */
function backward(
  graph: FloatGraph,
  node: FloatNode,
  values: ReadonlyMap<TensorId, Activations>,
  gradient: Activations,
  count: number,
): Activations {
  const [source] = node.inputs;
  const input = values.get(source) as Activations;
  const shape = graph.tensors[source].shape;
  switch (node.kind) {
    case "convolution":
      return convolutionBackward(node, shape, graph.tensors[node.output].shape, gradient, count);
    case "clamp":
      return gradient.map((value, index) => (input[index] > node.min && input[index] < node.max ? value : 0));
    case "average-pool":
    case "max-pool":
      return poolBackward(node, shape, graph.tensors[node.output].shape, input, gradient, count);
    case "add":
    case "reshape":
      return gradient;
    default:
      throw new GraphError("unsupported-node", `The gradient of a ${node.kind} node is not known.`, {
        place: node.name,
        hint: "Use a method that does not weigh errors by the logits' sensitivity.",
      });
  }
}

/** The same kernels run backwards: zeros between the gradient's positions, filters turned by 180 degrees. */
export function convolutionBackward(
  node: FloatConvolutionNode,
  input: Shape,
  output: Shape,
  gradient: Activations,
  count: number,
): Activations {
  const { kernel, stride, dilation, padding, groups } = node;
  const [height, width, channels] = input;
  const outputs = output[2];
  const spread: Shape = [(output[0] - 1) * stride[0] + 1, (output[1] - 1) * stride[1] + 1, outputs];
  let widened = gradient;
  if (stride[0] > 1 || stride[1] > 1) {
    widened = new Float32Array(count * elementCount(spread));
    for (let row = 0; row < count * output[0]; row += 1) {
      const image = Math.floor(row / output[0]);
      const y = (row % output[0]) * stride[0];
      for (let x = 0; x < output[1]; x += 1) {
        const from = (row * output[1] + x) * outputs;
        const to = ((image * spread[0] + y) * spread[1] + x * stride[1]) * outputs;
        widened.set(gradient.subarray(from, from + outputs), to);
      }
    }
  }
  const perGroup = channels / groups;
  const outputsPerGroup = outputs / groups;
  const taps = kernel[0] * kernel[1];
  const weights = new Float32Array(node.weights.length);
  for (let o = 0; o < outputs; o += 1) {
    const group = Math.floor(o / outputsPerGroup);
    for (let tap = 0; tap < taps; tap += 1) {
      for (let c = 0; c < perGroup; c += 1) {
        const to =
          ((group * perGroup + c) * taps + (taps - 1 - tap)) * outputsPerGroup + (o % outputsPerGroup);
        weights[to] = node.weights[(o * taps + tap) * perGroup + c];
      }
    }
  }
  const top = (kernel[0] - 1) * dilation[0] - padding.top;
  const left = (kernel[1] - 1) * dilation[1] - padding.left;
  const bottom = height + (kernel[0] - 1) * dilation[0] - spread[0] - top;
  const right = width + (kernel[1] - 1) * dilation[1] - spread[1] - left;
  const turned: FloatConvolutionNode = {
    ...node,
    inputs: [0],
    output: 1,
    stride: [1, 1],
    padding: { top, left, bottom, right },
    weights,
    bias: new Float32Array(channels),
  };
  const alone: FloatGraph = {
    name: node.name,
    source: { format: "synthetic", file: "", sha256: "" },
    tensors: [
      { name: "gradient", shape: spread },
      { name: "input", shape: input },
    ],
    nodes: [turned],
    input: 0,
    output: 1,
    notes: [],
  };
  return runNode(alone, turned, new Map([[0, widened]]), count);
}

function poolBackward(
  node: Extract<FloatNode, { kind: "average-pool" | "max-pool" }>,
  [height, width, channels]: Shape,
  output: Shape,
  input: Activations,
  gradient: Activations,
  count: number,
): Activations {
  const { kernel, stride, dilation, padding } = node;
  const result = new Float32Array(input.length);
  for (let position = 0; position < count * output[0] * output[1]; position += 1) {
    const image = Math.floor(position / (output[0] * output[1]));
    const place = position % (output[0] * output[1]);
    const top = Math.floor(place / output[1]) * stride[0] - padding.top;
    const left = (place % output[1]) * stride[1] - padding.left;
    const inside: number[] = [];
    for (let tap = 0; tap < kernel[0] * kernel[1]; tap += 1) {
      const y = top + Math.floor(tap / kernel[1]) * dilation[0];
      const x = left + (tap % kernel[1]) * dilation[1];
      if (y >= 0 && y < height && x >= 0 && x < width)
        inside.push(((image * height + y) * width + x) * channels);
    }
    const divisor = node.kind === "average-pool" && node.countPadding ? kernel[0] * kernel[1] : inside.length;
    for (let c = 0; c < channels; c += 1) {
      const value = gradient[position * channels + c];
      if (node.kind === "average-pool") for (const at of inside) result[at + c] += value / divisor;
      else {
        const largest = inside.reduce((best, at) => (input[at + c] > input[best + c] ? at : best));
        result[largest + c] += value;
      }
    }
  }
  return result;
}
