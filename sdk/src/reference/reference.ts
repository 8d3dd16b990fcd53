/**
 * The bit-exact reference: interprets a Graph with plain integer loops. It is the definition of right; it shares no
 * arithmetic with the compiler, the emulator or the hardware.
 */
import { GraphError } from "../errors.js";
import { elementCount, graphMacs } from "../graph/lookup.js";
import type { Graph, GraphNode, Tensor } from "../graph/types.js";
import { validateGraph } from "../graph/validate.js";
import { prepareAdd } from "./add.js";
import { concat, pad } from "./arrange.js";
import { prepareConvolution } from "./convolution.js";
import { type IntegerMemory, openIntegerMemory } from "./convolution-simd.js";
import { averagePool, maxPool } from "./pool.js";
import { lookUp, prepareClamp, prepareRequantize, tabulate } from "./requantize.js";
import { tableChains } from "./table-chains.js";

/** Multiply-accumulates of a frame from which the WebAssembly convolution is used. */
const SIMD_FROM_MACS = 1_000_000;

export type StoredIntegers = Int32Array | Int16Array | Int8Array | Uint8Array;

export interface Reference {
  readonly graph: Graph;
  /**
   * One frame: stored integers of the input tensor, row-major [height][width][channels].
   * @throws {GraphError} `bad-input` when the length is wrong or a value lies outside the input's range.
   */
  run(input: StoredIntegers): { readonly output: Int32Array };
  /** Every tensor of one frame, indexed by TensorId; a softmax output (real numbers) is an empty array. */
  runAll(input: StoredIntegers): readonly Int32Array[];
}

/**
 * Prepares a graph for many frames: validates it, packs weights and builds tables once.
 *
 * @example const { output } = createReference(importModel(bytes, { file })).run(pixels);
 * @throws {GraphError} when the graph breaks a promise of graph/types.ts.
 */
export function createReference(graph: Graph): Reference {
  validateGraph(graph);
  const values = graph.tensors.map(({ shape }) => new Int32Array(elementCount(shape)));
  const nodes = graph.nodes.filter(({ kind }) => kind !== "softmax");
  // A WebAssembly memory is not worth its address space for a small graph.
  const memory = graphMacs(graph) >= SIMD_FROM_MACS ? openIntegerMemory() : undefined;
  const steps = new Map(nodes.map((node) => [node, prepareNode(graph, node, values, memory)]));
  const shortSteps = shortened(graph, steps, values);
  const execute = (input: StoredIntegers, selected: Iterable<() => void>) => {
    checkInput(graph.tensors[graph.input], input);
    values[graph.input].set(input);
    for (const step of selected) step();
  };
  return {
    graph,
    run(input) {
      execute(input, shortSteps);
      return { output: values[graph.output].slice() };
    },
    runAll(input) {
      execute(input, steps.values());
      const last = graph.nodes.at(-1);
      const softmaxOutput = last?.kind === "softmax" ? last.output : undefined;
      return values.map((tensor, id) => (id === softmaxOutput ? new Int32Array(0) : tensor.slice()));
    },
  };
}

/** The steps of `run`: each chain of tables is one table, at the place of its first node. */
function shortened(
  graph: Graph,
  steps: ReadonlyMap<GraphNode, () => void>,
  values: readonly Int32Array[],
): (() => void)[] {
  const replaced = new Map<GraphNode, (() => void) | undefined>();
  for (const chain of tableChains(graph)) {
    const [first] = chain;
    const input = graph.tensors[first.inputs[0]];
    const apply = lookUp(tabulate(chain, input), input.min);
    const from = values[first.inputs[0]];
    const to = values[chain[chain.length - 1].output];
    for (const node of chain) replaced.set(node, undefined);
    replaced.set(first, () => apply(from, to));
  }
  return [...steps].flatMap(([node, step]) => (replaced.has(node) ? (replaced.get(node) ?? []) : step));
}

function prepareNode(
  graph: Graph,
  node: GraphNode,
  values: readonly Int32Array[],
  memory: IntegerMemory | undefined,
): () => void {
  const tensors = node.inputs.map((id) => graph.tensors[id]);
  const inputs = node.inputs.map((id) => values[id]);
  const [input] = inputs;
  const outputTensor = graph.tensors[node.output];
  const output = values[node.output];
  switch (node.kind) {
    case "convolution": {
      const convolve = prepareConvolution(node, tensors[0], memory);
      return () => convolve(input, output);
    }
    case "requantize": {
      const requantize = prepareRequantize(node, tensors[0], outputTensor);
      return () => requantize(input, output);
    }
    case "clamp": {
      const clamp = prepareClamp(node);
      return () => clamp(input, output);
    }
    case "add": {
      const add = prepareAdd(node, tensors[0], tensors[1]);
      return () => add(inputs[0], inputs[1], output);
    }
    case "max-pool":
      return () => maxPool(node, input, tensors[0].shape, output);
    case "average-pool":
      return () => averagePool(node, input, tensors[0].shape, output);
    case "concat": {
      const channels = tensors.map(({ shape }) => shape[2]);
      return () => concat(inputs, channels, output, outputTensor.shape[2]);
    }
    case "pad":
      return () => pad(node, input, tensors[0].shape, tensors[0].zeroPoint, output);
    case "reshape":
      return () => output.set(input);
    case "softmax":
      return () => undefined;
  }
}

function checkInput(tensor: Tensor, input: StoredIntegers): void {
  const expected = elementCount(tensor.shape);
  if (input.length !== expected) {
    throw new GraphError("bad-input", "The input has the wrong number of elements.", {
      place: `tensor "${tensor.name}"`,
      expected: `${expected} ([${tensor.shape.join(", ")}])`,
      found: `${input.length}`,
    });
  }
  for (let index = 0; index < input.length; index += 1) {
    if (input[index] >= tensor.min && input[index] <= tensor.max) continue;
    throw new GraphError("bad-input", "An input value lies outside the tensor's range.", {
      place: `tensor "${tensor.name}", element ${index}`,
      expected: `${tensor.min}..${tensor.max}`,
      found: `${input[index]}`,
      hint: "Convert pixels to stored integers with the graph's input encoding first.",
    });
  }
}
