/**
 * Batch normalisation for training (Ioffe and Szegedy, 2015) as two kernels of the WASM backend with a hand-written
 * gradient.
 *
 *   y  = (x - mean) * gamma / sigma + beta             sigma = sqrt(variance + epsilon), statistics of the batch
 *   dx = A*dy + B*x + C,   A = gamma/sigma,  B = -A*dgamma/(M*sigma),  C = -A*dbeta/M - B*mean
 *
 * The composite of TensorFlow.js takes a third of a ResNet-8 step: the WASM backend reduces over outer axes and
 * broadcasts slowly. Its pooling and depthwise convolutions are vectorised, so channel sums are average pools and
 * "times a plus b" per channel is a depthwise 1x1 convolution; plain loops over the heap were ten times slower.
 */
import type { Tensor, Tensor1D, Tensor4D, TensorInfo } from "@tensorflow/tfjs";
import { KernelScope } from "./kernel-scope.js";
import type { Tensorflow } from "./tensorflow.js";

/** Added to the variance. */
export const BATCH_NORM_EPSILON = 1e-5;

const FORWARD = "BatchNormTraining";
const BACKWARD = "BatchNormTrainingGrad";

interface KernelCall {
  readonly inputs: Record<string, TensorInfo>;
  readonly backend: unknown;
}

/** Sum of every channel of an NHWC tensor: the backend's average pool per image, then the images in doubles. */
function channelSums(scope: KernelScope, x: TensorInfo): Float64Array {
  const [batch, height, width, channels] = x.shape;
  const attrs = { filterSize: [height, width], strides: [1, 1], pad: "valid" };
  const means = scope.values(scope.run("AvgPool", { x }, attrs));
  const sums = new Float64Array(channels);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++) sums[c] += means[n * channels + c] * height * width;
  return sums;
}

/** x * gain[c] + offset[c], as a depthwise 1x1 convolution. */
function scaleChannels(
  scope: KernelScope,
  x: TensorInfo,
  gain: Float64Array,
  offset: Float64Array,
): TensorInfo {
  const filter = scope.tensor(gain, [1, 1, gain.length, 1]);
  const bias = scope.tensor(offset, [offset.length]);
  const attrs = {
    strides: [1, 1],
    pad: "valid",
    dataFormat: "NHWC",
    dilations: [1, 1],
    activation: "linear",
  };
  return scope.run("FusedDepthwiseConv2D", { x, filter, bias }, attrs);
}

function forward(tf: Tensorflow, { inputs, backend }: KernelCall): TensorInfo[] {
  const scope = new KernelScope(tf, backend);
  const { x } = inputs;
  const channels = x.shape[3];
  const count = x.shape[0] * x.shape[1] * x.shape[2];
  const [gamma, beta] = [scope.values(inputs.gamma), scope.values(inputs.beta)];
  const sums = channelSums(scope, x);
  const squares = channelSums(scope, scope.run("Square", { x }));
  const mean = sums.map((sum) => sum / count);
  const variance = squares.map((sum, c) => Math.max(0, sum / count - mean[c] * mean[c]));
  const gain = variance.map((v, c) => gamma[c] / Math.sqrt(v + BATCH_NORM_EPSILON));
  const offset = gain.map((value, c) => beta[c] - mean[c] * value);
  const y = scaleChannels(scope, x, gain, offset);
  return scope.finish([y, scope.tensor(mean, [channels]), scope.tensor(variance, [channels])]);
}

function backward(tf: Tensorflow, { inputs, backend }: KernelCall): TensorInfo[] {
  const scope = new KernelScope(tf, backend);
  const { x, dy } = inputs;
  const channels = x.shape[3];
  const count = x.shape[0] * x.shape[1] * x.shape[2];
  const [gamma, mean] = [scope.values(inputs.gamma), scope.values(inputs.mean)];
  const inverse = Float64Array.from(
    scope.values(inputs.variance),
    (v) => 1 / Math.sqrt(v + BATCH_NORM_EPSILON),
  );
  const dBeta = channelSums(scope, dy);
  const products = channelSums(scope, scope.run("Multiply", { a: dy, b: x }));
  const dGamma = products.map((sum, c) => (sum - mean[c] * dBeta[c]) * inverse[c]);
  const a = inverse.map((value, c) => gamma[c] * value);
  const b = a.map((value, c) => (-value * inverse[c] * dGamma[c]) / count);
  const offset = a.map((value, c) => (-value * dBeta[c]) / count - b[c] * mean[c]);
  const none = new Float64Array(channels);
  const dx = scope.run("Add", {
    a: scaleChannels(scope, dy, a, offset),
    b: scaleChannels(scope, x, b, none),
  });
  return scope.finish([dx, scope.tensor(dGamma, [channels]), scope.tensor(dBeta, [channels])]);
}

/** Registers both kernels and the gradient. Call once per process. */
export function registerBatchNormTraining(tf: Tensorflow): void {
  const kernels: readonly [string, (tf: Tensorflow, call: KernelCall) => TensorInfo[]][] = [
    [FORWARD, forward],
    [BACKWARD, backward],
  ];
  for (const [kernelName, compute] of kernels) {
    tf.registerKernel({
      kernelName,
      backendName: "wasm",
      kernelFunc: (call) => compute(tf, call as unknown as KernelCall),
    });
  }
  tf.registerGradient({
    kernelName: FORWARD,
    inputsToSave: ["x", "gamma"],
    outputsToSave: [false, true, true],
    gradFunc: (dys, saved) => {
      const dy = (Array.isArray(dys) ? dys[0] : dys) as Tensor;
      const [x, gamma, mean, variance] = saved;
      const inputs = { x, dy, gamma, mean, variance };
      const [dx, dGamma, dBeta] = tf.engine().runKernel(BACKWARD, inputs) as Tensor[];
      return { x: () => dx, gamma: () => dGamma, beta: () => dBeta };
    },
  });
}

/**
 * Normalises `x` ([N,H,W,C]) by the statistics of its own batch and applies gamma and beta ([C]). `mean` and
 * `variance` (biased, [C]) are for the running statistics; no gradient flows through them.
 */
export function batchNormTraining(
  tf: Tensorflow,
  x: Tensor4D,
  gamma: Tensor1D,
  beta: Tensor1D,
): { readonly y: Tensor4D; readonly mean: Tensor1D; readonly variance: Tensor1D } {
  const [y, mean, variance] = tf.engine().runKernel(FORWARD, { x, gamma, beta }) as Tensor[];
  return { y: y as Tensor4D, mean: mean as Tensor1D, variance: variance as Tensor1D };
}
