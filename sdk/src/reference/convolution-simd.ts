/**
 * Convolution through the WebAssembly kernel of sdk/integer-kernel: the same integer loops on four int32 lanes. Every
 * product and sum is exact int32, because graph validation has proven the accumulators' range.
 */
import { elementCount } from "../graph/lookup.js";
import type { ConvolutionNode, Tensor } from "../graph/types.js";
import { windowOutputShape } from "../graph/window.js";
import type { ConvolutionKernel } from "./convolution.js";
import { MAX_PADDED_ELEMENTS, paddedElements, paddedInput } from "./padded-input.js";
import { WasmKernels } from "./wasm-kernels.js";
import { windowRuns } from "./window-runs.js";

/** See integer-kernel/assembly/index.ts. */
export interface IntegerKernels {
  convolve(
    input: number,
    offsets: number,
    pixels: number,
    runs: number,
    runCount: number,
    length: number,
    weights: number,
    bias: number,
    panels: number,
    shift: number,
    output: number,
  ): void;
}

export type IntegerMemory = WasmKernels<IntegerKernels>;

const PANEL = 8;
const INT32_BYTES = 4;
/** Padded input and output of one layer; larger layers take another kernel. */
const MAX_LAYER_BYTES = 512 * 1024 * 1024;

/** Undefined where WebAssembly SIMD is missing or the kernel was not built: then the plain kernels do the work. */
export function openIntegerMemory(): IntegerMemory | undefined {
  try {
    return new WasmKernels<IntegerKernels>(new URL("./kernel.wasm", import.meta.url));
  } catch {
    return undefined;
  }
}

export function canUseSimd(node: ConvolutionNode, input: Tensor): boolean {
  const padded = paddedElements(node, input);
  const [height, width] = windowOutputShape(input.shape, node, node.bias.length);
  const outputBytes = height * width * Math.ceil(node.bias.length / PANEL) * PANEL * INT32_BYTES;
  return (
    node.groups === 1 &&
    padded <= MAX_PADDED_ELEMENTS &&
    elementCount(input.shape) > 0 &&
    padded * INT32_BYTES + outputBytes <= MAX_LAYER_BYTES
  );
}

export function prepareSimdConvolution(
  node: ConvolutionNode,
  input: Tensor,
  memory: IntegerMemory,
): ConvolutionKernel {
  const { stride, bias, accumulatorShift } = node;
  const channels = input.shape[2];
  const outputs = bias.length;
  const panels = Math.ceil(outputs / PANEL);
  const [height, width] = windowOutputShape(input.shape, node, outputs);
  const pixels = height * width;
  const staging = paddedInput(new Int32Array(paddedElements(node, input)), node, input);
  const runs = windowRuns(node, channels, staging.rowPitch);

  const corners = Int32Array.from({ length: pixels }, (_, pixel) => {
    const row = Math.floor(pixel / width) * stride[0] * staging.rowPitch;
    return (row + (pixel % width) * stride[1] * channels) * INT32_BYTES;
  });
  const paddedBias = new Int32Array(panels * PANEL);
  paddedBias.set(bias);
  const addresses = {
    input: memory.allocate(staging.values.byteLength),
    offsets: memory.store(corners),
    runs: memory.store(runs.offsets.map((offset) => offset * INT32_BYTES)),
    weights: memory.store(packPanels(node, panels)),
    bias: memory.store(paddedBias),
    output: memory.allocate(pixels * panels * PANEL * INT32_BYTES),
  };
  const runCount = runs.offsets.length;

  return (from, to) => {
    staging.fill(from);
    memory.integers(addresses.input, staging.values.length).set(staging.values);
    memory.kernels.convolve(
      addresses.input,
      addresses.offsets,
      pixels,
      addresses.runs,
      runCount,
      runs.length,
      addresses.weights,
      addresses.bias,
      panels,
      accumulatorShift,
      addresses.output,
    );
    const sums = memory.integers(addresses.output, pixels * panels * PANEL);
    if (outputs === panels * PANEL) {
      to.set(sums);
      return;
    }
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      const first = pixel * panels * PANEL;
      to.set(sums.subarray(first, first + outputs), pixel * outputs);
    }
  };
}

/** [panel][position in the window][8 outputs], zero point removed. */
function packPanels({ weights, weightZeroPoint, bias }: ConvolutionNode, panels: number): Int32Array {
  const perOutput = weights.length / bias.length;
  const packed = new Int32Array(panels * perOutput * PANEL);
  for (let output = 0; output < bias.length; output += 1) {
    const panel = Math.floor(output / PANEL) * perOutput * PANEL + (output % PANEL);
    for (let index = 0; index < perOutput; index += 1) {
      packed[panel + index * PANEL] = weights[output * perOutput + index] - weightZeroPoint;
    }
  }
  return packed;
}
