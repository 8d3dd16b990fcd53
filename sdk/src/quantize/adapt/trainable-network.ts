/**
 * A float graph with its activations on their integer grids, run forwards and backwards on batches: what the
 * adaptation of codes differentiates. Rounding passes gradients straight through (arXiv 1308.3432), saturation stops
 * them. Convolutions in both directions run on the float interpreter's WebAssembly kernels.
 *
 * Differs from the integer pipeline by float32 sums and by the requantisation's own rounding only; it is used for
 * gradients, and the result is measured on the integers.
 */
import { GraphError } from "../../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode } from "../../graph/float.js";
import { elementCount } from "../../graph/lookup.js";
import type { Shape, TensorId } from "../../graph/types.js";
import { type PreparedConvolution, prepareConvolution } from "../../reference/float/convolution.js";
import { KernelMemory } from "../../reference/float/kernel.js";
import { pool } from "../../reference/float/plain.js";
import { poolBackward } from "../fisher.js";
import type { ActivationGrid } from "../grids.js";
import { planStorage } from "../stored-tensors.js";
import { transposeConvolution, turnedWeights, widen } from "../transposed-convolution.js";

/** Gradients of one convolution, summed over the images since they were last cleared. */
export interface LayerGradient {
  readonly node: FloatConvolutionNode;
  /** OHWI. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

interface Slot {
  readonly shape: Shape;
  readonly size: number;
  readonly value: number;
  readonly gradient: number;
}

interface Step {
  readonly forward: (count: number) => void;
  /** From the gradient of the node's output to those of its inputs. */
  readonly backward: (count: number) => void;
}

interface Layer extends LayerGradient {
  readonly load: (weights: Float32Array, bias: Float32Array) => void;
  readonly collect: () => void;
}

export class TrainableNetwork {
  /** By node name, every convolution that is not structural. */
  readonly layers = new Map<string, Layer>();
  private readonly memory = new KernelMemory();
  private readonly slots: Slot[];
  private readonly steps: Step[];
  private readonly storeInput: (count: number) => void;
  private readonly logits: TensorId;
  /** Tensors that hold a part of their gradient already in this backward pass. */
  private readonly started = new Set<TensorId>();

  /**
   * @param batch most images of one run
   * @throws {GraphError} `unsupported-node` for a node without a gradient
   */
  constructor(
    private readonly model: FloatGraph,
    activations: ReadonlyMap<TensorId, ActivationGrid>,
    readonly batch: number,
  ) {
    const { stored, fused } = planStorage(model);
    const nodes = model.nodes.filter(({ kind }) => kind !== "softmax");
    this.logits = model.output;
    const owner = model.tensors.map((_, id) => id);
    // What is stored after its clamp has the clamp's gradient: saturation of the grid is the clamp.
    for (const [input, clamp] of fused) owner[input] = clamp.output;
    const gradients = model.tensors.map(({ shape }, id) =>
      owner[id] === id ? this.memory.allocate(4 * elementCount(shape) * batch + 32) : -1,
    );
    this.slots = model.tensors.map(({ shape }, id) => ({
      shape,
      size: elementCount(shape),
      value: this.memory.allocate(4 * elementCount(shape) * batch + 32),
      gradient: gradients[owner[id]],
    }));
    const gridOf = (id: TensorId) => (stored.has(id) ? activations.get(id) : undefined);
    const inputGrid = gridOf(model.input);
    this.storeInput = inputGrid
      ? this.quantizer(model.input, model.input, inputGrid).forward
      : () => undefined;
    this.steps = nodes.map((node) => {
      const grid = gridOf(node.output);
      const clamp = fused.get(node.inputs[0]) === node;
      if (grid && clamp && node.kind === "clamp") {
        return this.quantizer(node.inputs[0], node.output, grid, node.min, node.max);
      }
      const step = this.prepare(node);
      if (!grid || node.kind === "reshape" || node.kind === "max-pool") return step;
      const quantizer = this.quantizer(node.output, node.output, grid);
      return {
        forward: (count) => {
          step.forward(count);
          quantizer.forward(count);
        },
        backward: (count) => {
          quantizer.backward(count);
          step.backward(count);
        },
      };
    });
  }

  /** @returns the logits of each image, one after the other (a copy) */
  forward(images: Float32Array, count: number): Float32Array {
    const { memory, slots, model } = this;
    const input = slots[model.input];
    memory.floats(input.value, input.size * count).set(images.subarray(0, input.size * count));
    this.storeInput(count);
    for (const step of this.steps) step.forward(count);
    return memory.floats(slots[this.logits].value, slots[this.logits].size * count).slice();
  }

