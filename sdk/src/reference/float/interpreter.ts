/**
 * The float interpreter: a FloatGraph on batches of images, convolutions and additions on WebAssembly SIMD kernels.
 *
 * Fast enough to calibrate on thousands of images; not bit-exact with any other float engine (sums are taken in
 * another order), unlike the integer reference beside it.
 */
import { GraphError } from "../../errors.js";
import type { FloatGraph, FloatNode } from "../../graph/float.js";
import { validateFloatGraph } from "../../graph/float-shape.js";
import { elementCount } from "../../graph/lookup.js";
import type { Shape, TensorId } from "../../graph/types.js";
import { type PreparedStep, prepareConvolution } from "./convolution.js";
import { KernelMemory } from "./kernel.js";
import { affine, fakeQuantize, pad, placeChannels, pool, slice, softmax } from "./plain.js";

export interface FloatInterpreter {
  readonly graph: FloatGraph;
  /** Largest number of images of one run. */
  readonly batch: number;
  /**
   * Runs `count` images (at most `batch`): `images` holds count x [height][width][channels].
   * @returns the graph output of each image, one after the other (a copy).
   */
  run(images: Float32Array, count?: number): Float32Array;
  /** A tensor of the last run, all images one after the other. A view: the next run overwrites it. */
  tensor(id: TensorId): Float32Array;
}

/**
 * @param batch images per run; memory grows with it (all tensors are kept).
 * @example
 * const interpreter = createFloatInterpreter(importTfliteFloat(bytes, { file }), { batch: 16 });
 * const logits = interpreter.run(images, 16);
 */
export function createFloatInterpreter(
  graph: FloatGraph,
  { batch = 1 }: { batch?: number } = {},
): FloatInterpreter {
  validateFloatGraph(graph);
  if (!Number.isInteger(batch) || batch < 1) {
    throw new GraphError("bad-batch", "The batch must be a whole number of images.", {
      expected: "1 or more",
      found: String(batch),
    });
  }
  const memory = new KernelMemory();
  const sizes = graph.tensors.map(({ shape }) => elementCount(shape));
  const addresses = sizes.map((size) => memory.allocate(4 * size * batch));
  const slots = graph.tensors.map(({ shape }, id) => ({ shape, address: addresses[id], size: sizes[id] }));
  const steps = graph.nodes.map((node) => prepareNode(memory, node, slots, batch));
  const view = (id: TensorId, count: number) => memory.floats(addresses[id], sizes[id] * count);
  let lastCount = 0;
  return {
    graph,
    batch,
    run(images, count = batch) {
      const expected = count * sizes[graph.input];
      if (count < 1 || count > batch || images.length < expected) {
        throw new GraphError("bad-input", "The images do not fit the batch.", {
          expected: `1..${batch} images of [${graph.tensors[graph.input].shape}]`,
          found: `${count} images in ${images.length} numbers`,
        });
      }
      view(graph.input, count).set(images.subarray(0, expected));
      for (const step of steps) step(count);
      lastCount = count;
      return view(graph.output, count).slice();
    },
    tensor: (id) => view(id, lastCount),
  };
}

interface Slot {
  readonly shape: Shape;
  readonly address: number;
  readonly size: number;
}

function prepareNode(
  memory: KernelMemory,
  node: FloatNode,
  slots: readonly Slot[],
  batch: number,
): PreparedStep {
  const inputs = node.inputs.map((id) => slots[id]);
  const [input] = inputs;
  const output = slots[node.output];
  const image = (slot: Slot, index: number) => memory.floats(slot.address + 4 * slot.size * index, slot.size);
  const eachImage =
    (run: (from: Float32Array, to: Float32Array, index: number) => void) => (count: number) => {
      for (let index = 0; index < count; index += 1) run(image(input, index), image(output, index), index);
    };
  switch (node.kind) {
    case "convolution":
      return prepareConvolution(memory, node, input, output, batch);
    case "add":
      return (count) =>
        memory.kernels.add(input.address, inputs[1].address, output.address, count * output.size);
    case "clamp":
      return (count) =>
        memory.kernels.clamp(input.address, output.address, count * output.size, node.min, node.max);
    case "affine":
      return eachImage((from, to) => affine(node, from, to));
    case "max-pool":
    case "average-pool":
      return eachImage((from, to) => pool(node, from, input.shape, to));
    case "concat":
      return (count) => {
        for (let index = 0; index < count; index += 1) {
          let first = 0;
          for (const part of inputs) {
            placeChannels(image(part, index), part.shape[2], image(output, index), output.shape[2], first);
            first += part.shape[2];
          }
        }
      };
    case "pad":
      return eachImage((from, to) => pad(node, from, input.shape, to, output.shape));
    case "slice":
      return eachImage((from, to) => slice(node, from, input.shape, to, output.shape));
    case "reshape":
    case "identity":
      return eachImage((from, to) => to.set(from));
    case "softmax":
      return eachImage((from, to) => softmax(node.beta, from, to));
    case "fake-quantize":
      return eachImage((from, to) => fakeQuantize(node, from, to));
  }
}
