import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { checkCifar10Batch, items, openCifar10, openDataset } from "@sluice/host-agent/datasets";
import { DatasetError } from "@sluice/sdk/errors.js";
import { describe, expect, it } from "vitest";
import { cifarBatch, datasetCode, freshFolder, write } from "../../support/dataset-files.js";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedFile, sharedPath } from "../../support/shared-data.js";

const random = seededRandom(3073);

describe("cifar10", () => {
  it("turns planes into RGB pixels, in order", async () => {
    const folder = freshFolder();
    const batch = cifarBatch([3, 8, 0], random);
    write(folder, "test_batch.bin", batch);
    const dataset = openDataset(`cifar10:${folder}`);
    expect(dataset.count).toBe(3);
    expect(dataset.classes).toHaveLength(10);
    const labels: (number | undefined)[] = [];
    for await (const { image, label, index } of items(dataset)) {
      labels.push(label);
      if (image.kind !== "pixels") throw new Error("pixels expected");
      expect([image.height, image.width, image.channels]).toEqual([32, 32, 3]);
      for (const at of [0, 1, 33, 1023]) {
        const planes = [0, 1, 2].map((c) => batch[index * 3073 + 1 + c * 1024 + at]);
        expect(Array.from(image.data.subarray(at * 3, at * 3 + 3))).toEqual(planes);
      }
    }
    expect(labels).toEqual([3, 8, 0]);
  });

  it("joins the training batches, plain and gzip, and goes back and forth between them", async () => {
    const folder = freshFolder();
    write(folder, "data_batch_1.bin", cifarBatch([1, 2], random));
    write(folder, "data_batch_3.bin.gz", cifarBatch([3, 4, 5], random));
    const dataset = openCifar10(folder, "train");
    expect(dataset.count).toBe(5);
    const labels = [];
    for (const index of [4, 0, 2, 1, 3]) labels.push((await dataset.get(index)).label);
    expect(labels).toEqual([5, 1, 3, 2, 4]);
    expect((await dataset.get(3)).name).toBe("data_batch_3.bin.gz #1");
  });

  it("takes class names from batches.meta.txt and accepts one file", async () => {
    const folder = freshFolder();
    write(folder, "batches.meta.txt", "left\nright\n\n");
    const file = write(folder, "mine.bin", cifarBatch([0, 1], random));
    expect(openCifar10(file).classes).toEqual(["left", "right"]);
    write(folder, "mine.bin", cifarBatch([0, 2], random));
    expect(await datasetCode(() => openCifar10(file))).toBe("bad-label");
  });

  it("refuses missing, truncated, mislabelled and damaged files", async () => {
    const empty = freshFolder();
    expect(await datasetCode(() => openCifar10(empty))).toBe("missing-file");
    expect(await datasetCode(() => openCifar10(join(empty, "nowhere")))).toBe("missing-file");
    const cut = freshFolder();
    write(cut, "test_batch.bin", cifarBatch([1], random).subarray(0, 3000));
    expect(await datasetCode(() => openCifar10(cut))).toBe("wrong-length");
    const zero = freshFolder();
    write(zero, "test_batch.bin", "");
    expect(await datasetCode(() => openCifar10(zero))).toBe("wrong-length");
    const label = freshFolder();
    write(label, "test_batch.bin", cifarBatch([1, 10], random));
    expect(await datasetCode(() => openCifar10(label))).toBe("bad-label");
    const zip = freshFolder();
    const path = write(zip, "test_batch.bin.gz.bin", "not gzip at all");
    mkdirSync(join(zip, "inner"));
    write(join(zip, "inner"), "x", "");
    expect(await datasetCode(() => openCifar10(path))).toBe("wrong-length");
  });

  it("refuses a gzip file that is cut short or damaged", async () => {
    const { gzipSync } = await import("node:zlib");
    const { writeFileSync } = await import("node:fs");
    const whole = gzipSync(cifarBatch([1, 2, 3], random));
    const folder = freshFolder();
    for (const bytes of [
      whole.subarray(0, whole.length - 9),
      whole.subarray(0, 40),
      Buffer.from("nothing like it"),
    ]) {
      writeFileSync(join(folder, "test_batch.bin.gz"), bytes);
      expect(await datasetCode(() => openCifar10(folder))).toBe("corrupt-gzip");
    }
  });

  it("refuses items outside the set", async () => {
    const folder = freshFolder();
    write(folder, "test_batch.bin", cifarBatch([1], random));
    const dataset = openCifar10(folder);
    expect(await datasetCode(() => dataset.get(1))).toBe("no-such-item");
    expect(await datasetCode(() => dataset.get(-1))).toBe("no-such-item");
  });

  it("gives a typed error or whole records for 1,500 damaged batches", () => {
    const whole = cifarBatch([0, 9], random);
    for (let round = 0; round < 1500; round += 1) {
      const bytes = mutate(whole, random);
      try {
        checkCifar10Batch(bytes, "batch.bin", 10);
        expect(bytes.length % 3073, `seed 3073 round ${round}`).toBe(0);
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error;
      }
    }
  });

  it.runIf(hasSharedData)("reads the published test set", async () => {
    const dataset = openCifar10(sharedPath("data", "cifar10"));
    expect(dataset.count).toBe(10_000);
    const labels = [];
    for await (const { label } of items(dataset, 6)) labels.push(label);
    expect(labels).toEqual([3, 8, 8, 0, 6, 6]);
    expect(dataset.classes?.[3]).toBe(
      new TextDecoder().decode(sharedFile("data", "cifar10", "batches.meta.txt")).split("\n")[3],
    );
  });
});
