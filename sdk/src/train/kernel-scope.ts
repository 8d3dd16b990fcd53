import type { NamedAttrMap, TensorInfo } from "@tensorflow/tfjs";
import type { Tensorflow } from "./tensorflow.js";

/** The part of the WASM backend that kernels use. A view is valid until the next allocation, which may move the heap. */
interface WasmBackend {
  disposeData(dataId: object, force?: boolean): boolean;
  makeOutput(shape: number[], dtype: "float32"): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
}

/** Calls kernels of the WASM backend by name inside another kernel, and remembers what to release. */
export class KernelScope {
  private readonly temporaries: TensorInfo[] = [];
  private readonly backend: WasmBackend;

  constructor(
    private readonly tf: Tensorflow,
    backend: unknown,
  ) {
    this.backend = backend as WasmBackend;
  }

  run(name: string, inputs: Record<string, TensorInfo>, attrs: object = {}): TensorInfo {
    const kernel = this.tf.getKernel(name, "wasm");
    const call = { inputs, attrs: attrs as NamedAttrMap, backend: this.backend as never };
    return this.remember(kernel.kernelFunc(call) as TensorInfo);
  }

  /** A float32 tensor with these values. */
  tensor(values: ArrayLike<number>, shape: number[]): TensorInfo {
    const tensor = this.remember(this.backend.makeOutput(shape, "float32"));
    this.backend.typedArrayFromHeap(tensor).set(values);
    return tensor;
  }

  /** A copy of a small tensor's values. */
  values(tensor: TensorInfo): Float32Array {
    return this.backend.typedArrayFromHeap(tensor).slice();
  }

  /** The same data under another shape; shares the owner of `tensor`. */
  view(tensor: TensorInfo, shape: number[]): TensorInfo {
    return { dataId: tensor.dataId, dtype: tensor.dtype, shape };
  }

  /** Releases every temporary but `results`, which it returns. */
  finish(results: TensorInfo[]): TensorInfo[] {
    const kept = new Set(results.map(({ dataId }) => dataId));
    for (const { dataId } of this.temporaries) if (!kept.has(dataId)) this.backend.disposeData(dataId);
    return results;
  }

  private remember(tensor: TensorInfo): TensorInfo {
    this.temporaries.push(tensor);
    return tensor;
  }
}
