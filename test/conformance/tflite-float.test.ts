/** Real float TensorFlow Lite models: importer and interpreter against a literal evaluation in double precision. */
import { importTfliteFloat } from "@sluice/sdk/import/tflite";
import { readTfliteModel } from "@sluice/sdk/import/tflite/model.js";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../support/seeded-random.js";
import { cifarTestImages, hasSharedData, sharedFile } from "../support/shared-data.js";
import { evaluateTflite } from "../support/tflite-float-literal.js";

const models = [
  { model: "pretrainedResnet", images: 2, span: [0, 255] },
  { model: "pretrainedResnet_large_float", images: 1, span: [0, 255] },
  { model: "vww_96_float", images: 1, span: [0, 1] },
  { model: "kws_ref_model_float32", images: 4, span: [-60, 40] },
  { model: "ad01_fp32", images: 4, span: [-8, 8] },
] as const;

describe.skipIf(!hasSharedData).each(models)("$model", ({ model, images, span }) => {
  const bytes = hasSharedData ? sharedFile("models", `${model}.tflite`) : new Uint8Array();

  it("gives every tensor within 1e-4 of the literal evaluation", () => {
    const graph = importTfliteFloat(bytes, { file: `${model}.tflite` });
    const file = readTfliteModel(bytes, model);
    const interpreter = createFloatInterpreter(graph, { batch: images });
    const size = graph.tensors[graph.input].shape.reduce((product, extent) => product * extent, 1);
    const random = seededRandom(0xf10a7);
    const inputs = Array.from({ length: images }, (_, index) =>
      span[1] === 255
        ? Float32Array.from(cifarTestImages(images).images[index])
        : Float32Array.from({ length: size }, () => span[0] + random.next() * (span[1] - span[0])),
    );
    const all = new Float32Array(size * images);
    inputs.forEach((input, index) => {
      all.set(input, index * size);
    });
    interpreter.run(all);
    let compared = 0;
    inputs.forEach((input, index) => {
      for (const [tensor, expected] of evaluateTflite(bytes, input)) {
        const { name } = file.tensors[tensor];
        // Reshapes to the same shape are simplified away.
        const id = graph.tensors.findIndex((candidate) => candidate.name === name);
        if (id < 0) continue;
        const view = interpreter.tensor(id);
        const actual = view.subarray(index * expected.length, (index + 1) * expected.length);
        const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        const error = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at])), 0);
        expect(error / largest, `image ${index}, ${name}`).toBeLessThan(1e-4);
        compared += 1;
      }
    });
    expect(compared).toBeGreaterThan(images * 5);
  });
});

describe.skipIf(!hasSharedData)("pretrainedResnet.tflite on real images", () => {
  it("gives logits within 1e-4 in absolute value, and the labels of most images", () => {
    const bytes = sharedFile("models", "pretrainedResnet.tflite");
    const graph = importTfliteFloat(bytes, { file: "pretrainedResnet.tflite" });
    const { images, labels } = cifarTestImages(200);
    const interpreter = createFloatInterpreter(graph, { batch: 40 });
    let correct = 0;
    for (let start = 0; start < 200; start += 40) {
      const batch = new Float32Array(40 * 3072);
      for (let index = 0; index < 40; index += 1) batch.set(images[start + index], index * 3072);
      const logits = interpreter.run(batch);
      for (let index = 0; index < 40; index += 1) {
        const row = [...logits.subarray(index * 10, index * 10 + 10)];
        if (row.indexOf(Math.max(...row)) === labels[start + index]) correct += 1;
      }
      if (start === 0) {
        const expected = [...evaluateTflite(bytes, batch.subarray(0, 3072)).values()].at(-2) as Float64Array;
        expected.forEach((value, index) => {
          expect(Math.abs(value - logits[index]), `logit ${index}`).toBeLessThan(1e-4);
        });
      }
    }
    expect(correct).toBeGreaterThan(160);
  });

  it("reads an int8 file as the real numbers its integers stand for", () => {
    const bytes = sharedFile("models", "pretrainedResnet_quant.tflite");
    const graph = importTfliteFloat(bytes, { file: "pretrainedResnet_quant.tflite" });
    expect(graph.tensors[graph.input].quantization).toEqual({
      scale: 1,
      zeroPoint: -128,
      min: -128,
      max: 127,
    });
    const { images, labels } = cifarTestImages(50);
    const interpreter = createFloatInterpreter(graph, { batch: 50 });
    const all = new Float32Array(50 * 3072);
    images.forEach((image, index) => {
      all.set(image, index * 3072);
    });
    const logits = interpreter.run(all);
    let correct = 0;
    labels.forEach((label, index) => {
      const row = [...logits.subarray(index * 10, index * 10 + 10)];
      if (row.indexOf(Math.max(...row)) === label) correct += 1;
    });
    expect(correct).toBeGreaterThan(40);
  });
});
