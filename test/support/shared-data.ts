/** Real models and data sets, which are not part of the project: tests that need them skip, with a message, without. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const root = process.env.SLUICE_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));

/** True where the folder is there; says so where it is not. */
export const hasSharedData = existsSync(join(root, "models"));
if (!hasSharedData) {
  console.warn(
    `Skipped: no real models in ${root}. Set SLUICE_SHARED to the folder that holds models/ and data/.`,
  );
}

/** For code that opens files itself. */
export function sharedPath(...path: string[]): string {
  return join(root, ...path);
}

export function sharedFile(...path: string[]): Uint8Array {
  return readFileSync(sharedPath(...path));
}

export function sharedJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(root, ...path), "utf8")) as T;
}

export interface LabelledImages {
  readonly labels: Uint8Array;
  /** One uint8 [32][32][3] array per image. */
  readonly images: readonly Uint8Array[];
}

/** The first `count` images of the CIFAR-10 test set, turned from planes into interleaved pixels. */
export function cifarTestImages(count: number): LabelledImages {
  const records = gunzipSync(sharedFile("data", "cifar10", "test_batch.bin.gz"));
  const labels = new Uint8Array(count);
  const images = Array.from({ length: count }, (_, index) => {
    const start = index * 3073;
    labels[index] = records[start];
    const pixels = new Uint8Array(3072);
    for (let position = 0; position < 1024; position += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[position * 3 + channel] = records[start + 1 + channel * 1024 + position];
      }
    }
    return pixels;
  });
  return { labels, images };
}
