/**
 * Convolutions to accumulators on int8 codes.
 *
 * With x = code + xo and w = w' + d the graph's sum over the padded window is
 *   sum (x - zx)(w - zw) = sum code * w' - z' * sum code - zc * sum (w' - z'),   z' = zw - d,  zc = zx - xo,
 * exact because positions outside the input read the code zc and contribute nothing. The last term joins the bias.
 */
import type { ConvolutionNode, Window } from "../graph/types.js";
import { channelWords } from "../overlay/activation-layout.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { TAP_SOURCE_BYTES } from "../overlay/program.js";
import { toDemandOrder } from "../overlay/weight-order.js";
import type { Accumulator } from "./accumulate.js";
import { foldPads, type GraphIndex, layerName, refuse, tensorOf } from "./consumers.js";
import { convolutionCycles } from "./engine-cycles.js";
import { type Stored, unitWindow } from "./engine-layer.js";
import type { Interval } from "./rounding.js";
import type { Storage } from "./storage.js";
import { loadCycles } from "./transfer-cycles.js";

/** Weights as the engine sees them: [outputs][kh][kw][inputs] with one group, or depthwise with inputs = 1. */
interface DenseWeights {
  readonly depthwise: boolean;
  readonly inputs: number;
  readonly kernel: readonly [number, number];
  readonly values: Int16Array;
}

export function lowerConvolution(
  node: ConvolutionNode,
  index: GraphIndex,
  storage: Storage,
  geometry: OverlayGeometry,
): Accumulator {
  const { tensor, padding } = foldPads(index, node.inputs[0], node.padding);
  const stored = storage.readExact(tensor);
  const output = tensorOf(index, node.output);
  const outputs = output.shape[2];
  const view = windowOver(node, { ...node, padding }, stored, tensorOf(index, tensor).shape);
  const dense = densify(node, stored.shape[2], view.window.kernel, outputs);
  const coded = codeWeights(node, dense);
  const zeroPoint = tensorOf(index, node.inputs[0]).zeroPoint - stored.offset;
  const padded = hasPadding(view.window);
  if (padded && (zeroPoint < -128 || zeroPoint > 127)) {
    refuse("zero-point-range", node, "The zero point of a padded input is not a code.", {
      expected: "-128..127",
      found: String(zeroPoint),
    });
  }
  const scaled = scaleAccumulator(node, coded.values, coded.zeroPoint);
  const inputRange = {
    min: stored.tensor.min - stored.offset,
    max: stored.tensor.max - stored.offset,
  };
  const { bias, range } = foldBias(scaled, dense, outputs, zeroPoint, inputRange, padded);
  const [height, width] = outputPlane(view.window, stored.shape);
  const window = withUsedStrides(view.window, height, width);
  const { kernel } = window;
  const taps = kernel[0] * kernel[1];
  const tile = engineTile(geometry);
  const flattened = dense.depthwise
    ? undefined
    : flattenTaps(window, stored, zeroPoint, outputs, storage, geometry);
  const layout = flattened
    ? { outputs, inputs: dense.inputs * taps, kernelHeight: 1, kernelWidth: 1, outputTile: tile }
    : { outputs, inputs: dense.inputs, kernelHeight: kernel[0], kernelWidth: kernel[1], outputTile: tile };
  return {
    name: layerName(index, node),
    kind: dense.depthwise ? "depthwise" : view.fullyConnected ? "fully-connected" : "convolution",
    opcode: dense.depthwise ? "DEPTHWISE" : "CONV",
    pool: "max",
    inputs: [flattened ?? stored],
    window: flattened ? unitWindow : window,
    padValue: padded && !flattened ? zeroPoint : 0,
    weights: {
      layout,
      values: toDemandOrder(scaled.weights, layout),
      zeroPoint: scaled.zeroPoint,
    },
    shape: [height, width, outputs],
    bias,
    range,
    leftShift: scaled.leftShift,
    fractions: scaled.fractions,
    tile,
    macs: height * width * node.weights.length,
  };
}

