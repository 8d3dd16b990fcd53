/** Whole .npy files in memory: int8, uint8, int32 and float32 arrays in C order. Format: header.ts. */
import { DatasetError } from "../errors.js";
import { formatNpyHeader, type NpyDtype, type NpyHeader, parseNpyHeader } from "./header.js";

export type NpyData = Int8Array | Uint8Array | Int32Array | Float32Array;

export interface NpyArray {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  /** Row-major elements, of the array type that `dtype` names. */
  readonly data: NpyData;
}

/** Interprets `bytes` (elements only, little-endian) as `header.dtype`; the result owns its memory. */
export function npyElements(header: NpyHeader, bytes: Uint8Array): NpyData {
  const owned = bytes.slice();
  switch (header.dtype) {
    case "int8":
      return new Int8Array(owned.buffer);
    case "uint8":
      return owned;
    default: {
      if (new Uint8Array(Uint32Array.of(1).buffer)[0] === 0) {
        for (let i = 0; i < owned.length; i += 4) owned.subarray(i, i + 4).reverse();
      }
      return header.dtype === "int32" ? new Int32Array(owned.buffer) : new Float32Array(owned.buffer);
    }
  }
}

/**
 * Reads a .npy file.
 *
 * @param place names the file in errors.
 * @example const { shape, data } = parseNpy(readFileSync("x.npy"), "x.npy");
 * @throws {DatasetError} as parseNpyHeader, and `npy-length` when there are more or fewer elements than the shape says.
 */
export function parseNpy(bytes: Uint8Array, place = ".npy file"): NpyArray {
  const header = parseNpyHeader(bytes, place);
  const expected = header.count * header.itemBytes;
  const found = bytes.length - header.dataOffset;
  if (found !== expected) {
    throw new DatasetError("npy-length", `${place}: the data does not fill the shape`, {
      place: `${place} byte ${header.dataOffset}`,
      expected: `${expected} bytes for shape (${header.shape.join(", ")}) of ${header.dtype}`,
      found: `${found} bytes`,
      hint: "The file is cut short or has something appended; fetch or write it again.",
    });
  }
  return {
    dtype: header.dtype,
    shape: header.shape,
    data: npyElements(header, bytes.subarray(header.dataOffset)),
  };
}

function dtypeOf(data: NpyData): NpyDtype {
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint8Array) return "uint8";
  return data instanceof Int32Array ? "int32" : "float32";
}

/**
 * Writes a version 1.0 .npy file; the element type follows from the array's type.
 *
 * @example writeFileSync("logits.npy", formatNpy(logits, [images, classes]));
 * @throws {DatasetError} `npy-shape` when the sizes do not multiply to the number of elements.
 */
export function formatNpy(data: NpyData, shape: readonly number[]): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length || shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw new DatasetError("npy-shape", "The shape does not fit the data", {
      expected: `${data.length} elements`,
      found: `shape (${shape.join(", ")})`,
      hint: "Give sizes whose product is the number of elements.",
    });
  }
  const header = formatNpyHeader(dtypeOf(data), shape);
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  const view = new DataView(bytes.buffer, header.length);
  if (data instanceof Int32Array) data.forEach((value, i) => void view.setInt32(i * 4, value, true));
  else if (data instanceof Float32Array) data.forEach((value, i) => void view.setFloat32(i * 4, value, true));
  else bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.length), header.length);
  return bytes;
}
