/** Float and QDQ ONNX models against outputs that onnxruntime computed (test/vectors/onnx-float, see make.mjs there). */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { SluiceError } from "@sluice/sdk/errors.js";
import { importOnnxFloat } from "@sluice/sdk/import/onnx";
import { modelProto } from "@sluice/sdk/import/onnx/schema.js";
import { dropFakeQuantization } from "@sluice/sdk/import/passes";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { mutate } from "../../../support/mutate.js";
import { seededRandom } from "../../../support/seeded-random.js";
import { cifarTestImages, hasSharedData, sharedFile } from "../../../support/shared-data.js";

interface Vector {
  readonly runtime: string;
  readonly model: string;
  readonly inputDims: readonly number[];
  readonly input: string;
  readonly output: readonly number[];
}

function readVector<T>(name: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../../vectors/onnx-float/${name}.json`, import.meta.url), "utf8"),
  ) as T;
}

/** [channels][height][width] to [height][width][channels]. */
function channelsLast(data: Float32Array, [channels, height, width]: readonly number[]): Float32Array {
  const positions = height * width;
  return Float32Array.from(
    { length: data.length },
    (_, index) => data[(index % channels) * positions + Math.floor(index / channels)],
  );
}

function load(name: string) {
  const vector = readVector<Vector>(name);
  const bytes = new Uint8Array(Buffer.from(vector.model, "base64"));
  const raw = new Uint8Array(Buffer.from(vector.input, "base64"));
  const input = channelsLast(new Float32Array(raw.buffer), vector.inputDims.slice(1));
  return { vector, bytes, input };
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs(actual[index] - value), `output ${index}`).toBeLessThan(
      1e-4 * Math.max(1, Math.abs(value)),
    );
  });
}

describe("importOnnxFloat", () => {
  it.each(["layers", "shortcut", "preactivation", "constants", "qdq"])(
    "agrees with onnxruntime: %s",
    (name) => {
      const { vector, bytes, input } = load(name);
      expect(vector.runtime).toMatch(/^onnxruntime-node/);
      const graph = importOnnxFloat(bytes, { file: `${name}.onnx` });
      const interpreter = createFloatInterpreter(graph);
      interpreter.run(input);
      const last = graph.nodes.at(-1)?.output ?? -1;
      expectClose(interpreter.tensor(last), vector.output);
    },
  );

  it("leaves no batch normalisation, slice or identity in these graphs", () => {
    for (const name of ["layers", "shortcut", "preactivation", "constants"]) {
      const graph = importOnnxFloat(load(name).bytes, { file: name });
      const kinds = new Set(graph.nodes.map(({ kind }) => kind));
      for (const kind of ["affine", "slice", "identity"] as const)
        expect(kinds.has(kind), `${name}: ${kind}`).toBe(false);
    }
  });

  it("turns Slice and Pad into one structural convolution", () => {
    const graph = importOnnxFloat(load("shortcut").bytes, { file: "shortcut.onnx" });
    const [shortcut] = graph.nodes.filter((node) => node.kind === "convolution" && node.structural);
    expect(shortcut).toMatchObject({ kernel: [1, 1], stride: [2, 2], name: "p", groups: 1 });
    expect(graph.source.format).toBe("onnx-float");
    expect(graph.tensors[graph.output].name).toBe("logits");
  });

  it("keeps the grids of a QDQ model when its fake quantisation is taken out", () => {
    const graph = importOnnxFloat(load("qdq").bytes, { file: "qdq.onnx" });
    expect(graph.source.format).toBe("onnx-qdq");
    const plain = dropFakeQuantization(graph);
    expect(plain.nodes.some(({ kind }) => kind === "fake-quantize")).toBe(false);
    expect(plain.tensors[plain.input].quantization).toEqual({
      scale: Math.fround(0.02),
      zeroPoint: 128,
      min: 0,
      max: 255,
    });
    expect(plain.tensors.filter(({ quantization }) => quantization !== undefined)).toHaveLength(2);
  });

  it.each([
    { change: "an unknown operator", opType: "LSTM", code: "unsupported-op" },
    {
      change: "a batch normalisation of the wrong width",
      opType: "BatchNormalization",
      code: "not-an-activation",
    },
  ])("names the node for $change", ({ opType, code }) => {
    const { bytes } = load("layers");
    const message = modelProto.toObject(modelProto.decode(bytes)) as {
      graph: { node: { opType: string; input: string[] }[] };
    };
    message.graph.node[2].opType = opType;
    if (opType === "BatchNormalization") message.graph.node[2].input = ["w1", "w1", "w1", "w1", "w1"];
    const changed = modelProto.encode(modelProto.fromObject(message)).finish();
    const attempt = () => importOnnxFloat(changed, { file: "changed.onnx" });
    if (opType === "BatchNormalization") {
      expect(attempt).toThrow(SluiceError);
      return;
    }
    expect(attempt).toThrow(expect.objectContaining({ code, place: expect.stringContaining(opType) }));
  });

  it("survives 3,000 damaged files with typed errors only", () => {
    const originals = ["layers", "shortcut", "preactivation", "constants", "qdq"].map(
      (name) => load(name).bytes,
    );
    let errors = 0;
    for (let round = 0; round < 3000; round += 1) {
      const random = seededRandom(0xf0a7 + round);
      const bytes = mutate(random.pick(originals), random);
      try {
        importOnnxFloat(bytes, { file: "fuzz.onnx" });
      } catch (error) {
        if (!(error instanceof SluiceError)) throw new Error(`seed ${0xf0a7 + round}`, { cause: error });
        errors += 1;
      }
    }
    expect(errors).toBeGreaterThan(500);
  });
});

interface LogitsVector {
  readonly sha256: string;
  readonly images: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly logits: readonly number[];
}

describe.skipIf(!hasSharedData)("resnet20_float.onnx", () => {
  it("is within 1e-4 of onnxruntime on every logit of 32 images", () => {
    const vector = readVector<LogitsVector>("resnet20_float");
    const bytes = sharedFile("models", "resnet20_float.onnx");
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(vector.sha256);
    const graph = importOnnxFloat(bytes, { file: "resnet20_float.onnx" });
    const { images } = cifarTestImages(vector.images);
    const input = new Float32Array(vector.images * 3072);
    images.forEach((pixels, image) => {
      pixels.forEach((pixel, index) => {
        const channel = index % 3;
        input[image * 3072 + index] = (pixel / 255 - vector.mean[channel]) / vector.std[channel];
      });
    });
    const logits = createFloatInterpreter(graph, { batch: vector.images }).run(input);
    expect(logits).toHaveLength(vector.logits.length);
    const worst = vector.logits.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - logits[index])),
      0,
    );
    expect(worst).toBeLessThan(1e-4);
  });
});
