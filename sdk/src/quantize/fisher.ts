/**
 * How much the logits care: G[o][u] = E (d p / d z_o) (d p / d z_u) for a random projection p of the logits and every
 * convolution's outputs z, summed over positions; its diagonal is the importance of each output channel. No labels: the
 * projections are drawn as the model's own answers would vary (its Fisher information, softened and with every image of
 * one weight).
 */
import { GraphError } from "../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../graph/float.js";
import { elementCount } from "../graph/lookup.js";
import type { Shape, TensorId } from "../graph/types.js";
import { type Activations, runNode } from "./stepwise.js";
import { transposeConvolution, widen } from "./transposed-convolution.js";

const BATCH = 64;

/** Of the shares of classes, in units of the logits' spread. */
const TEMPERATURE = 0.5;

/** Channels that nothing depends on still get this share of the layer's mean, so that steps stay finite. */
const LEAST_SHARE = 1e-3;

/** Wider layers get the diagonal only: products of all pairs would take longer than the gradients. */
const MOST_COUPLED_OUTPUTS = 256;

/**
 * @param images the model's input; @param random a seeded source of numbers in [0, 1)
 * @returns by node name, [outputs][outputs]
 */
export function logitCoupling(
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
    const outputs = Math.sqrt(sum.length);
    let mean = 0;
    for (let o = 0; o < outputs; o += 1) mean += sum[o * (outputs + 1)] / outputs;
    mirrorLower(sum, outputs);
    for (let index = 0; index < sum.length; index += 1) {
      const least =
        index % (outputs + 1) === 0 ? Math.max(LEAST_SHARE * mean, 1e-30) : Number.NEGATIVE_INFINITY;
      sum[index] = Math.max(sum[index], least) / count;
    }
  }
  return sums;
}

function mirrorLower(matrix: Float64Array, n: number): void {
  for (let o = 0; o < n; o += 1) for (let u = 0; u < o; u += 1) matrix[u * n + o] = matrix[o * n + u];
}

/** The importance of each output alone, by node name. */
export function logitSensitivity(...parameters: Parameters<typeof logitCoupling>): Map<string, Float64Array> {
  return diagonalsOf(logitCoupling(...parameters));
}

export function diagonalsOf(coupling: ReadonlyMap<string, Float64Array>): Map<string, Float64Array> {
  return new Map(
    [...coupling].map(([name, matrix]) => {
      const outputs = Math.sqrt(matrix.length);
      return [name, Float64Array.from({ length: outputs }, (_, o) => matrix[o * (outputs + 1)])];
    }),
  );
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
  const logits = values.get(graph.output) as Activations;
  const gradients = new Map<TensorId, Activations>([[graph.output, projections(logits, count, random)]]);
  for (const node of [...graph.nodes].reverse()) {
    const gradient = gradients.get(node.output);
    gradients.delete(node.output);
    if (!gradient) continue;
    if (node.kind === "convolution" && !node.structural) addProducts(node, gradient, sums);
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

/**
 * Random directions in which the logits of each image are looked at: Gaussian, mostly between the classes that the image
 * could be taken for. Their covariance is that of the answer, diag(p) - p pt for softened shares p, so that errors between
 * classes far below count little; all images count alike, however sure the model is.
 */
function projections(logits: Activations, count: number, random: () => number): Activations {
  const classes = logits.length / count;
  const temperature = TEMPERATURE * spread(logits, classes);
  const values = new Float32Array(logits.length);
  for (let image = 0; image < count; image += 1) {
    const row = values.subarray(image * classes, (image + 1) * classes);
    const share = softened(logits.subarray(image * classes, (image + 1) * classes), temperature);
    let common = 0;
    for (let index = 0; index < classes; index += 1) {
      row[index] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      common += Math.sqrt(share[index]) * row[index];
    }
    // The trace of that covariance; one of independent logits less their mean has classes - 1.
    const trace = 1 - share.reduce((sum, p) => sum + p * p, 0);
    const length = Math.sqrt((classes - 1) / Math.max(trace, 1e-12));
    for (let index = 0; index < classes; index += 1) {
      row[index] = (Math.sqrt(share[index]) * row[index] - share[index] * common) * length;
    }
  }
  return values;
}

function softened(logits: Activations, temperature: number): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const shares = Float64Array.from(logits, (value) => Math.exp((value - largest) / temperature));
  const sum = shares.reduce((all, value) => all + value, 0);
  return shares.map((value) => value / sum);
}

/** Root mean square of the logits less each image's mean. */
function spread(logits: Activations, classes: number): number {
  let squares = 0;
  for (let first = 0; first < logits.length; first += classes) {
    const row = logits.subarray(first, first + classes);
    const mean = row.reduce((sum, value) => sum + value, 0) / classes;
    for (const value of row) squares += (value - mean) ** 2;
  }
  return Math.sqrt(squares / logits.length) + 1e-12;
}

function addProducts(
  node: FloatConvolutionNode,
  gradient: Activations,
  sums: Map<string, Float64Array>,
): void {
  const outputs = node.bias.length;
  const sum = sums.get(node.name) ?? new Float64Array(outputs * outputs);
  sums.set(node.name, sum);
  const groupOutputs = outputs / node.groups;
  const coupled = groupOutputs <= MOST_COUPLED_OUTPUTS;
  // Half of the gradients are 0 behind a clamp, and products come in pairs: the lower triangle of the others suffices.
  const active = new Int32Array(outputs);
  for (let start = 0; start < gradient.length; start += outputs) {
    let count = 0;
    for (let o = 0; o < outputs; o += 1) {
      const value = gradient[start + o];
      if (value === 0) continue;
      if (!coupled) {
        sum[o * outputs + o] += value * value;
        continue;
      }
      active[count] = o;
      count += 1;
      const first = o - (o % groupOutputs);
      for (let index = count - 1; index >= 0 && active[index] >= first; index -= 1)
        sum[o * outputs + active[index]] += value * gradient[start + active[index]];
    }
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
  const { node: turned, widened } = transposeConvolution(node, input, output);
  let spread = gradient;
  if (node.stride[0] > 1 || node.stride[1] > 1) {
    spread = new Float32Array(count * elementCount(widened));
    widen(gradient, output, node.stride, widened, spread, count);
  }
  const alone: FloatGraph = {
    name: node.name,
    source: { format: "synthetic", file: "", sha256: "" },
    tensors: [
      { name: "gradient", shape: widened },
      { name: "input", shape: input },
    ],
    nodes: [turned],
    input: 0,
    output: 1,
    notes: [],
  };
  return runNode(alone, turned, new Map([[0, spread]]), count);
}

/** The gradient of a pool's input: shared evenly, or to the largest of each window. */
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
