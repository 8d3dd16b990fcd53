/**
 * Loads TensorFlow.js with the WASM backend, the one engine that works wherever Node does.
 *
 * Both packages are optional dependencies of the sdk: only training needs them, so they are imported when asked for.
 */
import { registerBatchNormTraining } from "./batch-norm.js";
import { TrainError } from "./train-error.js";
import { registerWasmTrainingKernels } from "./wasm-training-kernels.js";

export type Tensorflow = typeof import("@tensorflow/tfjs");

let loaded: Promise<Tensorflow> | undefined;

async function load(): Promise<Tensorflow> {
  let tf: Tensorflow;
  try {
    const module = await import("@tensorflow/tfjs");
    tf = (module as unknown as { default?: Tensorflow }).default ?? (module as Tensorflow);
    await import("@tensorflow/tfjs-backend-wasm");
  } catch (cause) {
    throw new TrainError("tensorflow-missing", "TensorFlow.js is not installed", {
      expected: "@tensorflow/tfjs and @tensorflow/tfjs-backend-wasm",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Run `npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm`, or install without --omit=optional.",
      cause,
    });
  }
  registerWasmTrainingKernels(tf);
  registerBatchNormTraining(tf);
  if (!(await tf.setBackend("wasm"))) {
    throw new TrainError("no-wasm-backend", "The WASM backend of TensorFlow.js did not start", {
      hint: "Check that this Node has WebAssembly (Node 20 or newer has).",
    });
  }
  await tf.ready();
  return tf;
}

/** The one TensorFlow.js of this process, with the WASM backend active. Takes about a second the first time. */
export function loadTensorflow(): Promise<Tensorflow> {
  loaded ??= load();
  return loaded;
}
