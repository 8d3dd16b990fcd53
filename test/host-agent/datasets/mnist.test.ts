import { openDataset, openMnist, parseIdxImages, parseIdxLabels } from "@sluice/host-agent/datasets";
import { DatasetError } from "@sluice/sdk/errors.js";
import { describe, expect, it } from "vitest";
import { datasetCode, freshFolder, idxImages, idxLabels, write } from "../../support/dataset-files.js";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedPath } from "../../support/shared-data.js";

const images = idxImages(3, 4, 5, (index) => index);
const labels = idxLabels([7, 0, 9]);

describe("mnist", () => {
  it("reads images and labels, plain and gzip", async () => {
    const folder = freshFolder();
    write(folder, "t10k-images-idx3-ubyte.gz", images);
    write(folder, "t10k-labels-idx1-ubyte", labels);
    const dataset = openDataset(`mnist:${folder}`);
    expect(dataset.count).toBe(3);
    const { image, label } = await dataset.get(2);
    const data = Uint8Array.from({ length: 20 }, (_, index) => 40 + index);
    expect(image).toEqual({ kind: "pixels", height: 4, width: 5, channels: 1, data });
    expect(label).toBe(9);
    expect(await datasetCode(() => dataset.get(3))).toBe("no-such-item");
  });

  it("reads the training split and a lone image file", async () => {
    const folder = freshFolder();
    const path = write(folder, "train-images-idx3-ubyte", images);
    write(folder, "train-labels-idx1-ubyte", labels);
    expect((await openMnist(folder, "train").get(0)).label).toBe(7);
    expect((await openMnist(path).get(0)).label).toBeUndefined();
    expect(await datasetCode(() => openMnist(folder, "test"))).toBe("missing-file");
  });

  it("refuses missing, truncated, mixed-up and mismatched files", async () => {
    const folder = freshFolder();
    write(folder, "t10k-images-idx3-ubyte", images);
    expect(await datasetCode(() => openMnist(folder))).toBe("missing-file");
    write(folder, "t10k-labels-idx1-ubyte", idxLabels([1, 2]));
    expect(await datasetCode(() => openMnist(folder))).toBe("wrong-length");
    write(folder, "t10k-labels-idx1-ubyte", images);
    expect(await datasetCode(() => openMnist(folder))).toBe("wrong-magic");
    expect(await datasetCode(() => parseIdxImages(images.subarray(0, 15), "x"))).toBe("truncated");
    expect(await datasetCode(() => parseIdxImages(images.subarray(0, 70), "x"))).toBe("wrong-length");
    expect(
      await datasetCode(() =>
        parseIdxImages(
          idxImages(0, 4, 4, () => 0),
          "x",
        ),
      ),
    ).toBe("wrong-shape");
    expect(await datasetCode(() => parseIdxLabels(Uint8Array.from([...labels, 0]), "x"))).toBe(
      "wrong-length",
    );
    const huge = images.slice();
    huge.fill(0xff, 4, 16);
    expect(await datasetCode(() => parseIdxImages(huge, "x"))).toBe("wrong-shape");
  });

  it("gives a typed error or a consistent set for 4,000 damaged headers", () => {
    const random = seededRandom(2049);
    for (let round = 0; round < 4000; round += 1) {
      const [whole, parse] = round % 2 === 0 ? [images, parseIdxImages] : ([labels, parseIdxLabels] as const);
      const bytes = mutate(whole, random);
      try {
        const parsed = parse(bytes, "x");
        const size =
          "pixels" in parsed ? parsed.count * parsed.rows * parsed.columns + 16 : parsed.length + 8;
        expect(size, `seed 2049 round ${round}`).toBe(bytes.length);
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error;
      }
    }
  });

  it.runIf(hasSharedData)("reads the published test set", async () => {
    const dataset = openMnist(sharedPath("data", "mnist"));
    expect(dataset.count).toBe(10_000);
    const perClass = new Array<number>(10).fill(0);
    for (let index = 0; index < dataset.count; index += 1)
      perClass[(await dataset.get(index)).label as number] += 1;
    expect(perClass).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  });
});
