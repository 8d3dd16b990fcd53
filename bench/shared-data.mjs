/** Where benches find real models and data sets: SLUICE_SHARED, or ../shared beside the repository. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const root = process.env.SLUICE_SHARED ?? fileURLToPath(new URL("../../shared", import.meta.url));

/** Ends the process with a message when the file is not there. */
export function sharedFile(...path) {
  return readFileSync(sharedPath(...path));
}

/** The same for the path of a file or folder. */
export function sharedPath(...path) {
  const file = join(root, ...path);
  if (existsSync(file)) return file;
  process.stderr.write(`${file} is missing. Set SLUICE_SHARED to the folder that holds models/ and data/.\n`);
  process.exit(2);
}

const PLANE = 1024;
const RECORD = 1 + 3 * PLANE;

/** The CIFAR-10 test set: labels, and pixels as [image][32][32][3] in one array that workers can share. */
export function cifarTestSet(limit = 10_000) {
  const records = gunzipSync(sharedFile("data", "cifar10", "test_batch.bin.gz"));
  const count = Math.min(limit, records.length / RECORD);
  const labels = new Uint8Array(new SharedArrayBuffer(count));
  const pixels = new Uint8Array(new SharedArrayBuffer(count * 3 * PLANE));
  for (let image = 0; image < count; image += 1) {
    const record = image * RECORD;
    labels[image] = records[record];
    for (let index = 0; index < PLANE; index += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[(image * PLANE + index) * 3 + channel] = records[record + 1 + channel * PLANE + index];
      }
    }
  }
  return { count, labels, pixels, pixelsPerImage: 3 * PLANE };
}

/** `count` pictures of CIFAR-10's training batches, [image][32][32][3]; draw 1..5 takes them from that batch. */
export function cifarTrainingImages(count, draw = 1) {
  const records = gunzipSync(sharedFile("data", "cifar10", `data_batch_${draw}.bin.gz`));
  const pixels = new Uint8Array(count * 3 * PLANE);
  for (let image = 0; image < count; image += 1) {
    for (let index = 0; index < PLANE; index += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[(image * PLANE + index) * 3 + channel] = records[image * RECORD + 1 + channel * PLANE + index];
      }
    }
  }
  return pixels;
}
