/**
 * A model in real numbers: what an importer makes of a float file, and what calibration and compression start from.
 *
 * The conventions are those of the integer Graph (types.ts): batch 1 and never part of a shape, activations
 * [height, width, channels] in row-major (NHWC) order, a flat vector is [1, 1, n], filters are OHWI, windows are
 * described by the same Window. Values are float32.
 */
import type { Shape, TensorId, Window } from "./types.js";

/** How a quantised source file stored a tensor; a hint for calibration, and the grid of a fake-quantize node. */
export interface QuantizationGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  /** Inclusive range of the stored integers. */
  readonly min: number;
  readonly max: number;
}

export interface FloatTensor {
  /** The name in the source file; unique within the graph. */
  readonly name: string;
  readonly shape: Shape;
  /** Present where the source file quantised this activation (QDQ models). */
  readonly quantization?: QuantizationGrid;
}

/** What a batch normalisation says of its output over the training data, one value per channel. */
export interface ChannelStatistics {
  /** beta. */
  readonly mean: Float32Array;
  /** |gamma|: the standard deviation. */
  readonly deviation: Float32Array;
}

interface FloatNodeBase {
  /** Unique; the name in the source file where it has one. */
  readonly name: string;
  /** The operation as the source file calls it ("Conv", "CONV_2D", "Dense"). */
  readonly sourceOp: string;
  readonly inputs: readonly TensorId[];
  readonly output: TensorId;
}

/**
 * out[y,x,o] = bias[o] + sum over window and input channels of x * w; positions outside the input are 0.
 * Depthwise is groups = input channels; fully connected is a 1x1 window on a [1, 1, n] input.
 */
export interface FloatConvolutionNode extends FloatNodeBase, Window {
  readonly kind: "convolution";
  readonly groups: number;
  /** OHWI: [outputs][kernelHeight][kernelWidth][inputs / groups]. */
  readonly weights: Float32Array;
  /** One per output channel; zeros when the model has none. */
  readonly bias: Float32Array;
  /** The weights are 0 and 1 by construction (a parameter-free shortcut); quantisers keep them exact. */
  readonly structural: boolean;
  /** Of the output, where a batch normalisation was folded into the weights: what data-free methods go by. */
  readonly statistics?: ChannelStatistics;
}

/** y = x * scale[c] + shift[c], one value per channel: a batch normalisation with its statistics folded. */
export interface AffineNode extends FloatNodeBase {
  readonly kind: "affine";
  readonly scale: Float32Array;
  readonly shift: Float32Array;
  /** Of the output, where it is a batch normalisation. */
  readonly statistics?: ChannelStatistics;
}

/** y = min(max(x, min), max); ReLU is [0, Infinity]. */
export interface FloatClampNode extends FloatNodeBase {
  readonly kind: "clamp";
  readonly min: number;
  readonly max: number;
}

/** Sum of two tensors of equal shape. */
export interface FloatAddNode extends FloatNodeBase {
  readonly kind: "add";
}

/** Positions outside the input do not take part. */
export interface FloatMaxPoolNode extends FloatNodeBase, Window {
  readonly kind: "max-pool";
}

export interface FloatAveragePoolNode extends FloatNodeBase, Window {
  readonly kind: "average-pool";
  /** True: divide by the whole window's size; false: by the number of positions inside the input. */
  readonly countPadding: boolean;
}

/** Concatenation along channels. */
export interface FloatConcatNode extends FloatNodeBase {
  readonly kind: "concat";
}

/** Elements added before and after on each axis, all equal to `value`. */
export interface FloatPadNode extends FloatNodeBase {
  readonly kind: "pad";
  readonly before: Shape;
  readonly after: Shape;
  readonly value: number;
}

/** out[i] = x[start + step * i] on each axis; step is at least 1. */
export interface FloatSliceNode extends FloatNodeBase {
  readonly kind: "slice";
  readonly start: Shape;
  readonly step: Shape;
}

/** Same numbers in the same row-major order under another shape. */
export interface FloatReshapeNode extends FloatNodeBase {
  readonly kind: "reshape";
}

/** Over all elements of the tensor. Only ever the last node. */
export interface FloatSoftmaxNode extends FloatNodeBase {
  readonly kind: "softmax";
  readonly beta: number;
}

/** y = (clamp(roundHalfEven(x / scale) + zeroPoint, min, max) - zeroPoint) * scale, as QDQ models contain it. */
export interface FakeQuantizeNode extends FloatNodeBase {
  readonly kind: "fake-quantize";
  readonly grid: QuantizationGrid;
}

/** Output = input: what training leaves behind (Dropout, Identity). A pass removes it. */
export interface IdentityNode extends FloatNodeBase {
  readonly kind: "identity";
}

export type FloatNode =
  | FloatConvolutionNode
  | AffineNode
  | FloatClampNode
  | FloatAddNode
  | FloatMaxPoolNode
  | FloatAveragePoolNode
  | FloatConcatNode
  | FloatPadNode
  | FloatSliceNode
  | FloatReshapeNode
  | FloatSoftmaxNode
  | FakeQuantizeNode
  | IdentityNode;

export interface FloatGraphSource {
  readonly format: "onnx-float" | "onnx-qdq" | "tflite-float" | "tfjs-layers" | "synthetic";
  /** Base name of the file, never a path. */
  readonly file: string;
  readonly sha256: string;
}

export interface FloatGraph {
  readonly name: string;
  readonly source: FloatGraphSource;
  readonly tensors: readonly FloatTensor[];
  /** In execution order: every input of a node is the graph input or the output of an earlier node. */
  readonly nodes: readonly FloatNode[];
  readonly input: TensorId;
  /** The logits; a softmax node may follow. */
  readonly output: TensorId;
  /** Things a person should know: assumed or merged values. */
  readonly notes: readonly string[];
}
