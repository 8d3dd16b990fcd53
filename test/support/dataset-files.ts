/** Small data sets written to a fresh folder, byte by byte as their formats say. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DatasetError } from "@sluice/sdk/errors.js";
import type { SeededRandom } from "./seeded-random.js";

export function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), "sluice-datasets-"));
}

export function write(folder: string, name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(bytes) : bytes);
  return path;
}

/** `labels.length` CIFAR-10 records of random pixels. */
export function cifarBatch(labels: readonly number[], random: SeededRandom): Uint8Array {
  return Uint8Array.from(
    labels.flatMap((label) => [label, ...Array.from({ length: 3072 }, () => random.integer(0, 255))]),
  );
}

function bigEndian(...values: number[]): number[] {
  return values.flatMap((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
}

export function idxImages(
  count: number,
  rows: number,
  columns: number,
  pixel: (index: number) => number,
): Uint8Array {
  const pixels = Array.from({ length: count * rows * columns }, (_, index) => pixel(index));
  return Uint8Array.from([...bigEndian(2051, count, rows, columns), ...pixels]);
}

export function idxLabels(labels: readonly number[]): Uint8Array {
  return Uint8Array.from([...bigEndian(2049, labels.length), ...labels]);
}

/** An uncompressed 24-bit BMP, bottom row first. `rgb` gives the colour of (x, y). */
export function bmp(
  width: number,
  height: number,
  rgb: (x: number, y: number) => readonly number[],
): Uint8Array {
  const pitch = Math.ceil((width * 3) / 4) * 4;
  const bytes = new Uint8Array(54 + pitch * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b] = rgb(x, y);
      bytes.set([b, g, r], 54 + (height - 1 - y) * pitch + x * 3);
    }
  }
  return bytes;
}

/** The code of the DatasetError that `run` ends in; anything else is passed on. */
export async function datasetCode(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DatasetError && error.hint && error.place) return error.code;
    throw error;
  }
  return "no error";
}
