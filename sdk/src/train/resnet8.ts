/**
 * ResNet-8 for 32x32x3 inputs: the image classification topology of MLPerf Tiny (three stacks of two 3x3
 * convolutions with 16, 32 and 64 channels, 1x1 shortcuts where the shape changes, global average pool, one linear
 * layer; He et al., 2016), 77,360 weights. Every convolution is followed by batch normalisation, the shortcuts' too.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from "@tensorflow/tfjs";
import { batchNormTraining } from "./batch-norm.js";
import { Prng } from "./prng.js";
import type { Tensorflow } from "./tensorflow.js";

export interface ConvLayer {
  readonly name: string;
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly inputs: number;
  readonly outputs: number;
}

/** The nine convolutions in execution order; padding is kernel >> 1 on every side. */
export const RESNET8_CONVOLUTIONS: readonly ConvLayer[] = [
  { name: "conv1", kernel: 3, stride: 1, inputs: 3, outputs: 16 },
  { name: "stack1.conv1", kernel: 3, stride: 1, inputs: 16, outputs: 16 },
  { name: "stack1.conv2", kernel: 3, stride: 1, inputs: 16, outputs: 16 },
  { name: "stack2.conv1", kernel: 3, stride: 2, inputs: 16, outputs: 32 },
  { name: "stack2.conv2", kernel: 3, stride: 1, inputs: 32, outputs: 32 },
  { name: "stack2.shortcut", kernel: 1, stride: 2, inputs: 16, outputs: 32 },
  { name: "stack3.conv1", kernel: 3, stride: 2, inputs: 32, outputs: 64 },
  { name: "stack3.conv2", kernel: 3, stride: 1, inputs: 64, outputs: 64 },
  { name: "stack3.shortcut", kernel: 1, stride: 2, inputs: 32, outputs: 64 },
];

/** Input features of the linear layer. */
export const RESNET8_FEATURES = 64;

/** One named array of parameters: trained ones first, then the running statistics. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly trained: boolean;
  /** True for convolution and linear weights, which alone are decayed. */
  readonly decayed: boolean;
}

/**
 * Parameters by name: `LAYER.weights` (HWIO), `LAYER.gamma`, `LAYER.beta`, `LAYER.mean`, `LAYER.variance`, and
 * `linear.weights` ([64, classes]), `linear.bias`.
 */
export type Parameters = ReadonlyMap<string, Parameter>;

/** He initialisation with uniform draws (variance 2 / fan-in), so that only IEEE arithmetic and sqrt are involved. */
export function initialParameters(seed: number, classes: number): Parameters {
  const parameters = new Map<string, Parameter>();
  const random = new Prng(seed, 0x8e51);
  const drawn = (shape: readonly number[], fanIn: number, gain: number): Parameter => {
    const bound = Math.sqrt((3 * gain) / fanIn);
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = random.uniform(-bound, bound);
    return { shape, values, trained: true, decayed: true };
  };
  const filled = (size: number, value: number, trained: boolean): Parameter => ({
    shape: [size],
    values: new Float32Array(size).fill(value),
    trained,
    decayed: false,
  });
  for (const { name, kernel, inputs, outputs } of RESNET8_CONVOLUTIONS) {
    parameters.set(`${name}.weights`, drawn([kernel, kernel, inputs, outputs], kernel * kernel * inputs, 2));
    parameters.set(`${name}.gamma`, filled(outputs, 1, true));
    parameters.set(`${name}.beta`, filled(outputs, 0, true));
    parameters.set(`${name}.mean`, filled(outputs, 0, false));
    parameters.set(`${name}.variance`, filled(outputs, 1, false));
  }
  parameters.set("linear.weights", drawn([RESNET8_FEATURES, classes], RESNET8_FEATURES, 1));
  parameters.set("linear.bias", filled(classes, 0, true));
  return parameters;
}

/** What the body of the network does with a convolution: normalise by batch, or add a folded bias. */
type ConvStep = (layer: ConvLayer, x: Tensor4D) => Tensor4D;

/** The topology, given the convolution step. `observe` sees every tensor that a quantised model stores. */
function body(x: Tensor4D, conv: ConvStep, observe: (name: string, tensor: Tensor) => void): Tensor4D {
  const layer = (name: string) => RESNET8_CONVOLUTIONS.find((l) => l.name === name) as ConvLayer;
  const seen = <T extends Tensor>(name: string, tensor: T): T => {
    observe(name, tensor);
    return tensor;
  };
  let y = seen("conv1.relu", conv(layer("conv1"), x).relu() as Tensor4D);
  for (const stack of ["stack1", "stack2", "stack3"]) {
    const first = seen(`${stack}.conv1.relu`, conv(layer(`${stack}.conv1`), y).relu() as Tensor4D);
    const second = seen(`${stack}.conv2`, conv(layer(`${stack}.conv2`), first));
    const shortcut = stack === "stack1" ? y : seen(`${stack}.shortcut`, conv(layer(`${stack}.shortcut`), y));
    y = seen(`${stack}.relu`, second.add(shortcut).relu() as Tensor4D);
  }
  return y;
}

