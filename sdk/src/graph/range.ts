/**
 * The range of stored integers a node can produce, proven from the ranges of its inputs and its parameters.
 * Importers declare it for accumulators; `validateGraph` refuses a tensor that declares less.
 */
import type { AddendScale, ConvolutionNode, Graph, GraphNode, RoundingStage, Tensor } from "./types.js";
import { hasPadding } from "./window.js";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Inclusive range of the node's output. May exceed int32: it is for the caller to refuse that. */
export function provenRange(tensors: readonly Tensor[], node: GraphNode): Range {
  const inputs = node.inputs.map((id) => tensors[id]);
  switch (node.kind) {
    case "convolution":
      return accumulatorRange(inputs[0], node);
    case "requantize":
    case "average-pool":
      return node.clamp;
    case "clamp": {
      const clip = (value: number) => Math.min(Math.max(value, node.min), node.max);
      return { min: clip(inputs[0].min), max: clip(inputs[0].max) };
    }
    case "add": {
      const a = addendRange(inputs[0], node.scales[0]);
      const b = addendRange(inputs[1], node.scales[1]);
      return { min: a.min + b.min, max: a.max + b.max };
    }
    case "pad": {
      const { min, max, zeroPoint } = inputs[0];
      return { min: Math.min(min, zeroPoint), max: Math.max(max, zeroPoint) };
    }
    case "concat":
    case "max-pool":
    case "reshape":
    case "softmax":
      return {
        min: Math.min(...inputs.map((tensor) => tensor.min)),
        max: Math.max(...inputs.map((tensor) => tensor.max)),
      };
  }
}

export function provenOutputRange(graph: Graph, node: GraphNode): Range {
  return provenRange(graph.tensors, node);
}

/** Worst case over all inputs in range, per output channel, then over channels. Partial sums stay inside it too. */
export function accumulatorRange(
  input: Pick<Tensor, "min" | "max" | "zeroPoint">,
  node: Pick<ConvolutionNode, "weights" | "bias" | "weightZeroPoint" | "accumulatorShift" | "padding">,
): Range {
  let low = input.min - input.zeroPoint;
  let high = input.max - input.zeroPoint;
  if (hasPadding(node.padding)) {
    low = Math.min(low, 0);
    high = Math.max(high, 0);
  }
  const perOutput = node.weights.length / node.bias.length;
  const scale = 2 ** node.accumulatorShift;
  let min = Infinity;
  let max = -Infinity;
  for (let output = 0; output < node.bias.length; output += 1) {
    let channelMin = 0;
    let channelMax = 0;
    for (let index = output * perOutput; index < (output + 1) * perOutput; index += 1) {
      const weight = node.weights[index] - node.weightZeroPoint;
      channelMin += weight > 0 ? weight * low : weight * high;
      channelMax += weight > 0 ? weight * high : weight * low;
    }
    min = Math.min(min, channelMin * scale + node.bias[output]);
    max = Math.max(max, channelMax * scale + node.bias[output]);
  }
  return { min, max };
}

/** Range of B(A((x - zeroPoint) * 2^leftShift)) over the tensor's range; the stages are monotone. */
export function addendRange(tensor: Pick<Tensor, "min" | "max">, scale: AddendScale): Range {
  const ends = [tensor.min, tensor.max].map((value) => {
    const shifted = BigInt(value - scale.zeroPoint) << BigInt(scale.leftShift);
    const afterA = roundedExactly(shifted, scale.stageA);
    return Number(scale.stageB ? roundedExactly(afterA, scale.stageB) : afterA);
  });
  return { min: Math.min(...ends), max: Math.max(...ends) };
}

/** The definition of a RoundingStage in unbounded integers, with the first channel's parameters. */
function roundedExactly(value: bigint, stage: RoundingStage): bigint {
  const divisor = 1n << BigInt(stage.shift[0]);
  const doubled = 2n * value * BigInt(stage.multiplier[0]);
  // floor((2p + d) / 2d) is floor(p / d + 1/2): half-up. The other modes differ on exact ties only.
  const numerator = doubled + divisor;
  let rounded = numerator / (2n * divisor);
  if (numerator < 0n && rounded * 2n * divisor !== numerator) rounded -= 1n;
  const isTie = rounded * 2n * divisor === numerator;
  if (isTie && stage.rounding === "half-even" && (rounded & 1n) === 1n) rounded -= 1n;
  if (isTie && stage.rounding === "half-away" && rounded <= 0n) rounded -= 1n;
  const min = BigInt(stage.clamp?.min ?? -(2 ** 31));
  const max = BigInt(stage.clamp?.max ?? 2 ** 31 - 1);
  return rounded < min ? min : rounded > max ? max : rounded;
}
