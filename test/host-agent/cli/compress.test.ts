/** `sluice compress` from a float file and a data set to a package that verifies. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { cifarBatch, freshFolder, write } from "../../support/dataset-files.js";
import { OnnxBuilder } from "../../support/onnx-builder.js";
import { runSluice } from "../../support/run-sluice.js";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedPath } from "../../support/shared-data.js";

/** Ten labelled noise pictures for training and six for the test. */
function cifarFolder(): string {
  const folder = freshFolder();
  const random = seededRandom(1);
  write(folder, "data_batch_1.bin", cifarBatch([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], random));
  write(folder, "test_batch.bin", cifarBatch([0, 1, 2, 3, 4, 5], random));
  return folder;
}

/** Two convolutions, a pool and a classifier with random weights. */
function smallOnnx(folder: string): string {
  const random = seededRandom(3);
  const builder = new OnnxBuilder();
  const weights = (...dims: number[]): string => {
    const count = dims.reduce((product, extent) => product * extent, 1);
    const bound = Math.sqrt((3 * dims[0]) / count);
    return builder.constant(
      Array.from({ length: count }, () => (2 * random.next() - 1) * bound),
      dims,
    );
  };
  const pads = [1, 1, 1, 1];
  const first = builder.node("Conv", ["input", weights(8, 3, 3, 3)], { strides: [4, 4], pads });
  const second = builder.node("Conv", [builder.node("Relu", [first]), weights(16, 8, 3, 3)], { pads });
  const pooled = builder.node("GlobalAveragePool", [builder.node("Relu", [second])]);
  const output = builder.node("Gemm", [builder.node("Flatten", [pooled]), weights(10, 16)], { transB: 1 });
  const path = join(folder, "small.onnx");
  writeFileSync(path, builder.build(output, [1, 3, 32, 32]));
  return path;
}

/** The same kind of network as TensorFlow.js saves it: model.json and two weight files beside it. */
function smallKeras(folder: string): string {
  const random = seededRandom(4);
  const weight = (name: string, ...shape: number[]) => ({ name, shape, dtype: "float32" });
  const weights = [weight("conv/kernel", 3, 3, 3, 8), weight("conv/bias", 8), weight("dense/kernel", 8, 10)];
  const count = weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  const values = Float32Array.from({ length: count }, () => (2 * random.next() - 1) / 3);
  const bytes = new Uint8Array(values.buffer);
  write(folder, "group1-shard1of2.bin", bytes.subarray(0, 100));
  write(folder, "group1-shard2of2.bin", bytes.subarray(100));
  const layers = [
    { class_name: "InputLayer", config: { name: "in", batch_input_shape: [null, 32, 32, 3] } },
    {
      class_name: "Conv2D",
      config: { name: "conv", filters: 8, strides: [4, 4], padding: "same", activation: "relu" },
    },
    { class_name: "GlobalAveragePooling2D", config: { name: "pool" } },
    { class_name: "Dense", config: { name: "dense", units: 10, use_bias: false } },
  ];
  const json = {
    format: "layers-model",
    modelTopology: { class_name: "Sequential", config: { name: "small", layers } },
    weightsManifest: [{ paths: ["group1-shard1of2.bin", "group1-shard2of2.bin"], weights }],
  };
  return write(folder, "model.json", JSON.stringify(json));
}

