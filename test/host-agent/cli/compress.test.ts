/** `sluice compress` from a float file and a data set to a package that verifies. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cifarBatch, freshFolder, write } from "../../support/dataset-files.js";
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

describe("sluice compress", () => {
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
        ...["--method", "dfq", "--calibration", "0", "--limit", "4", "-o", out, "--json", "-"],
        ...args,
      ]);
      expect(code).toBe(0);
      const result = JSON.parse(stdout);
      expect(result.calibrationImages).toBe(0);
      // Noise pictures: what counts is that both networks see the same in them.
      expect(result.accuracy.agreement).toBeGreaterThanOrEqual(0.75);
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
