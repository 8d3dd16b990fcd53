/** Reading files of a data set whole, plain or gzip, with a limit on what they may become. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DatasetError } from "@sluice/sdk/errors.js";

/** Largest inflated file: MNIST's training images have 47 MB, a CIFAR-10 batch 31 MB. */
export const MAX_DATA_FILE_BYTES = 2 ** 28;

/** The first of `names` that exists in `directory`, each also tried with ".gz". */
export function findDataFile(directory: string, names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const candidate of [name, `${name}.gz`]) {
      const path = join(directory, candidate);
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

/** @throws {DatasetError} `missing-file` that lists what would have been accepted. */
export function missingFile(directory: string, names: readonly string[], hint: string): DatasetError {
  return new DatasetError("missing-file", `${directory}: a file of the data set is missing`, {
    place: directory,
    expected: `${names.join(" or ")} (plain or .gz)`,
    found: existsSync(directory) ? "no such file" : "no such folder",
    hint,
  });
}

/**
 * The contents of a file; `.gz` files are inflated.
 *
 * @throws {DatasetError} `missing-file`, `too-large`, `corrupt-gzip`.
 */
export function readDataFile(path: string): Uint8Array {
  const name = basename(path);
  const tooLarge = (found: string) =>
    new DatasetError("too-large", `${name}: larger than any file of this kind`, {
      place: path,
      expected: `at most ${MAX_DATA_FILE_BYTES} bytes`,
      found,
      hint: "Check that the path names a data set file.",
    });
  let size: number;
  try {
    size = statSync(path).size;
  } catch (cause) {
    throw new DatasetError("missing-file", `${name}: cannot be read`, {
      place: path,
      expected: "a readable file",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Check the path.",
      cause,
    });
  }
  if (size > MAX_DATA_FILE_BYTES) throw tooLarge(`${size} bytes`);
  const bytes = readFileSync(path);
  if (!path.endsWith(".gz")) return plainArray(bytes);
  try {
    return plainArray(gunzipSync(bytes, { maxOutputLength: MAX_DATA_FILE_BYTES }));
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge("more after inflating");
    throw new DatasetError("corrupt-gzip", `${name}: the gzip file is damaged or cut short`, {
      place: path,
      expected: "a complete gzip member",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Fetch the file again and compare its checksum.",
      cause,
    });
  }
}

/** A Buffer's bytes as a Uint8Array, whose slice() copies where a Buffer's would share. */
function plainArray(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