describe("sluice compress", () => {
  it("reads a TensorFlow.js model by its file or its folder, and weights beside it only", async () => {
    const folder = freshFolder();
    const model = smallKeras(folder);
    const dataset = `cifar10:${cifarFolder()}`;
    const out = join(folder, "model.sluice");
    const options = ["--dataset", dataset, "--method", "gram", "--scale", "1/255", "-o", out, "--json", "-"];
    for (const [source, name] of [
      [model, "model.json"],
      [folder, basename(folder)],
    ]) {
      const { code, stdout, stderr } = await runSluice(["compress", source, ...options]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ model: name, method: "gram" });
    }
    const verified = await runSluice(["verify", out, "--limit", "2"]);
    expect(verified.code, verified.stderr).toBe(0);
    const text = readFileSync(model, "utf8");
    writeFileSync(model, text.replace("group1-shard1of2.bin", "../group1-shard1of2.bin"));
    const outside = await runSluice(["compress", model, ...options]);
    expect(outside.code).toBe(3);
    expect(JSON.parse(outside.stdout)).toMatchObject({ error: "ImportError", code: "bad-path" });
    writeFileSync(model, text.replace("group1-shard1of2.bin", "gone.bin"));
    const missing = await runSluice(["compress", model, ...options]);
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: "ImportError", code: "unreadable" });
    writeFileSync(model, "no json");
    const broken = await runSluice(["compress", model, ...options]);
    expect(JSON.parse(broken.stdout)).toMatchObject({ error: "ImportError", code: "malformed" });
  }, 60_000);

  it("refuses a data set without parts, and writes nothing", async () => {
    const folder = freshFolder();
    const out = join(folder, "model.sluice");
    const args = ["compress", "model.onnx", "--dataset", `images:${folder}`, "--out", out, "--json", "-"];
    const { code, stdout } = await runSluice(args);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).code).toBe("no-training-split");
    expect(existsSync(out)).toBe(false);
  });

  it("refuses widths that do not exist", async () => {
    const { code, stderr } = await runSluice([
      "compress",
      "model.onnx",
      "--dataset",
      "cifar10:x",
      "--bits",
      "9",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("2 to 8");
  });

  it("says how a target is written", async () => {
    const args = ["compress", "model.onnx", "--dataset", "x", "--json", "-", "--target"];
    const bad = await runSluice([...args, "speed<=3"]);
    expect(bad.code).toBe(2);
    expect(JSON.parse(bad.stdout)).toMatchObject({ error: "PlanError", code: "bad-target" });
    const both = await runSluice([...args, "drop<=1", "--method", "gram"]);
    expect(both.code).toBe(2);
    expect(both.stderr).toContain("cannot be used with");
  });

  it("plans for a target on a folder whose kind it finds, and draws what it verified", async () => {
    const folder = freshFolder();
    const random = seededRandom(2);
    const labels = Array.from({ length: 48 }, (_, index) => index % 10);
    write(folder, "data_batch_1.bin", cifarBatch(labels, random));
    write(folder, "test_batch.bin", cifarBatch([0, 1, 2, 3], random));
    const out = join(folder, "model.sluice");
    const model = smallOnnx(folder);
    const args = ["compress", model, "--dataset", folder, "--calibration", "16", "-o", out, "--json", "-"];
    const planned = await runSluice([...args, "--target", "bits/weight<=6"]);
    expect(planned.code, planned.stderr).toBe(0);
    const result = JSON.parse(planned.stdout);
    expect(Object.keys(result)).toEqual([
      "model",
      "method",
      "accuracy",
      "bitsPerWeight",
      "codedBytes",
      "rawWeightBytes",
      "cyclesPerFrame",
      "calibrationImages",
      "seconds",
    ]);
    expect(Object.keys(result.accuracy)).toEqual(["float", "integer", "images"]);
    expect(result).toMatchObject({ method: "planner", calibrationImages: 16, accuracy: { images: 4 } });
    expect(result.bitsPerWeight).toBeLessThanOrEqual(6);
    expect(readFileSync(join(folder, "model.svg"), "utf8")).toContain("<circle");
    const verified = await runSluice(["verify", out, "--limit", "1"]);
    expect(verified.code, verified.stderr).toBe(0);
    const all = await runSluice([...args.slice(0, 5), "48", ...args.slice(6), "--target", "drop<=1"]);
    expect(all.code).toBe(3);
    expect(JSON.parse(all.stdout).code).toBe("no-held-out-images");
    const impossible = await runSluice([...args, "--target", "cycles<=10"]);
    expect(impossible.code).toBe(3);
    expect(JSON.parse(impossible.stdout)).toMatchObject({
      code: "unreachable-target",
      details: { cyclesPerFrame: expect.any(Number) },
    });
  }, 60_000);

  it.skipIf(!hasSharedData)(
    "DFQ compresses a model with batch normalisations without one calibration image",
    async () => {
      const out = join(freshFolder(), "model.sluice");
      const args = ["--scale", "1/255", "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"];
      const { code, stdout } = await runSluice([
        "compress",
        sharedPath("models", "resnet20_float.onnx"),
        "--dataset",
        `cifar10:${cifarFolder()}`,
        ...["--method", "dfq", "--calibration", "0", "--limit", "4", "-o", out],
        ...args,
      ]);
      expect(code).toBe(0);
      expect(stdout).toContain("calibrated on 0 images");
      // Noise pictures: what counts is that both networks see the same in them.
      expect(Number(/same class on ([\d.]+) %/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(75);
      expect(existsSync(out)).toBe(true);
    },
    60_000,
  );

  it.skipIf(!hasSharedData)(
    "measures all test images and writes a package that verifies",
    async () => {
      const folder = cifarFolder();
      const out = join(folder, "model.sluice");
      const args = [
        "compress",
        sharedPath("models", "pretrainedResnet.tflite"),
        "--dataset",
        `cifar10:${folder}`,
      ];
      const compressed = await runSluice([
        ...args,
        "--method",
        "nearest",
        "--codec",
        "raw",
        "-o",
        out,
        "--json",
        "-",
      ]);
      expect(compressed.code, compressed.stderr).toBe(0);
      const result = JSON.parse(compressed.stdout);
      expect(result).toMatchObject({ method: "nearest", calibrationImages: 10, accuracy: { images: 6 } });
      // Stored int8 weights, and 32 bits of scale and bias per output channel.
      expect(result.bitsPerWeight).toBeGreaterThan(8);
      expect(result.bitsPerWeight).toBeLessThan(8.3);
      const verified = await runSluice(["verify", out, "--limit", "1"]);
      expect(verified.code, verified.stderr).toBe(0);
    },
    120_000,
  );
});
