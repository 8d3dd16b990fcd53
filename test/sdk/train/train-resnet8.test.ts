/** A few steps of the real training on a tiny subset, so that the scripts of the default model keep working. */
import { importOnnx } from "@sluice/sdk/import/onnx";
import { createInputEncoder, defaultPreprocessing } from "@sluice/sdk/preprocess";
import { createReference } from "@sluice/sdk/reference";
import {
  BATCH_NORM_EPSILON,
  drawShapeImages,
  foldBatchNorm,
  foldedLogits,
  learningRateAt,
  loadTensorflow,
  type Parameters,
  parseParameters,
  pixelsToTensor,
  quantizeResNet8,
  SHAPE_IMAGE_BYTES,
  serializeParameters,
  TrainError,
  trainResNet8,
} from "@sluice/sdk/train";
import { beforeAll, describe, expect, it } from "vitest";

const IMAGES = 8;
let losses: number[];
let parameters: Parameters;

beforeAll(async () => {
  const tf = await loadTensorflow();
  await tf.setBackend("wasm");
  losses = [];
  // One batch over and over: it must be learnt by heart.
  parameters = trainResNet8(tf, {
    seed: 5,
    steps: 30,
    batch: IMAGES,
    learningRate: 0.01,
    distinctSteps: 1,
    onStep: (_, loss) => void losses.push(loss),
  });
});

describe("training", () => {
  it("lowers the loss", () => {
    expect(losses[0]).toBeGreaterThan(1.5);
    expect(losses.at(-1)).toBeLessThan(losses[0] / 2);
  });

  it("gives the same numbers every time and leaves no tensors behind", async () => {
    const tf = await loadTensorflow();
    const before = tf.memory().numTensors;
    const again: number[] = [];
    const onStep = (_: number, loss: number) => void again.push(loss);
    trainResNet8(tf, { seed: 5, steps: 3, batch: IMAGES, learningRate: 0.01, distinctSteps: 1, onStep });
    expect(again[0]).toBe(losses[0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("warms up, then follows a cosine to zero", () => {
    expect(learningRateAt(0, 1000, 1)).toBeCloseTo(0.01);
    expect(learningRateAt(500, 1000, 1)).toBeCloseTo(0.5);
    expect(learningRateAt(999, 1000, 1)).toBeLessThan(1e-5);
  });
});

describe("parameter file", () => {
  it("reads back what it wrote", () => {
    expect(parseParameters(serializeParameters(parameters))).toEqual(parameters);
  });

  it("refuses a file that is cut short or something else", () => {
    const bytes = serializeParameters(parameters);
    for (const bad of [
      bytes.subarray(0, 3),
      bytes.subarray(0, 50),
      bytes.subarray(0, -4),
      bytes.map((b) => b ^ 0x5a),
    ]) {
      expect(() => parseParameters(bad)).toThrow(TrainError);
    }
  });
});

describe("quantisation", () => {
  it("writes a QONNX file whose integer logits follow the float ones", async () => {
    const tf = await loadTensorflow();
    const { pixels } = drawShapeImages(5, 0, IMAGES);
    const calibration = pixelsToTensor(tf, pixels, IMAGES);
    const bytes = quantizeResNet8(tf, parameters, calibration);
    const graph = importOnnx(bytes, { file: "tiny.onnx" });
    expect(graph.tensors[graph.input]).toMatchObject({
      shape: [32, 32, 3],
      min: 0,
      max: 255,
      scale: 1 / 256,
    });
    const reference = createReference(graph);
    const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
    const float = foldedLogits(tf, foldBatchNorm(parameters, BATCH_NORM_EPSILON), calibration).dataSync();
    const { scale, shape } = graph.tensors[graph.output];
    expect(shape).toEqual([1, 1, 10]);
    let squared = 0;
    let power = 0;
    for (let i = 0; i < IMAGES; i += 1) {
      const data = pixels.subarray(i * SHAPE_IMAGE_BYTES, (i + 1) * SHAPE_IMAGE_BYTES);
      const image = { kind: "pixels", height: 32, width: 32, channels: 3, data } as const;
      reference.run(encoder.encode(image)).output.forEach((stored, c) => {
        squared += (stored * scale - float[i * 10 + c]) ** 2;
        power += float[i * 10 + c] ** 2;
      });
    }
    expect(Math.sqrt(squared / power)).toBeLessThan(0.1);
  });
});