  /** Adds to the layers' gradients. @param logitGradient of the images of the last forward run */
  backward(logitGradient: Float32Array, count: number): void {
    const { memory, slots } = this;
    memory.floats(slots[this.logits].gradient, logitGradient.length).set(logitGradient);
    this.started.clear();
    for (let index = this.steps.length - 1; index >= 0; index -= 1) this.steps[index].backward(count);
    for (const layer of this.layers.values()) layer.collect();
  }

  clearGradients(): void {
    for (const { weights, bias } of this.layers.values()) {
      weights.fill(0);
      bias.fill(0);
    }
  }

  private quantizer(from: TensorId, to: TensorId, grid: ActivationGrid, min?: number, max?: number): Step {
    const { memory, slots } = this;
    const { scale, zeroPoint } = grid;
    const onGrid = (value: number): number =>
      Math.min(Math.max(value, grid.min - zeroPoint), grid.max - zeroPoint);
    const low = onGrid(min === undefined ? Number.NEGATIVE_INFINITY : Math.round(min / scale));
    const high = onGrid(max === undefined ? Number.POSITIVE_INFINITY : Math.round(max / scale));
    const { size } = slots[to];
    return {
      forward: (count) =>
        memory.kernels.quantize(
          slots[from].value,
          slots[to].value,
          count * size,
          1 / scale,
          scale,
          low,
          high,
        ),
      backward: (count) =>
        memory.kernels.passInside(
          slots[to].gradient,
          slots[to].value,
          count * size,
          (low + 0.5) * scale,
          (high - 0.5) * scale,
        ),
    };
  }

  private prepare(node: FloatNode): Step {
    const { memory, slots } = this;
    const [source] = node.inputs;
    const input = slots[source];
    const output = slots[node.output];
    const values = (slot: Slot, count: number) => memory.floats(slot.value, slot.size * count);
    const eachImage = (run: (from: Float32Array, to: Float32Array) => void) => (count: number) => {
      for (let image = 0; image < count; image += 1) {
        run(
          memory.floats(input.value + 4 * input.size * image, input.size),
          memory.floats(output.value + 4 * output.size * image, output.size),
        );
      }
    };
    switch (node.kind) {
      case "convolution":
        return this.convolution(node, input, output);
      case "add":
        return {
          forward: (count) =>
            memory.kernels.add(input.value, slots[node.inputs[1]].value, output.value, count * output.size),
          backward: (count) => {
            for (const id of node.inputs) this.pass(id, output.gradient, count);
          },
        };
      case "clamp":
        return {
          forward: (count) =>
            memory.kernels.clamp(input.value, output.value, count * output.size, node.min, node.max),
          backward: (count) => {
            memory.kernels.passInside(output.gradient, input.value, count * output.size, node.min, node.max);
            this.pass(source, output.gradient, count);
          },
        };
      case "average-pool":
      case "max-pool":
        return {
          forward: eachImage((from, to) => pool(node, from, input.shape, to)),
          backward: (count) => {
            const gradient = memory.floats(output.gradient, output.size * count);
            const shared = poolBackward(
              node,
              input.shape,
              output.shape,
              values(input, count),
              gradient,
              count,
            );
            this.give(source, shared, count);
          },
        };
      case "reshape":
        return {
          forward: (count) => values(output, count).set(values(input, count)),
          backward: (count) => this.pass(source, output.gradient, count),
        };
      default:
        throw new GraphError("unsupported-node", `The gradient of a ${node.kind} node is not known.`, {
          place: node.name,
          hint: "Compress without adapting the codes (--adapt 0).",
        });
    }
  }

