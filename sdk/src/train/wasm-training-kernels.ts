/**
 * The convolution gradients the WASM backend of TensorFlow.js needs for training.
 *
 * The backend has no Conv2DBackpropFilter, and its Conv2DBackpropInput is slow. Both are ordinary convolutions in
 * disguise, and the backend's Conv2D is fast:
 *
 *   dW[kh,kw,i,o] = sum over n,y,x of x[n, y*s+kh-p, x*s+kw-p, i] * dy[n,y,x,o]
 *                   a convolution whose batch is i, whose channels are n and whose filter is dy, dilated by s
 *   dx            = dy with s-1 zeros between its elements, padded, convolved with the filter turned by 180 degrees
 *
 * NHWC only, dilation 1. Kernels are called directly and their temporaries released by hand: ordinary operations
 * inside a kernel would be tracked by the engine and leak.
 */
import type { KernelConfig, NamedAttrMap, TensorInfo } from "@tensorflow/tfjs";
import { KernelScope } from "./kernel-scope.js";
import type { Tensorflow } from "./tensorflow.js";

interface KernelCall {
  readonly inputs: Record<string, TensorInfo>;
  readonly backend: unknown;
  readonly attrs?: NamedAttrMap;
}

type Shape4 = [number, number, number, number];
type Explicit = [[number, number], [number, number], [number, number], [number, number]];

function transpose(scope: KernelScope, x: TensorInfo, perm: number[]): TensorInfo {
  return scope.run("Transpose", { x }, { perm });
}

function convolve(
  scope: KernelScope,
  x: TensorInfo,
  filter: TensorInfo,
  padding: Explicit,
  dilation: readonly [number, number],
): TensorInfo {
  const attrs = { strides: [1, 1], pad: padding, dataFormat: "NHWC", dilations: [...dilation] };
  return scope.run("Conv2D", { x, filter }, attrs as unknown as NamedAttrMap);
}

function backpropFilter(tf: Tensorflow, call: KernelCall): TensorInfo {
  const { x, dy } = call.inputs;
  const { strides, pad, filterShape } = call.attrs as unknown as {
    strides: number | [number, number];
    pad: "valid" | "same" | number | Explicit;
    filterShape: Shape4;
  };
  const info = tf.backend_util.computeConv2DInfo(x.shape as Shape4, filterShape, strides, 1, pad);
  const { strideHeight, strideWidth, outHeight, outWidth, padInfo } = info;
  const [kernelHeight, kernelWidth, inputs, outputs] = filterShape;
  const scope = new KernelScope(tf, call.backend);
  // Just enough padding for a kernelHeight x kernelWidth result; a result that is larger all the same is cut.
  const bottom = kernelHeight + (outHeight - 1) * strideHeight - x.shape[1] - padInfo.top;
  const right = kernelWidth + (outWidth - 1) * strideWidth - x.shape[2] - padInfo.left;
  const padding: Explicit = [
    [0, 0],
    [padInfo.top, Math.max(0, bottom)],
    [padInfo.left, Math.max(0, right)],
    [0, 0],
  ];
  let result = convolve(
    scope,
    transpose(scope, x, [3, 1, 2, 0]),
    transpose(scope, dy, [1, 2, 0, 3]),
    padding,
    [strideHeight, strideWidth],
  );
  if (bottom < 0 || right < 0) {
    result = scope.run(
      "Slice",
      { x: result },
      { begin: [0, 0, 0, 0], size: [inputs, kernelHeight, kernelWidth, outputs] },
    );
  }
  return scope.finish([transpose(scope, result, [1, 2, 0, 3])])[0];
}

/** Puts stride - 1 zeros after every row and every column of an NHWC tensor. */
function zeroStuff(
  scope: KernelScope,
  dy: TensorInfo,
  strideHeight: number,
  strideWidth: number,
): TensorInfo {
  const [batch, height, width, channels] = dy.shape;
  let stuffed = dy;
  if (strideWidth > 1) {
    const columns = scope.view(stuffed, [batch * height, width, channels]);
    const paddings = [[0, 0], [0, 0], [0, channels * (strideWidth - 1)]]; // biome-ignore format: one table
    stuffed = scope.run("PadV2", { x: columns }, { paddings, constantValue: 0 } as unknown as NamedAttrMap);
  }
  const rowLength = width * strideWidth * channels;
  if (strideHeight > 1) {
    const rows = scope.view(stuffed, [batch, height, rowLength]);
    const paddings = [[0, 0], [0, 0], [0, rowLength * (strideHeight - 1)]]; // biome-ignore format: one table
    stuffed = scope.run("PadV2", { x: rows }, { paddings, constantValue: 0 } as unknown as NamedAttrMap);
  }
  return scope.view(stuffed, [batch, height * strideHeight, width * strideWidth, channels]);
}

function backpropInput(tf: Tensorflow, call: KernelCall): TensorInfo {
  const { dy, filter } = call.inputs;
  const { strides, pad, inputShape } = call.attrs as unknown as {
    strides: number | [number, number];
    pad: "valid" | "same" | number | Explicit;
    inputShape: Shape4;
  };
  const filterShape = filter.shape as Shape4;
  const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad);
  const { strideHeight, strideWidth, padInfo } = info;
  const scope = new KernelScope(tf, call.backend);
  const stuffed = zeroStuff(scope, dy, strideHeight, strideWidth);
  const top = filterShape[0] - 1 - padInfo.top;
  const left = filterShape[1] - 1 - padInfo.left;
  // The stuffed gradient ends with strideHeight - 1 zero rows; they count as padding here.
  const bottom = inputShape[1] + filterShape[0] - 1 - top - stuffed.shape[1];
  const right = inputShape[2] + filterShape[1] - 1 - left - stuffed.shape[2];
  const flipped = scope.run("Reverse", { x: filter }, { dims: [0, 1] });
  const turned = transpose(scope, flipped, [0, 1, 3, 2]);
  const padding: Explicit = [
    [0, 0],
    [Math.max(0, top), Math.max(0, bottom)],
    [Math.max(0, left), Math.max(0, right)],
    [0, 0],
  ];
  let result = convolve(scope, stuffed, turned, padding, [1, 1]);
  if (top < 0 || left < 0 || bottom < 0 || right < 0) {
    const begin = [0, Math.max(0, -top), Math.max(0, -left), 0];
    result = scope.run("Slice", { x: result }, { begin, size: inputShape });
  }
  return scope.finish([result])[0];
}

/** Registers both gradients for the "wasm" backend, replacing what is there. Call once per process. */
export function registerWasmTrainingKernels(tf: Tensorflow): void {
  const kernels: readonly [string, (tf: Tensorflow, call: KernelCall) => TensorInfo][] = [
    ["Conv2DBackpropFilter", backpropFilter],
    ["Conv2DBackpropInput", backpropInput],
  ];
  for (const [kernelName, compute] of kernels) {
    if (tf.getKernel(kernelName, "wasm")) tf.unregisterKernel(kernelName, "wasm");
    tf.registerKernel({
      kernelName,
      backendName: "wasm",
      kernelFunc: (call) => compute(tf, call as unknown as KernelCall),
    } satisfies KernelConfig);
  }
}
