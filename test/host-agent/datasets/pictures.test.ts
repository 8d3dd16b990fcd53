import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { decodePicture, openDataset, openImageFolder, openInputFiles } from "@sluice/host-agent/datasets";
import { pictureSize } from "@sluice/host-agent/datasets/picture-size.js";
import { DatasetError } from "@sluice/sdk/errors.js";
import { formatNpy } from "@sluice/sdk/npy";
import { Jimp } from "jimp";
import { describe, expect, it } from "vitest";
import { bmp, datasetCode, freshFolder, write } from "../../support/dataset-files.js";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedFile, sharedPath } from "../../support/shared-data.js";

const colours = bmp(3, 2, (x, y) => [x * 100, y * 200, 7]);
const expected = Uint8Array.of(0, 0, 7, 100, 0, 7, 200, 0, 7, 0, 200, 7, 100, 200, 7, 200, 200, 7);

describe("pictures", () => {
  it("decodes BMP and PNG to the same RGB pixels", async () => {
    const image = { kind: "pixels", height: 2, width: 3, channels: 3, data: expected };
    expect(await decodePicture(colours, "x.bmp")).toEqual(image);
    const png = await (await Jimp.read(Buffer.from(colours))).getBuffer("image/png");
    expect(await decodePicture(png, "x.png")).toEqual(image);
    expect(pictureSize(png)).toEqual({ format: "png", height: 2, width: 3 });
  });

  it("decodes JPEG", async () => {
    const grey = bmp(16, 8, () => [90, 90, 90]);
    const jpeg = await (await Jimp.read(Buffer.from(grey))).getBuffer("image/jpeg");
    expect(pictureSize(jpeg)).toEqual({ format: "jpeg", height: 8, width: 16 });
    const { data } = await decodePicture(jpeg, "x.jpg");
    expect(data.length).toBe(16 * 8 * 3);
    expect(data.every((value) => Math.abs(value - 90) <= 2)).toBe(true);
  });

  it("refuses pictures whose header claims too much, before decoding", async () => {
    const huge = colours.slice();
    new DataView(huge.buffer).setInt32(18, 1_000_000, true);
    new DataView(huge.buffer).setInt32(22, 1_000_000, true);
    expect(await datasetCode(() => decodePicture(huge, "x.bmp"))).toBe("too-large");
    expect(await datasetCode(() => decodePicture(new Uint8Array(), "x.bmp"))).toBe("bad-picture");
    expect(await datasetCode(() => decodePicture(new TextEncoder().encode("hello"), "x.png"))).toBe(
      "bad-picture",
    );
  });

  it("gives a typed error or pixels that fill the size for 600 damaged pictures", async () => {
    const random = seededRandom(600);
    const jimp = await Jimp.read(Buffer.from(bmp(9, 7, (x, y) => [x * 20, y * 30, x * y])));
    const files = [
      await jimp.getBuffer("image/png"),
      await jimp.getBuffer("image/jpeg"),
      await jimp.getBuffer("image/bmp"),
    ];
    for (let round = 0; round < 600; round += 1) {
      const bytes = mutate(Uint8Array.from(random.pick(files)), random);
      try {
        const { data, height, width } = await decodePicture(bytes, "x");
        expect(data.length, `seed 600 round ${round}`).toBe(height * width * 3);
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error;
      }
    }
  });
});