/** A fully connected layer over a flattened tensor is a window over all of it. */
function windowOver(
  node: ConvolutionNode,
  window: Window,
  stored: Stored,
  shape: readonly [number, number, number],
): { window: Window; fullyConnected: boolean } {
  const [height, width, channels] = stored.shape;
  if (height === shape[0] && width === shape[1] && channels === shape[2]) {
    const single = height === 1 && width === 1;
    return { window, fullyConnected: single && node.sourceOp !== "Conv" && node.sourceOp !== "CONV_2D" };
  }
  const flat = shape[0] === 1 && shape[1] === 1 && shape[2] === height * width * channels;
  const [kernelHeight, kernelWidth] = window.kernel;
  if (flat && kernelHeight === 1 && kernelWidth === 1 && node.groups === 1 && !hasPadding(window)) {
    return { window: { ...unitWindow, kernel: [height, width] }, fullyConnected: true };
  }
  return refuse("reshape", node, "A convolution reads a tensor through a reshape that moves pixels.", {
    expected: `the shape [${stored.shape}] or its flattened form under a 1x1 window`,
    found: `[${shape}]`,
    hint: "Remove the reshape before this layer.",
  });
}

function hasPadding({ padding }: Window): boolean {
  return padding.top + padding.bottom + padding.left + padding.right > 0;
}

/** Output rows and columns of a window over a shape. */
export function outputPlane(
  { kernel, stride, dilation, padding }: Window,
  [height, width]: readonly [number, number, number],
): [number, number] {
  const rows = height + padding.top + padding.bottom - dilation[0] * (kernel[0] - 1) - 1;
  const columns = width + padding.left + padding.right - dilation[1] * (kernel[1] - 1) - 1;
  return [Math.floor(rows / stride[0]) + 1, Math.floor(columns / stride[1]) + 1];
}

/** Groups other than depthwise become zero weights in a dense kernel; a zero weight is stored as its zero point. */
function densify(
  node: ConvolutionNode,
  inputs: number,
  kernel: readonly [number, number],
  outputs: number,
): DenseWeights {
  const { groups, weights, weightZeroPoint } = node;
  if (groups === 1) return { depthwise: false, inputs, kernel, values: weights };
  if (groups === inputs && outputs === inputs) return { depthwise: true, inputs: 1, kernel, values: weights };
  const taps = kernel[0] * kernel[1];
  const groupInputs = inputs / groups;
  const groupOutputs = outputs / groups;
  const values = new Int16Array(outputs * taps * inputs).fill(weightZeroPoint);
  for (let output = 0; output < outputs; output += 1) {
    const first = Math.floor(output / groupOutputs) * groupInputs;
    for (let tap = 0; tap < taps; tap += 1) {
      const from = (output * taps + tap) * groupInputs;
      values.set(weights.subarray(from, from + groupInputs), (output * taps + tap) * inputs + first);
    }
  }
  return { depthwise: false, inputs, kernel, values };
}

