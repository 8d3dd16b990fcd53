import { BATCH_NORM_EPSILON, batchNormTraining, loadTensorflow, type Tensorflow } from "@sluice/sdk/train";
import type { Tensor1D, Tensor4D } from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

let tf: Tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow();
});

function randomValues(seed: number, count: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.next() * 2 - 1);
}

/** Largest difference relative to the largest value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const scale = Math.max(...Array.from(a, Math.abs));
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]))) / scale;
}

describe("convolution gradients on the WASM backend", () => {
  // kernel, stride, height, width, inputs, outputs, padding
  it.each([
    [3, 1, 9, 8, 4, 6, 1],
    [3, 2, 8, 9, 4, 6, 1],
    [3, 2, 9, 8, 4, 5, "same"],
    [3, 2, 8, 8, 4, 5, "same"],
    [3, 1, 7, 7, 2, 3, "valid"],
    [3, 3, 10, 8, 2, 3, "valid"],
    [1, 2, 8, 7, 3, 5, 0],
    [1, 1, 5, 5, 2, 3, 0],
    [5, 1, 8, 8, 3, 4, 2],
    [5, 2, 11, 8, 3, 4, 2],
  ] as const)(
    "of kernel %i, stride %i on %i x %i agree with the cpu backend",
    async (kernel, stride, height, width, inputs, outputs, pad) => {
      const xValues = randomValues(1, 2 * height * width * inputs);
      const wValues = randomValues(2, kernel * kernel * inputs * outputs);
      const gradients = async (backend: string) => {
        await tf.setBackend(backend);
        const x = tf.tensor4d(xValues, [2, height, width, inputs]);
        const w = tf.tensor4d(wValues, [kernel, kernel, inputs, outputs]);
        const before = tf.memory().numTensors;
        const loss = (a: Tensor4D, b: Tensor4D) => tf.conv2d(a, b, stride, pad).square().sum();
        const [dx, dw] = tf.grads(loss as never)([x, w]);
        const result = [dx.dataSync(), dw.dataSync()] as const;
        tf.dispose([dx, dw]);
        expect(tf.memory().numTensors).toBe(before);
        tf.dispose([x, w]);
        return result;
      };
      const [dxCpu, dwCpu] = await gradients("cpu");
      const [dxWasm, dwWasm] = await gradients("wasm");
      expect(difference(dxCpu, dxWasm)).toBeLessThan(5e-6);
      expect(difference(dwCpu, dwWasm)).toBeLessThan(5e-6);
    },
  );

  it("leave no data behind on the backend", async () => {
    await tf.setBackend("wasm");
    const x = tf.tensor4d(randomValues(3, 2 * 8 * 8 * 3), [2, 8, 8, 3]);
    const w = tf.tensor4d(randomValues(4, 27 * 4), [3, 3, 3, 4]);
    const run = () => {
      const loss = (a: Tensor4D, b: Tensor4D) => tf.conv2d(a, b, 2, 1).square().sum();
      tf.dispose(tf.grads(loss as never)([x, w]));
    };
    run();
    const before = tf.engine().backend.numDataIds();
    for (let i = 0; i < 5; i += 1) run();
    expect(tf.engine().backend.numDataIds()).toBe(before);
  });
});

describe("batch normalisation", () => {
  it("and its gradients agree with the composite of ordinary operations", async () => {
    await tf.setBackend("wasm");
    const x = tf
      .tensor4d(randomValues(5, 3 * 5 * 4 * 6), [3, 5, 4, 6])
      .mul(3)
      .add(1) as Tensor4D;
    const gamma = tf.tensor1d(randomValues(6, 6)) as Tensor1D;
    const beta = tf.tensor1d(randomValues(7, 6)) as Tensor1D;
    const weights = tf.tensor4d(randomValues(8, 3 * 5 * 4 * 6), [3, 5, 4, 6]);
    const composite = (a: Tensor4D, g: Tensor1D, b: Tensor1D) => {
      const { mean, variance } = tf.moments(a, [0, 1, 2]);
      return a.sub(mean).div(variance.add(BATCH_NORM_EPSILON).sqrt()).mul(g).add(b);
    };
    const fused = (a: Tensor4D, g: Tensor1D, b: Tensor1D) => batchNormTraining(tf, a, g, b).y;
    expect(difference(composite(x, gamma, beta).dataSync(), fused(x, gamma, beta).dataSync())).toBeLessThan(
      1e-6,
    );
    const gradients = (f: typeof fused | typeof composite) => {
      const loss = (a: Tensor4D, g: Tensor1D, b: Tensor1D) => f(a, g, b).mul(weights).sum();
      return tf
        .grads(loss as never)([x, gamma, beta])
        .map((tensor) => tensor.dataSync());
    };
    const expected = gradients(composite);
    gradients(fused).forEach((found, i) => {
      expect(difference(expected[i], found)).toBeLessThan(2e-5);
    });
    const { mean, variance } = batchNormTraining(tf, x, gamma, beta);
    const moments = tf.moments(x, [0, 1, 2]);
    expect(difference(moments.mean.dataSync(), mean.dataSync())).toBeLessThan(1e-6);
    expect(difference(moments.variance.dataSync(), variance.dataSync())).toBeLessThan(1e-6);
  });
});
