/** Data sets with two parts: kinds found from the files, parts that must be kept apart. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSplit } from "@sluice/host-agent/datasets";
import { describe, expect, it } from "vitest";
import { cifarBatch, freshFolder, write } from "../../support/dataset-files.js";
import { seededRandom } from "../../support/seeded-random.js";

function npy(shape: readonly number[], type: "<f4" | "|u1", data: Float32Array | Uint8Array): Uint8Array {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer), 10 + header.length);
  return bytes;
}

function tensorFolder(labels: Uint8Array): string {
  const folder = freshFolder();
  const values = (count: number) => Float32Array.from({ length: count * 6 }, (_, index) => index / 4);
  writeFileSync(join(folder, "train.npy"), npy([4, 1, 1, 6], "<f4", values(4)));
  writeFileSync(join(folder, "test.npy"), npy([3, 1, 1, 6], "<f4", values(3)));
  writeFileSync(join(folder, "test-labels.npy"), npy([labels.length], "|u1", labels));
  return folder;
}

describe("openSplit", () => {
  it("finds CIFAR-10 in a folder, and its parts", () => {
    const folder = freshFolder();
    write(folder, "data_batch_1.bin", cifarBatch([0, 1, 2], seededRandom(1)));
    write(folder, "test_batch.bin", cifarBatch([3, 4], seededRandom(2)));
    expect(openSplit(folder, "train").count).toBe(3);
    expect(openSplit(`cifar10:${folder}`, "test").count).toBe(2);
  });

  it("refuses one part where both are asked for", () => {
    const folder = freshFolder();
    write(folder, "test_batch.bin", cifarBatch([3, 4], seededRandom(2)));
    expect(() => openSplit(folder, "train")).toThrowError(expect.objectContaining({ code: "missing-file" }));
    const file = join(folder, "test_batch.bin");
    expect(() => openSplit(`cifar10:${file}`, "test")).toThrowError(
      expect.objectContaining({ code: "no-training-split" }),
    );
  });

  it("takes pictures only where train and test are apart", () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "train"));
    expect(() => openSplit(folder, "train")).toThrowError(
      expect.objectContaining({ code: "no-training-split" }),
    );
  });

  it("reads tensors with the labels beside them", async () => {
    const folder = tensorFolder(Uint8Array.of(2, 0, 1));
    const [training, test] = [openSplit(folder, "train"), openSplit(`npy:${folder}`, "test")];
    expect([training.count, test.count]).toEqual([4, 3]);
    expect((await training.get(0)).label).toBeUndefined();
    const item = await test.get(2);
    expect(item.label).toBe(1);
    expect(item.image).toMatchObject({ kind: "real", data: Float32Array.of(3, 3.25, 3.5, 3.75, 4, 4.25) });
  });

  it("refuses labels that do not fit", () => {
    expect(() => openSplit(tensorFolder(Uint8Array.of(1, 2)), "test")).toThrowError(
      expect.objectContaining({ code: "wrong-labels" }),
    );
  });

  it("says what it looks for in a folder without any", () => {
    expect(() => openSplit(freshFolder(), "train")).toThrowError(
      expect.objectContaining({ code: "bad-dataset" }),
    );
  });
});