/** The average over height and width as a product with a constant, which the WASM backend does without transposing. */
function globalAverage(tf: Tensorflow, x: Tensor4D): Tensor2D {
  const [batch, height, width, channels] = x.shape;
  const ones = tf.fill([batch, 1, height * width], 1 / (height * width));
  return tf.matMul(ones, x.reshape([batch, height * width, channels])).reshape([batch, channels]) as Tensor2D;
}

/** Logits ([N, classes]) in training mode, statistics of the batch reported by layer name. */
export function trainingLogits(
  tf: Tensorflow,
  tensors: ReadonlyMap<string, Tensor>,
  x: Tensor4D,
  record: (layer: string, mean: ArrayLike<number>, variance: ArrayLike<number>) => void,
): Tensor2D {
  const conv: ConvStep = ({ name, stride, kernel }, input) => {
    const weights = tensors.get(`${name}.weights`) as Tensor4D;
    const { y, mean, variance } = batchNormTraining(
      tf,
      tf.conv2d(input, weights, stride, kernel >> 1),
      tensors.get(`${name}.gamma`) as Tensor1D,
      tensors.get(`${name}.beta`) as Tensor1D,
    );
    record(name, mean.dataSync(), variance.dataSync());
    return y;
  };
  const pooled = globalAverage(
    tf,
    body(x, conv, () => undefined),
  );
  return tf
    .matMul(pooled, tensors.get("linear.weights") as Tensor2D)
    .add(tensors.get("linear.bias") as Tensor1D);
}

/** A convolution with its batch normalisation folded in. */
export interface FoldedConv {
  /** HWIO. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** Folds every batch normalisation: w' = w * gamma / sigma, b' = beta - mean * gamma / sigma. Computed in doubles. */
export function foldBatchNorm(parameters: Parameters, epsilon: number): ReadonlyMap<string, FoldedConv> {
  const values = (name: string) => (parameters.get(name) as Parameter).values;
  const folded = new Map<string, FoldedConv>();
  for (const { name, outputs } of RESNET8_CONVOLUTIONS) {
    const gains = Float64Array.from(values(`${name}.gamma`), (gamma, o) => {
      return gamma / Math.sqrt(values(`${name}.variance`)[o] + epsilon);
    });
    const mean = values(`${name}.mean`);
    folded.set(name, {
      weights: values(`${name}.weights`).map((w, i) => w * gains[i % outputs]),
      bias: values(`${name}.beta`).map((beta, o) => beta - mean[o] * gains[o]),
    });
  }
  const classes = values("linear.bias").length;
  folded.set("linear", {
    weights: values("linear.weights").slice(0, RESNET8_FEATURES * classes),
    bias: values("linear.bias").slice(),
  });
  return folded;
}

/**
 * Logits ([N, classes]) of the folded float network. `observe` sees the input of every later quantiser: "input",
 * the activations by name, "pool" and "logits".
 */
export function foldedLogits(
  tf: Tensorflow,
  folded: ReadonlyMap<string, FoldedConv>,
  x: Tensor4D,
  observe: (name: string, tensor: Tensor) => void = () => undefined,
): Tensor2D {
  const conv: ConvStep = ({ name, kernel, inputs, outputs, stride }, input) => {
    const { weights, bias } = folded.get(name) as FoldedConv;
    const filter = tf.tensor4d(weights, [kernel, kernel, inputs, outputs]);
    return tf.conv2d(input, filter, stride, kernel >> 1).add(tf.tensor1d(bias)) as Tensor4D;
  };
  const linear = folded.get("linear") as FoldedConv;
  observe("input", x);
  const pooled = globalAverage(tf, body(x, conv, observe));
  observe("pool", pooled);
  const logits = tf
    .matMul(pooled, tf.tensor2d(linear.weights, [RESNET8_FEATURES, linear.bias.length]))
    .add(tf.tensor1d(linear.bias)) as Tensor2D;
  observe("logits", logits);
  return logits;
}

/** Mean cross entropy of logits against integer labels. */
export function crossEntropy(tf: Tensorflow, logits: Tensor2D, labels: Uint8Array): Scalar {
  const oneHot = tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), logits.shape[1]);
  return tf.losses.softmaxCrossEntropy(oneHot, logits) as Scalar;
}