/** Shifts uint8 weights into int8: by the zero point itself where they allow it, else as near to it as they allow. */
function codeWeights(
  node: ConvolutionNode,
  { values }: DenseWeights,
): { values: Int16Array; zeroPoint: number } {
  let min = values[0];
  let max = values[0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const zero = node.weightZeroPoint;
  const signed = zero === 0 && min >= -128 && max <= 127;
  const shift = signed ? 0 : nearestShift(zero, max - 127, min + 127);
  const zeroPoint = zero - shift;
  if (min - shift < -128 || max - shift > 127 || zeroPoint < -128 || zeroPoint > 127) {
    refuse("weight-range", node, "The weights do not fit 8 bits.", {
      expected: "at most 256 neighbouring integers, and a zero point among them",
      found: `${min}..${max}, zero point ${zero}`,
      hint: "Quantise the weights to 8 bits or less.",
    });
  }
  return { values: values.map((value) => value - shift), zeroPoint };
}

/** -127..127 where possible (the packed multipliers like it best), else -128..127. */
function nearestShift(wanted: number, least: number, most: number): number {
  return least <= most ? Math.min(Math.max(wanted, least), most) : least;
}

interface ScaledSum {
  readonly weights: Int16Array;
  readonly zeroPoint: number;
  readonly bias: readonly number[];
  readonly leftShift: number;
  readonly fractions?: readonly number[];
}

/** Brings accumulatorShift into the weights where they have room, else out of the accumulator. */
function scaleAccumulator(node: ConvolutionNode, weights: Int16Array, zeroPoint: number): ScaledSum {
  const factor = 2 ** node.accumulatorShift;
  const leftShift = node.accumulatorShift;
  const bias = Array.from(node.bias);
  if (factor === 1) return { weights, zeroPoint, bias, leftShift: 0 };
  const whole = bias.map((value) => Math.floor(value / factor));
  const fractions = bias.map((value, at) => value - whole[at] * factor);
  if (fractions.every((value) => value === 0)) return { weights, zeroPoint, bias: whole, leftShift };
  const fits = weights.every((value) => value * factor >= -127 && value * factor <= 127);
  if (fits && Math.abs(zeroPoint * factor) <= 127) {
    return {
      weights: weights.map((value) => value * factor),
      zeroPoint: zeroPoint * factor,
      bias,
      leftShift: 0,
    };
  }
  return { weights, zeroPoint, bias: whole, leftShift, fractions };
}

function foldBias(
  { weights, zeroPoint, bias }: ScaledSum,
  { inputs, kernel }: DenseWeights,
  outputs: number,
  inputZeroPoint: number,
  inputRange: Interval,
  padded: boolean,
): { bias: number[]; range: Interval[] } {
  const perOutput = inputs * kernel[0] * kernel[1];
  const low = inputRange.min - inputZeroPoint;
  const high = inputRange.max - inputZeroPoint;
  const least = padded ? Math.min(low, 0) : low;
  const most = padded ? Math.max(high, 0) : high;
  const folded: number[] = [];
  const range: Interval[] = [];
  for (let output = 0; output < outputs; output += 1) {
    let positive = 0;
    let negative = 0;
    for (let at = output * perOutput; at < (output + 1) * perOutput; at += 1) {
      const weight = weights[at] - zeroPoint;
      if (weight > 0) positive += weight;
      else negative += weight;
    }
    folded.push(bias[output] - inputZeroPoint * (positive + negative));
    range.push({
      min: bias[output] + positive * least + negative * most,
      max: bias[output] + positive * most + negative * least,
    });
  }
  return { bias: folded, range };
}

/** A single output row or column takes no step. */
export function withUsedStrides(window: Window, height: number, width: number): Window {
  return { ...window, stride: [height > 1 ? window.stride[0] : 1, width > 1 ? window.stride[1] : 1] };
}

/** The graph's input with few channels: LOAD expands the windows, and the layer becomes a 1x1 convolution. */
function flattenTaps(
  window: Window,
  stored: Stored,
  zeroPoint: number,
  outputs: number,
  storage: Storage,
  geometry: OverlayGeometry,
): Stored | undefined {
  if (!storage.expandsWindows || stored.buffer.origin !== "input") return undefined;
  const channels = stored.shape[2];
  const taps = window.kernel[0] * window.kernel[1];
  if (channelWords(taps * channels, geometry) >= taps * channelWords(channels, geometry)) return undefined;
  const reach = window.kernel[0] * stored.shape[1] * channels;
  if (window.dilation[0] !== 1 || window.dilation[1] !== 1 || reach > TAP_SOURCE_BYTES) return undefined;
  const [height, width] = outputPlane(window, stored.shape);
  const shape = [height, width, taps * channels] as const;
  if (!windowsLoadFaster(window, stored.shape, shape, outputs, geometry)) return undefined;
  const padValue = hasPadding(window) ? zeroPoint : 0;
  const buffer = storage.buffer(`${stored.buffer.name} (windows)`, shape, "taps", { window, padValue });
  return { ...stored, buffer, shape };
}

/** LOAD assembles expanded windows a word at a time, so that it may cost more than it saves the array. */
function windowsLoadFaster(
  { kernel, stride, padding }: Window,
  input: readonly [number, number, number],
  [outHeight, outWidth, outChannels]: readonly [number, number, number],
  outputs: number,
  geometry: OverlayGeometry,
): boolean {
  const [inHeight, inWidth, inChannels] = input;
  const output = { outHeight, outWidth, outChannels: outputs };
  const source = { inHeight, inWidth, inChannels };
  const windows = {
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideWidth: stride[1],
    padTop: padding.top,
  };
  const expanded =
    loadCycles({ tapsEnable: 1, ...source, ...windows, outHeight, outWidth, outChannels }, geometry) +
    convolutionCycles({ ...output, taps: 1, inChannels: outChannels, strideWidth: 1 }, geometry);
  const plainLoad = { tapsEnable: 0, outHeight: inHeight, outWidth: inWidth, outChannels: inChannels };
  const plain =
    loadCycles({ ...plainLoad, ...source, ...windows }, geometry) +
    convolutionCycles(
      { ...output, taps: kernel[0] * kernel[1], inChannels, strideWidth: stride[1] },
      geometry,
    );
  return expanded < plain;
}
