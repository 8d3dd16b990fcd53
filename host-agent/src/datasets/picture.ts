/** Decodes PNG, JPEG, BMP and GIF files (jimp, loaded when the first picture is) to RGB pixels. */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import type { PixelImage } from "@sluice/sdk/preprocess";
import { pictureSize } from "./picture-size.js";

/** File names that are taken for pictures. */
export const PICTURE_PATTERN = /\.(png|jpe?g|bmp|gif)$/i;
const MAX_PICTURE_BYTES = 2 ** 26;
/** Largest picture that is decoded: 32 megapixels, 128 MiB as RGBA. */
const MAX_PIXELS = 2 ** 25;
const RGBA = 4;

/**
 * Reads a picture; transparency is ignored, only the first frame of a GIF is used.
 *
 * @throws {DatasetError} `missing-file`, `too-large`, `bad-picture`.
 */
export async function readPicture(path: string): Promise<PixelImage> {
  let bytes: Uint8Array;
  try {
    const { size } = statSync(path);
    if (size > MAX_PICTURE_BYTES) throw tooLarge(path, `at most ${MAX_PICTURE_BYTES} bytes`, `${size} bytes`);
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw new DatasetError("missing-file", `${basename(path)}: cannot be read`, {
      place: path,
      expected: "a readable file",
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Check the path.",
      cause,
    });
  }
  return decodePicture(bytes, path);
}

/** As readPicture, from bytes; `path` names the picture in errors. */
export async function decodePicture(bytes: Uint8Array, path: string): Promise<PixelImage> {
  const size = pictureSize(bytes);
  if (size === undefined) throw badPicture(path, "a PNG, JPEG, BMP or GIF file", firstBytes(bytes));
  const { height, width } = size;
  if (height < 1 || width < 1) throw badPicture(path, "at least one pixel", `${height}x${width}`);
  if (height * width > MAX_PIXELS) throw tooLarge(path, `at most ${MAX_PIXELS} pixels`, `${height}x${width}`);
  const { Jimp } = await import("jimp");
  let bitmap: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  try {
    ({ bitmap } = await Jimp.read(Buffer.from(bytes)));
  } catch (cause) {
    throw badPicture(
      path,
      `a complete ${size.format} file`,
      cause instanceof Error ? cause.message : String(cause),
      cause,
    );
  }
  const count = bitmap.width * bitmap.height;
  if (bitmap.data.length !== count * RGBA) {
    throw badPicture(path, `${count * RGBA} decoded bytes`, `${bitmap.data.length}`);
  }
  const data = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    data[i * 3] = bitmap.data[i * RGBA];
    data[i * 3 + 1] = bitmap.data[i * RGBA + 1];
    data[i * 3 + 2] = bitmap.data[i * RGBA + 2];
  }
  return { kind: "pixels", height: bitmap.height, width: bitmap.width, channels: 3, data };
}

function firstBytes(bytes: Uint8Array): string {
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length === 0 ? "an empty file" : `bytes ${start}`;
}

function tooLarge(path: string, expected: string, found: string): DatasetError {
  const hint = "Scale the picture down first; models take far smaller inputs.";
  return new DatasetError("too-large", `${basename(path)}: too large`, {
    place: path,
    expected,
    found,
    hint,
  });
}

function badPicture(path: string, expected: string, found: string, cause?: unknown): DatasetError {
  return new DatasetError("bad-picture", `${basename(path)}: cannot be decoded`, {
    place: path,
    expected,
    found: found.slice(0, 200),
    hint: "Open it in a picture viewer and save it again as PNG.",
    cause,
  });
}
