/**
 * Batch normalisation for training (Ioffe and Szegedy, 2015) as two kernels of the WASM backend with a hand-written
 * gradient.
 *
 *   y  = (x - mean) * gamma / sigma + beta             sigma = sqrt(variance + epsilon), statistics of the batch
 *   dx = A*dy + B*x + C,   A = gamma/sigma,  B = -A*dgamma/(M*sigma),  C = -A*dbeta/M - B*mean
 *
 * The composite of TensorFlow.js reduces over axes that are not innermost and makes a tensor of every intermediate;
 * it took a third of a ResNet-8 step. Plain loops over the WASM heap, with the sums in doubles, take a tenth of that.
 */
import type { Tensor, Tensor1D, Tensor4D, TensorInfo } from "@tensorflow/tfjs";
import type { Tensorflow } from "./tensorflow.js";

/** Added to the variance. */
export const BATCH_NORM_EPSILON = 1e-5;

const FORWARD = "BatchNormTraining";
const BACKWARD = "BatchNormTrainingGrad";

/** What the kernels use of the WASM backend. A view is valid until the next allocation, which may move the heap. */
interface WasmHeap {
  makeOutput(shape: number[], dtype: "float32"): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
}

interface KernelCall {
  readonly inputs: Record<string, TensorInfo>;
  readonly backend: unknown;
}

/** Elements per block: a block stays in the first-level cache while every channel of it is visited. */
const BLOCK = 8192;

/** Visits each channel of each block: elements start, start + channels, ... below end belong to channel c. */
function byChannel(
  size: number,
  channels: number,
  visit: (c: number, start: number, end: number) => void,
): void {
  const step = Math.max(1, Math.floor(BLOCK / channels)) * channels;
  for (let block = 0; block < size; block += step) {
    const end = Math.min(size, block + step);
    for (let c = 0; c < channels; c++) visit(c, block + c, end);
  }
}

/** Sums of x and of x * other over everything but the last axis. */
function channelSums(x: Float32Array, other: Float32Array, channels: number): [Float64Array, Float64Array] {
  const plain = new Float64Array(channels);
  const product = new Float64Array(channels);
  byChannel(x.length, channels, (c, start, end) => {
    let sum = 0;
    let productSum = 0;
    for (let i = start; i < end; i += channels) {
      sum += x[i];
      productSum += x[i] * other[i];
    }
    plain[c] += sum;
    product[c] += productSum;
  });
  return [plain, product];
}

function forward({ inputs, backend }: KernelCall): TensorInfo[] {
  const heap = backend as WasmHeap;
  const channels = inputs.x.shape[3];
  const outputs = [
    heap.makeOutput([...inputs.x.shape], "float32"),
    heap.makeOutput([channels], "float32"),
    heap.makeOutput([channels], "float32"),
  ];
  const [y, mean, variance] = outputs.map((tensor) => heap.typedArrayFromHeap(tensor));
  const [x, gamma, beta] = [inputs.x, inputs.gamma, inputs.beta].map((t) => heap.typedArrayFromHeap(t));
  const count = x.length / channels;
  const [sum, squares] = channelSums(x, x, channels);
  const scale = new Float64Array(channels);
  const offset = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    mean[c] = sum[c] / count;
    variance[c] = Math.max(0, squares[c] / count - (sum[c] / count) ** 2);
    scale[c] = gamma[c] / Math.sqrt(variance[c] + BATCH_NORM_EPSILON);
    offset[c] = beta[c] - mean[c] * scale[c];
  }
  byChannel(x.length, channels, (c, start, end) => {
    const [gain, shift] = [scale[c], offset[c]];
    for (let i = start; i < end; i += channels) y[i] = x[i] * gain + shift;
  });
  return outputs;
}

function backward({ inputs, backend }: KernelCall): TensorInfo[] {
  const heap = backend as WasmHeap;
  const channels = inputs.x.shape[3];
  const outputs = [
    heap.makeOutput([...inputs.x.shape], "float32"),
    heap.makeOutput([channels], "float32"),
    heap.makeOutput([channels], "float32"),
  ];
  const [dx, dGamma, dBeta] = outputs.map((tensor) => heap.typedArrayFromHeap(tensor));
  const { x: xIn, dy: dyIn, gamma: gammaIn, mean: meanIn, variance: varianceIn } = inputs;
  const [x, dy, gamma] = [xIn, dyIn, gammaIn].map((tensor) => heap.typedArrayFromHeap(tensor));
  const [mean, variance] = [meanIn, varianceIn].map((tensor) => heap.typedArrayFromHeap(tensor));
  const count = x.length / channels;
  const [sum, product] = channelSums(dy, x, channels);
  const a = new Float64Array(channels);
  const b = new Float64Array(channels);
  const offset = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const inverse = 1 / Math.sqrt(variance[c] + BATCH_NORM_EPSILON);
    const gradient = (product[c] - mean[c] * sum[c]) * inverse;
    dGamma[c] = gradient;
    dBeta[c] = sum[c];
    a[c] = gamma[c] * inverse;
    b[c] = (-a[c] * inverse * gradient) / count;
    offset[c] = (-a[c] * sum[c]) / count - b[c] * mean[c];
  }
  byChannel(x.length, channels, (c, start, end) => {
    const [forDy, forX, shift] = [a[c], b[c], offset[c]];
    for (let i = start; i < end; i += channels) dx[i] = forDy * dy[i] + forX * x[i] + shift;
  });
  return outputs;
}

/** Registers both kernels and the gradient. Call once per process. */
export function registerBatchNormTraining(tf: Tensorflow): void {
  const kernels: readonly [string, (call: KernelCall) => TensorInfo[]][] = [
    [FORWARD, forward],
    [BACKWARD, backward],
  ];
  for (const [kernelName, compute] of kernels) {
    tf.registerKernel({
      kernelName,
      backendName: "wasm",
      kernelFunc: (call) => compute(call as unknown as KernelCall),
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
