import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { items, openDataset } from "@sluice/host-agent/datasets";
import { defaultModel } from "@sluice/host-agent/default-model.js";
import { importOnnx } from "@sluice/sdk/import/onnx";
import { createInputEncoder, defaultPreprocessing } from "@sluice/sdk/preprocess";
import { createReference } from "@sluice/sdk/reference";
import { COMMITTED_IMAGES, SHAPE_CLASSES, shapesBatch, TEST_SEED } from "@sluice/sdk/train";
import { describe, expect, it } from "vitest";

const model = defaultModel();
const folder = dirname(model.modelPath);
const bytes = readFileSync(model.modelPath);
/** Of the first 100 committed images; guessing gives 10. */
const MINIMUM_CORRECT = 96;

describe("default model", () => {
  it("has the images that the generator draws", () => {
    const committed = gunzipSync(readFileSync(join(folder, "test_batch.bin.gz")));
    const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    expect(hash(committed)).toBe(hash(shapesBatch(TEST_SEED, COMMITTED_IMAGES)));
  });

  it("opens as a data set with the class names", () => {
    const dataset = openDataset(model.dataset);
    expect(dataset.count).toBe(COMMITTED_IMAGES);
    expect(dataset.classes).toEqual(SHAPE_CLASSES);
  });

  it("is the file its README describes", () => {
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    expect(readme).toContain(createHash("sha256").update(bytes).digest("hex"));
  });

  it("names the shapes on the committed images", async () => {
    const graph = importOnnx(bytes, { file: basename(model.modelPath) });
    const reference = createReference(graph);
    const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
    let correct = 0;
    for await (const { image, label } of items(openDataset(model.dataset), 100)) {
      const { output } = reference.run(encoder.encode(image));
      if (output.indexOf(Math.max(...output)) === label) correct += 1;
    }
    expect(correct).toBeGreaterThanOrEqual(MINIMUM_CORRECT);
  });
});