  private convolution(node: FloatConvolutionNode, input: Slot, output: Slot): Step {
    const { memory, model } = this;
    const [source] = node.inputs;
    const at = (slot: Slot) => ({ shape: slot.shape, address: slot.value });
    const forward = prepareConvolution(memory, node, at(input), at(output), this.batch);
    const weightGradient = node.structural ? undefined : this.layerGradient(node, forward, output);
    const run = (count: number): void => forward.run(count);
    if (source === model.input) {
      if (weightGradient) this.layers.set(node.name, weightGradient.layer);
      return { forward: run, backward: (count) => weightGradient?.accumulate(count) };
    }
    const { node: turned, widened } = transposeConvolution(node, input.shape, output.shape);
    const isWidened = node.stride[0] > 1 || node.stride[1] > 1;
    const spread = isWidened ? memory.allocate(4 * elementCount(widened) * this.batch) : output.gradient;
    const result = memory.allocate(4 * input.size * this.batch);
    const back = prepareConvolution(
      memory,
      turned,
      { shape: widened, address: spread },
      { shape: input.shape, address: result },
      this.batch,
    );
    if (weightGradient) {
      const { layer } = weightGradient;
      const noBias = new Float32Array(input.shape[2]);
      this.layers.set(node.name, {
        ...layer,
        load: (weights, bias) => {
          layer.load(weights, bias);
          back.load(turnedWeights(node, weights, input.shape[2]), noBias);
        },
      });
    }
    return {
      forward: run,
      backward: (count) => {
        weightGradient?.accumulate(count);
        if (isWidened) {
          const gradient = memory.floats(output.gradient, output.size * count);
          const to = memory.floats(spread, elementCount(widened) * count);
          widen(gradient, output.shape, node.stride, widened, to, count);
        }
        back.run(count);
        this.pass(source, result, count);
      },
    };
  }

  /** The weight gradient is summed in the kernels' panels and unpacked once per backward pass. */
  private layerGradient(node: FloatConvolutionNode, { windows, load }: PreparedConvolution, output: Slot) {
    const { memory } = this;
    const outputs = node.bias.length;
    const groups = windows.depthwise ? 1 : node.groups;
    const perGroup = outputs / groups;
    const window = node.weights.length / outputs;
    const panelFloats = Math.ceil(perGroup / 8) * 8 * window;
    const panels = memory.allocate(4 * (windows.depthwise ? node.weights.length : panelFloats * groups));
    const channelsPerGroup = output.shape[2] / groups;
    const weights = new Float32Array(node.weights.length);
    const bias = new Float32Array(outputs);
    const sourceChannels = node.weights.length / outputs / (node.kernel[0] * node.kernel[1]);
    const accumulate = (count: number): void => {
      const { imagesPerCall, positionsPerImage } = windows;
      for (let image = 0; image < count; image += imagesPerCall) {
        const positions = Math.min(imagesPerCall, count - image) * positionsPerImage;
        const from = windows.source + image * windows.imageBytes;
        const gradient = output.gradient + 4 * image * output.size;
        if (windows.depthwise) {
          memory.kernels.depthwiseGradient(
            from,
            windows.offsets,
            positions,
            windows.segments,
            windows.segmentCount,
            gradient,
            outputs,
            panels,
          );
          continue;
        }
        for (let group = 0; group < groups; group += 1) {
          memory.kernels.convolveGradient(
            from + 4 * group * sourceChannels,
            windows.offsets,
            positions,
            windows.segments,
            windows.segmentCount,
            windows.length,
            gradient + 4 * group * channelsPerGroup,
            perGroup,
            4 * outputs,
            panels + 4 * group * panelFloats,
          );
        }
      }
      const all = memory.floats(output.gradient, output.size * count);
      for (let index = 0; index < all.length; index += outputs) {
        for (let o = 0; o < outputs; o += 1) bias[o] += all[index + o];
      }
    };
    const collect = (): void => {
      const packed = memory.floats(panels, windows.depthwise ? node.weights.length : panelFloats * groups);
      for (let o = 0; o < outputs; o += 1) {
        const group = Math.floor(o / perGroup);
        const lane = o % perGroup;
        const start = windows.depthwise ? o : group * panelFloats + (lane >> 3) * 8 * window + (lane & 7);
        const step = windows.depthwise ? outputs : 8;
        for (let k = 0; k < window; k += 1) weights[o * window + k] += packed[start + k * step];
      }
      packed.fill(0);
    };
    return { accumulate, layer: { node, weights, bias, load, collect } };
  }

  /** Adds a gradient in the kernels' memory to that of a tensor, or starts it. */
  private pass(id: TensorId, from: number, count: number): void {
    const { memory, slots, started } = this;
    const { gradient, size } = slots[id];
    if (gradient === from) return;
    if (started.has(id)) memory.kernels.add(gradient, from, gradient, count * size);
    else memory.floats(gradient, count * size).set(memory.floats(from, count * size));
    started.add(id);
  }

  private give(id: TensorId, values: Float32Array, count: number): void {
    const { memory, slots, started } = this;
    const to = memory.floats(slots[id].gradient, count * slots[id].size);
    if (started.has(id)) for (let index = 0; index < to.length; index += 1) to[index] += values[index];
    else to.set(values);
    started.add(id);
  }
}
