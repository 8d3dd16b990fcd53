/**
 * Real TensorFlow Lite models against the golden results: every tensor of the first input, the logits of the rest, and
 * the fixed-point multipliers the golden evaluator derived by itself.
 */
import { crc32 } from "node:zlib";
import { tensorByName, tensorIdByName } from "@sluice/sdk/graph/lookup.js";
import { importTflite } from "@sluice/sdk/import/tflite";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { readNpy, readNpz } from "../support/npy.js";
import { cifarTestImages, hasSharedData, sharedFile, sharedJson } from "../support/shared-data.js";

interface GoldenLayer {
  readonly key: string;
  readonly op: string;
  readonly name: string;
  readonly crc32: number;
  readonly multiplier?: readonly number[];
  readonly shift?: readonly number[];
}

const loaded = new Map<string, ReturnType<typeof prepare>>();

/** Prepared once per model: packing weights and running the first input takes seconds for the large ones. */
function load(model: string) {
  const known = loaded.get(model) ?? prepare(model);
  loaded.set(model, known);
  return known;
}

function prepare(model: string) {
  const graph = importTflite(sharedFile("models", `${model}.tflite`), { file: `${model}.tflite` });
  const isInt8 = graph.source.format === "tflite-int8";
  // The golden CRCs are of the 8-bit tensors as they are stored.
  const stored = (pixels: ArrayLike<number>) =>
    isInt8 ? Int8Array.from(pixels, (pixel) => pixel - 128) : Uint8Array.from(pixels);
  const eightBit = (values: Int32Array) => (isInt8 ? Int8Array.from(values) : Uint8Array.from(values));
  const reference = createReference(graph);
  let first: readonly Int32Array[] | undefined;
  const runFirst = (pixels: Uint8Array) => {
    first ??= reference.runAll(stored(pixels));
    return first;
  };
  return { graph, stored, eightBit, reference, runFirst };
}

function photos(size: number): Uint8Array[] {
  const { data, shape } = readNpy(sharedFile("golden", `photos_${size}.npy`));
  const length = shape[1] * shape[2] * shape[3];
  return Array.from({ length: shape[0] }, (_, index) =>
    Uint8Array.from(data.subarray(index * length, (index + 1) * length) as Uint8Array),
  );
}

const models = [
  {
    model: "pretrainedResnet_quant",
    golden: "pretrainedResnet_quant",
    logits: "logits200",
    tensors: 15,
    zeros: 0,
  },
  { model: "vww_96_int8", golden: "vww_96_int8.photos", logits: "logits5", size: 96, tensors: 30, zeros: 20 },
  {
    model: "mobilenet_v1_0.25_128_quant",
    golden: "mobilenet_v1_0.25_128_quant.photos",
    logits: "logits5",
    size: 128,
    tensors: 30,
    zeros: 0,
  },
  {
    model: "mobilenet_v2_1.0_224_quant",
    golden: "mobilenet_v2_1.0_224_quant.photos",
    logits: "logits5",
    size: 224,
    tensors: 65,
    zeros: 0,
  },
];

