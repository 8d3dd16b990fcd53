/**
 * The one representation of a model after import: integer tensors and the exact integer operations between them.
 *
 * Everything here is normative. `reference/` interprets it with plain loops; `compile/` lowers it to the overlay.
 * Batch is always 1 and never part of a shape. Activations are `[height, width, channels]` (row-major, so NHWC);
 * a flat vector is `[1, 1, n]`.
 *
 * A stored integer q stands for the real number (q - zeroPoint) * scale. Integers are kept in the source framework's
 * own range: a uint8 tensor holds 0..255 here, and only the compiler shifts it to int8 (see overlay/codes.ts).
 */

export type TensorId = number;

export type Shape = readonly [height: number, width: number, channels: number];

export interface Tensor {
  /** The name in the source file; unique within the graph. */
  readonly name: string;
  readonly shape: Shape;
  /** Inclusive range of the stored integers. 8-bit activations use -128..127 or 0..255 (or less). */
  readonly min: number;
  readonly max: number;
  /** Real size of one step; a power of two, held exactly, in QONNX models. Per-channel accumulators use NaN. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * How a real quotient is rounded to an integer.
 * - `half-up`   floor(v + 1/2)                        (TFLite stage A, uint8 average pool, HLS AP_RND)
 * - `half-even` ties to the even neighbour            (QONNX Quant)
 * - `half-away` ties away from zero                   (TFLite stage B, int8 average pool)
 */
export type Rounding = "half-up" | "half-even" | "half-away";

/** One rounding step: y = clamp(round(x * multiplier / 2^shift)), exact, on up to 64-bit products. */
export interface RoundingStage {
  /** One value for the tensor, or one per output channel. int32 (24 bits are enough for adds). */
  readonly multiplier: Int32Array;
  /** Right shift, 0..62; one value or one per output channel. */
  readonly shift: Uint8Array;
  readonly rounding: Rounding;
  /** Inclusive saturation after rounding; omitted = int32. */
  readonly clamp?: { readonly min: number; readonly max: number };
}

interface NodeBase {
  /** Unique; the name in the source file where it has one. */
  readonly name: string;
  /** The operation as the source file calls it ("Conv", "CONV_2D", "Quant"). */
  readonly sourceOp: string;
  readonly inputs: readonly TensorId[];
  readonly output: TensorId;
}

export interface Padding {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  readonly dilation: readonly [height: number, width: number];
  readonly padding: Padding;
}

/**
 * acc[y,x,o] = (sum over window and input channels of (x - xZeroPoint) * (w - weightZeroPoint)) * 2^accumulatorShift
 *              + bias[o]
 * Positions outside the input contribute nothing (they hold the zero point). Output: int32 accumulators.
 *
 * Depthwise is groups = input channels. Fully connected is a 1x1 window on a [1, 1, n] input.
 */
export interface ConvolutionNode extends NodeBase, Window {
  readonly kind: "convolution";
  readonly groups: number;
  /** OHWI: [outputs][kernelHeight][kernelWidth][inputs / groups], stored integers before the zero point is removed. */
  readonly weights: Int16Array;
  readonly weightZeroPoint: number;
  /** Real size of a weight step per output channel (or one for all); for reports only, never for arithmetic. */
  readonly weightScale: Float64Array;
  /** Nominal weight width in the source (8, 6, ...); for reports. */
  readonly weightBits: number;
  /** One per output channel, on the accumulator's grid after accumulatorShift; zeros when the model has none. */
  readonly bias: Int32Array;
  /** Left shift of the sum of products, for biases on a finer grid than the products. Usually 0. */
  readonly accumulatorShift: number;
}

/**
 * Stage A, then (optionally) stage B and the output zero point:
 *   y = A(x);  q = clamp(zeroPoint + B(y)).  Without B, q = clamp(zeroPoint + y).
 * A per-channel array is indexed by the channel of the value. Covers a QONNX Quant (multiplier 1 or 2^k, half-even)
 * and the TFLite reference requantisation (multiplier M, shift 31 - leftShift, half-up; B = right shift, half-away).
 * x is taken relative to `inputZeroPoint` (0 for accumulators).
 */
export interface RequantizeNode extends NodeBase {
  readonly kind: "requantize";
  readonly inputZeroPoint: number;
  readonly stageA: RoundingStage;
  readonly stageB?: RoundingStage;
  readonly zeroPoint: number;
  readonly clamp: { readonly min: number; readonly max: number };
}

/** q = min(max(x, min), max); scale and zero point unchanged. ReLU is min = zeroPoint. */
export interface ClampNode extends NodeBase {
  readonly kind: "clamp";
  readonly min: number;
  readonly max: number;
}

/** One input of an addition: B(A((x - zeroPoint) * 2^leftShift)). Identity stages: multiplier 1, shift 0. */
export interface AddendScale {
  readonly zeroPoint: number;
  readonly leftShift: number;
  readonly stageA: RoundingStage;
  readonly stageB?: RoundingStage;
}

/** sum = scaled(a) + scaled(b), int32; a requantize node follows. Shapes must be equal. */
export interface AddNode extends NodeBase {
  readonly kind: "add";
  readonly scales: readonly [AddendScale, AddendScale];
}

/** Largest stored integer of the window; positions outside the input do not take part. */
export interface MaxPoolNode extends NodeBase, Window {
  readonly kind: "max-pool";
}

/**
 * q = clamp(zeroPoint + round(sum(x - inputZeroPoint) * numerator / (denominator * count)))
 * over the `count` window positions inside the input. The quotient is exact and rational: rounding happens once.
 * TFLite works on stored integers, so its inputZeroPoint and zeroPoint are 0 here; a QONNX GlobalAveragePool followed
 * by its Quant is one node with the two scales' ratio as numerator / denominator.
 */
export interface AveragePoolNode extends NodeBase, Window {
  readonly kind: "average-pool";
  readonly inputZeroPoint: number;
  readonly numerator: number;
  readonly denominator: number;
  readonly rounding: Rounding;
  readonly zeroPoint: number;
  readonly clamp: { readonly min: number; readonly max: number };
}

/** Concatenation along channels; all inputs share scale and zero point with the output. */
export interface ConcatNode extends NodeBase {
  readonly kind: "concat";
}

/** Spatial padding with the tensor's zero point. */
export interface PadNode extends NodeBase {
  readonly kind: "pad";
  readonly padding: Padding;
}

/** Same integers in the same row-major order under another shape. */
export interface ReshapeNode extends NodeBase {
  readonly kind: "reshape";
}

/** Runs on the host in floating point; only ever the last node, and outside the bit-exact comparison. */
export interface SoftmaxNode extends NodeBase {
  readonly kind: "softmax";
  readonly beta: number;
}

export type GraphNode =
  | ConvolutionNode
  | RequantizeNode
  | ClampNode
  | AddNode
  | MaxPoolNode
  | AveragePoolNode
  | ConcatNode
  | PadNode
  | ReshapeNode
  | SoftmaxNode;

/**
 * How a pixel 0..255 becomes a stored integer of the input tensor, unless the user says otherwise.
 * - `codes`      the pixel is the stored integer (uint8), or the stored integer plus 128 (int8)
 * - `normalize`  stored = clamp(zeroPoint + round(((pixel * scale) - mean[c]) / std[c] / tensor.scale))
 */
export type InputEncoding =
  | { readonly kind: "codes" }
  | {
      readonly kind: "normalize";
      readonly scale: number;
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly rounding: Rounding;
    };

export interface GraphSource {
  readonly format: "qonnx" | "tflite-int8" | "tflite-uint8" | "sluice" | "synthetic";
  /** Base name of the file, never a path. */
  readonly file: string;
  readonly sha256: string;
}

export interface Graph {
  readonly name: string;
  readonly source: GraphSource;
  readonly tensors: readonly Tensor[];
  /** In execution order: every input of a node is the graph input or the output of an earlier node. */
  readonly nodes: readonly GraphNode[];
  readonly input: TensorId;
  readonly inputEncoding: InputEncoding;
  /** The last integer tensor, the "logits": what the board returns. A softmax node may follow it. */
  readonly output: TensorId;
  /** Things a person should know: merged or assumed values, measured differences. */
  readonly notes: readonly string[];
}
