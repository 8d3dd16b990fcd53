/** TensorFlow.js layers models, built and evaluated by TensorFlow.js itself: the importer must agree with it. */
import { SluiceError } from "@sluice/sdk/errors.js";
import { importKerasLayers } from "@sluice/sdk/import/keras";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import type { io, LayersModel, Tensor } from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../../support/seeded-random.js";

type Tf = typeof import("@tensorflow/tfjs");

const tf = await import("@tensorflow/tfjs").then(
  (module) => (module as unknown as { default?: Tf }).default ?? (module as Tf),
  () => {
    console.warn("Skipped: @tensorflow/tfjs, an optional dependency, is not installed.");
    return undefined;
  },
);

/** What `model.save` would write: model.json and one shard. */
async function saved(model: LayersModel): Promise<{ json: Record<string, unknown>; shard: Uint8Array }> {
  let artifacts: io.ModelArtifacts | undefined;
  await model.save({
    save: async (value) => {
      artifacts = value;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    },
  });
  if (artifacts === undefined) throw new Error("nothing was saved");
  const data = artifacts.weightData;
  const shard = new Uint8Array(Array.isArray(data) ? (data[0] as ArrayBuffer) : (data as ArrayBuffer));
  const json = {
    format: "layers-model",
    modelTopology: artifacts.modelTopology,
    weightsManifest: [{ paths: ["weights.bin"], weights: artifacts.weightSpecs }],
  };
  // Through text, as a file would be.
  return { json: JSON.parse(JSON.stringify(json)) as Record<string, unknown>, shard };
}

/** Weights and statistics other than the initial ones, from a seed. */
function randomise(model: LayersModel, seed: number): void {
  const random = seededRandom(seed);
  for (const layer of model.layers) {
    layer.setWeights(
      layer.getWeights().map((weight: Tensor, index: number) => {
        const isVariance = layer.getClassName() === "BatchNormalization" && index === 3;
        const [low, high] = isVariance ? [0.3, 2] : [-0.6, 0.6];
        const values = Float32Array.from({ length: weight.size }, () => low + random.next() * (high - low));
        return (tf as Tf).tensor(values, weight.shape);
      }),
    );
  }
}

async function compare(model: LayersModel, seed: number): Promise<void> {
  randomise(model, seed);
  const { json, shard } = await saved(model);
  const graph = importKerasLayers(json, [shard.subarray(0, 100), shard.subarray(100)], {
    file: "model.json",
  });
  const [height, width, channels] = graph.tensors[graph.input].shape;
  const random = seededRandom(seed + 1);
  const images = 3;
  const data = Float32Array.from({ length: images * height * width * channels }, () => random.next() * 4 - 2);
  const shape = model.inputs[0].shape.map((extent) => extent ?? images);
  const expected = (model.predict((tf as Tf).tensor(data, shape)) as Tensor).dataSync();
  const interpreter = createFloatInterpreter(graph, { batch: images });
  interpreter.run(data);
  const actual = interpreter.tensor(graph.nodes.at(-1)?.output ?? -1);
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs(actual[index] - value), `output ${index}`).toBeLessThan(
      1e-4 * Math.max(1, Math.abs(value)),
    );
  });
}

describe.skipIf(tf === undefined)("importKerasLayers", () => {
  const { layers, sequential, input, model } = tf ?? ({} as Tf);

  beforeAll(async () => {
    await tf?.setBackend("cpu");
  });

  it("reads a sequential model with batch normalisation, strides, dropout and softmax", async () => {
    await compare(
      sequential({
        layers: [
          layers.conv2d({ inputShape: [9, 8, 3], filters: 6, kernelSize: 3, strides: 2, padding: "same" }),
          layers.batchNormalization({}),
          layers.activation({ activation: "relu" }),
          layers.maxPooling2d({ poolSize: 2, strides: 1, padding: "same" }),
          layers.dropout({ rate: 0.5 }),
          layers.conv2d({ filters: 4, kernelSize: [1, 3], activation: "relu", useBias: false }),
          layers.flatten(),
          layers.dense({ units: 5, activation: "softmax" }),
        ],
      }),
      1,
    );
  });

  it("reads a functional model with residual and depthwise layers", async () => {
    const x = input({ shape: [8, 8, 4] });
    const padded = layers
      .zeroPadding2d({
        padding: [
          [0, 1],
          [1, 0],
        ],
      })
      .apply(x);
    const down = layers
      .depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: "valid" })
      .apply(padded);
    const relu6 = layers.reLU({ maxValue: 6 }).apply(down);
    const a = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", dilationRate: 2 }).apply(relu6);
    const b = layers.separableConv2d({ filters: 4, kernelSize: 3, padding: "same" }).apply(relu6);
    const sum = layers.add().apply([a, b] as never);
    const both = layers.concatenate().apply([sum, a] as never);
    const pooled = layers.averagePooling2d({ poolSize: 3, strides: 2, padding: "same" }).apply(both as never);
    const global = layers.globalAveragePooling2d({}).apply(pooled);
    const y = layers.dense({ units: 3 }).apply(global);
    await compare(model({ inputs: x, outputs: y as never }), 2);
  });

  it("names the layer it does not know, and the weight that is missing", async () => {
    const net = sequential({
      layers: [
        layers.conv2d({
          inputShape: [6, 6, 2],
          filters: 2,
          kernelSize: 3,
          activation: "tanh",
          name: "first",
        }),
      ],
    });
    const { json, shard } = await saved(net);
    const place = expect.stringContaining('layer "first" (Conv2D)');
    expect(() => importKerasLayers(json, [shard], { file: "model.json" })).toThrow(
      expect.objectContaining({ code: "unsupported-activation", place }),
    );
    expect(() => importKerasLayers(json, [shard.subarray(1)], { file: "model.json" })).toThrow(
      expect.objectContaining({ code: "bad-weights" }),
    );
    const unnamed = JSON.parse(JSON.stringify(json).replaceAll("first/kernel", "other/kernel")) as unknown;
    expect(() => importKerasLayers(unnamed, [shard], { file: "model.json" })).toThrow(
      expect.objectContaining({ code: "missing-weight", place }),
    );
  });

  it("answers damaged JSON with typed errors only", async () => {
    const net = sequential({
      layers: [
        layers.conv2d({ inputShape: [6, 6, 2], filters: 2, kernelSize: 3 }),
        layers.batchNormalization({}),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    });
    const { json, shard } = await saved(net);
    const text = JSON.stringify(json);
    let errors = 0;
    for (let round = 0; round < 2000; round += 1) {
      const random = seededRandom(0x6e5a + round);
      const at = random.integer(0, text.length - 1);
      const replacement = random.pick(["0", "-1", "null", '"', "[", "}", "1e9", "a", ""]);
      const damaged = text.slice(0, at) + replacement + text.slice(at + random.integer(0, 6));
      let parsed: unknown;
      try {
        parsed = JSON.parse(damaged);
      } catch {
        continue; // JSON.parse refuses it before the importer sees it
      }
      try {
        importKerasLayers(parsed, [shard], { file: "model.json" });
      } catch (error) {
        if (!(error instanceof SluiceError)) throw new Error(`seed ${0x6e5a + round}`, { cause: error });
        errors += 1;
      }
    }
    expect(errors).toBeGreaterThan(50);
  });
});