describe.skipIf(!hasSharedData).each(models)("$model", ({ model, golden, logits, size, tensors, zeros }) => {
  const inputs = () => (size === undefined ? cifarTestImages(200).images : photos(size));

  it("gives every golden tensor of the first input", () => {
    const { graph, eightBit, runFirst } = load(model);
    const { layers } = sharedJson<{ layers: GoldenLayer[] }>("golden", `${golden}.image0.json`);
    expect(layers).toHaveLength(tensors);
    const values = runFirst(inputs()[0]);
    // MobileNet v2 has checksums only; elsewhere the tensors themselves name the first wrong element.
    const arrays = model.startsWith("mobilenet_v2")
      ? undefined
      : readNpz(sharedFile("golden", `${golden}.image0.npz`));
    for (const layer of layers) {
      const actual = eightBit(values[tensorIdByName(graph, layer.name)]);
      const expected = arrays?.get(layer.key)?.data;
      const wrong = expected ? actual.findIndex((value, index) => value !== expected[index]) : -1;
      expect(wrong, `${layer.key} ${layer.op}: first wrong element`).toBe(-1);
      if (arrays) expect(expected, `${layer.key} is in the golden file`).toHaveLength(actual.length);
      expect(crc32(actual), `${layer.key} ${layer.op} ${layer.name}`).toBe(layer.crc32);
    }
  });

  it("gives the golden logits", () => {
    const { graph, stored, reference, runFirst } = load(model);
    const { shape, data } = readNpy(sharedFile("golden", `${golden}.${logits}.npy`));
    const [images, classes] = shape;
    const given = inputs();
    expect(given).toHaveLength(images);
    given.forEach((pixels, index) => {
      const output = index === 0 ? runFirst(pixels)[graph.output] : reference.run(stored(pixels)).output;
      expect([...output], `input ${index}`).toEqual([
        ...(data.subarray(index * classes, (index + 1) * classes) as Int32Array),
      ]);
    });
  });

  it("derives the golden multipliers", () => {
    const { graph } = load(model);
    const { layers } = sharedJson<{ layers: GoldenLayer[] }>("golden", `${golden}.image0.json`);
    let vanished = 0;
    for (const layer of layers) {
      if (layer.multiplier === undefined) continue;
      const id = tensorIdByName(graph, layer.name);
      const node = graph.nodes.find(({ output }) => output === id);
      if (node?.kind !== "requantize" || node.stageB === undefined)
        throw new Error(`${layer.name}: ${node?.kind}`);
      const { stageA, stageB } = node;
      expect([...stageA.multiplier], layer.name).toEqual(layer.multiplier);
      const shifts = Array.from(stageA.shift, (shift, channel) => 31 - shift - stageB.shift[channel]);
      expect(shifts, layer.name).toEqual(layer.shift);
      vanished += layer.multiplier.filter((multiplier) => multiplier === 0).length;
    }
    expect(vanished).toBe(zeros);
  });
});

describe.skipIf(!hasSharedData)("other real models", () => {
  it("MobileNet v2 sees a military uniform on Grace Hopper", () => {
    const { graph, runFirst } = load("mobilenet_v2_1.0_224_quant");
    const output = runFirst(photos(224)[0])[graph.output];
    const labels = new TextDecoder().decode(sharedFile("models", "imagenet_labels.txt")).split("\n");
    expect(labels[output.indexOf(Math.max(...output))]).toMatch(/military uniform$/);
  });

  it("the streaming wake word network imports and runs", () => {
    const { graph, reference } = load("str_ww_ref_model");
    expect(graph.tensors[graph.input].shape).toEqual([30, 1, 40]);
    const { output } = reference.run(
      Int8Array.from({ length: 1200 }, (_, index) => ((index * 37) % 256) - 128),
    );
    expect(output).toHaveLength(3);
  });

  it.each([
    { model: "mobilenet_v1_0.5_160_quant", output: [1, 1, 1001] },
    { model: "mobilenet_v1_1.0_224_quant_embedding_extractor", output: [1, 1, 1024] },
  ])("$model imports", ({ model, output }) => {
    const graph = importTflite(sharedFile("models", `${model}.tflite`), { file: `${model}.tflite` });
    expect(graph.tensors[graph.output].shape).toEqual(output);
    expect(tensorByName(graph, "input")).toMatchObject({ min: 0, max: 255, zeroPoint: 128 });
  });

  it.each(["pretrainedResnet", "kws_ref_model_float32", "ad01_fp32"])(
    "refuses the float model %s",
    (model) => {
      const file = `${model}.tflite`;
      expect(() => importTflite(sharedFile("models", file), { file })).toThrow(
        expect.objectContaining({ code: "float-model", place: expect.stringContaining("operator 0") }),
      );
    },
  );
});