describe("images:DIR", () => {
  it("labels by subfolder, sorted", async () => {
    const folder = freshFolder();
    for (const name of ["pear", "apple"]) mkdirSync(join(folder, name));
    write(join(folder, "pear"), "1.bmp", colours);
    write(join(folder, "apple"), "2.bmp", colours);
    write(join(folder, "apple"), "1.bmp", colours);
    write(join(folder, "apple"), "notes.txt", "no picture");
    const dataset = openDataset(`images:${folder}`);
    expect(dataset.classes).toEqual(["apple", "pear"]);
    const names = await Promise.all(
      [0, 1, 2].map(async (i) => [(await dataset.get(i)).name, (await dataset.get(i)).label]),
    );
    expect(names).toEqual([[join("apple", "1.bmp"), 0], [join("apple", "2.bmp"), 0], [join("pear", "1.bmp"), 1]]); // biome-ignore format: one table
  });

  it("labels by labels.csv, with indices or names", async () => {
    const folder = freshFolder();
    write(folder, "a.bmp", colours);
    write(folder, "b.bmp", colours);
    write(folder, "labels.csv", 'file,label\r\nb.bmp,653\n"a.bmp", 12\n');
    const dataset = openImageFolder(folder);
    expect(dataset.classes).toBeUndefined();
    expect([(await dataset.get(0)).label, (await dataset.get(1)).label]).toEqual([653, 12]);
    write(folder, "labels.csv", "b.bmp,zebra\na.bmp,ant\n");
    const named = openImageFolder(folder);
    expect(named.classes).toEqual(["ant", "zebra"]);
    expect((await named.get(0)).label).toBe(1);
  });

  it("takes unlabelled pictures in name order", async () => {
    const folder = freshFolder();
    for (const name of ["b.bmp", "a.bmp"]) write(folder, name, colours);
    const first = await openImageFolder(folder).get(0);
    expect([first.name, first.label]).toEqual(["a.bmp", undefined]);
  });

  it("refuses missing and empty folders, bad lists and missing pictures", async () => {
    const folder = freshFolder();
    expect(await datasetCode(() => openImageFolder(join(folder, "none")))).toBe("missing-file");
    expect(await datasetCode(() => openImageFolder(folder))).toBe("empty");
    write(folder, "labels.csv", "a.bmp\n");
    expect(await datasetCode(() => openImageFolder(folder))).toBe("bad-csv");
    write(folder, "labels.csv", "../../etc/passwd,1\n");
    expect(await datasetCode(() => openImageFolder(folder))).toBe("bad-csv");
    write(folder, "labels.csv", "a.bmp,1\n");
    expect(await datasetCode(() => openImageFolder(folder).get(0))).toBe("missing-file");
    expect(await datasetCode(() => openDataset("imagenet:x"))).toBe("bad-dataset");
    expect(await datasetCode(() => openDataset("toString:x"))).toBe("bad-dataset");
    expect(await datasetCode(() => openDataset("cifar10:"))).toBe("bad-dataset");
  });

  it.runIf(hasSharedData)("decodes every shared photo", async () => {
    const dataset = openImageFolder(sharedPath("data", "photos"));
    expect(dataset.count).toBe(9);
    for (let index = 0; index < dataset.count; index += 1) {
      const { image } = await dataset.get(index);
      expect(image.kind === "pixels" && image.data.length === image.height * image.width * 3).toBe(true);
    }
  });
});

describe("--inputs", () => {
  it("takes pictures and tensors of every element type together", async () => {
    const folder = freshFolder();
    const files = [
      write(folder, "p.bmp", colours),
      write(folder, "u.npy", formatNpy(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 1, 1, 3])),
      write(folder, "i.npy", formatNpy(Int8Array.of(-1, 2, 3, 4), [1, 1, 4])),
      write(folder, "f.npy", formatNpy(Float32Array.of(0.5, -0.5), [2, 1, 1, 1])),
    ];
    const dataset = openInputFiles(files);
    expect(dataset.count).toBe(1 + 2 + 1 + 2);
    const got = await Promise.all(Array.from({ length: 6 }, (_, index) => dataset.get(index)));
    expect(got.map(({ image }) => image.kind)).toEqual([
      "pixels",
      "pixels",
      "pixels",
      "stored",
      "real",
      "real",
    ]);
    expect(got[2]).toMatchObject({
      name: "u.npy #1",
      image: { height: 1, width: 1, channels: 3, data: Uint8Array.of(4, 5, 6) },
    });
    expect(got[3].image).toEqual({ kind: "stored", shape: [1, 1, 4], data: Int8Array.of(-1, 2, 3, 4) });
    expect(got[5].image).toEqual({ kind: "real", shape: [1, 1, 1], data: Float32Array.of(-0.5) });
    expect(await datasetCode(() => dataset.get(6))).toBe("no-such-item");
  });

  it("refuses unknown kinds, missing files and shapes that are no batch", async () => {
    const folder = freshFolder();
    const open = (name: string, bytes: Uint8Array) => openInputFiles([write(folder, name, bytes)]);
    expect(await datasetCode(() => open("x.tiff", colours))).toBe("unknown-input");
    expect(await datasetCode(() => openInputFiles([join(folder, "none.png")]))).toBe("missing-file");
    expect(await datasetCode(() => openInputFiles([join(folder, "none.npy")]))).toBe("missing-file");
    expect(await datasetCode(() => open("flat.npy", formatNpy(new Int8Array(4), [4])))).toBe("wrong-shape");
    expect(await datasetCode(() => open("none.npy", formatNpy(new Int8Array(0), [0, 2, 2, 3])))).toBe(
      "wrong-shape",
    );
    expect(
      await datasetCode(() => open("cut.npy", formatNpy(new Int8Array(12), [1, 2, 2, 3]).subarray(0, 135))),
    ).toBe("npy-length");
    const five = open("five.npy", formatNpy(new Uint8Array(20), [2, 2, 5]));
    expect(await datasetCode(() => five.get(0))).toBe("wrong-shape");
  });

  it.runIf(hasSharedData)("streams the golden photos", async () => {
    const dataset = openInputFiles([sharedPath("golden", "photos_96.npy")]);
    expect(dataset.count).toBe(5);
    const { image } = await dataset.get(4);
    const bytes = sharedFile("golden", "photos_96.npy");
    expect(Buffer.compare(image.data as Uint8Array, bytes.subarray(bytes.length - 96 * 96 * 3))).toBe(0);
  });
});
