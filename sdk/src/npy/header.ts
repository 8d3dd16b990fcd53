/**
 * The header of a NumPy .npy file (NumPy Enhancement Proposal 1, format versions 1.0, 2.0 and 3.0).
 *
 *   offset  bytes  meaning
 *        0      6  magic: 0x93 "NUMPY"
 *        6      2  version: major, minor
 *        8   2 / 4 header length, little-endian: uint16 in version 1, uint32 later
 *       10 /12     a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }, spaces, newline
 */
import { DatasetError } from "../errors.js";

/** Element types that are read and written, by their `descr`. */
const TYPES = {
  "|i1": { dtype: "int8", itemBytes: 1 },
  "|u1": { dtype: "uint8", itemBytes: 1 },
  "<i4": { dtype: "int32", itemBytes: 4 },
  "<f4": { dtype: "float32", itemBytes: 4 },
} as const;

export type NpyDtype = (typeof TYPES)[keyof typeof TYPES]["dtype"];

export interface NpyHeader {
  readonly dtype: NpyDtype;
  readonly itemBytes: 1 | 4;
  /** C order; empty for a scalar. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly count: number;
  /** Byte offset of the first element. */
  readonly dataOffset: number;
}

/** No writer makes a longer header for the plain arrays that are read here. */
const MAX_HEADER_BYTES = 65_536;
/** Bytes that always suffice to parse a header. */
export const NPY_HEADER_LIMIT = 12 + MAX_HEADER_BYTES;
const MAX_RANK = 8;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

function refuse(code: string, place: string, expected: string, found: string, hint: string): DatasetError {
  return new DatasetError(code, `${place}: not a .npy file that can be read`, {
    place,
    expected,
    found,
    hint,
  });
}

const WRITE_AGAIN = "Write it again with numpy.save on a C-contiguous int8, uint8, int32 or float32 array.";

/**
 * Parses the header at the start of `bytes`, which may be longer or shorter than the file.
 *
 * @param place names the file in errors.
 * @throws {DatasetError} `npy-truncated`, `npy-magic`, `npy-version`, `npy-header`, `npy-dtype`, `npy-order`.
 */
export function parseNpyHeader(bytes: Uint8Array, place: string): NpyHeader {
  const truncated = (need: number) =>
    refuse(
      "npy-truncated",
      place,
      `at least ${need} bytes`,
      `${bytes.length} bytes`,
      "The file is cut short; fetch it again.",
    );
  if (bytes.length < 10) throw truncated(10);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    const found = Array.from(bytes.subarray(0, 6), (b) => b.toString(16).padStart(2, "0")).join(" ");
    throw refuse("npy-magic", `${place} byte 0`, "93 4e 55 4d 50 59", found, WRITE_AGAIN);
  }
  const major = bytes[6];
  if (major < 1 || major > 3 || bytes[7] !== 0) {
    const found = `${major}.${bytes[7]}`;
    throw refuse("npy-version", `${place} byte 6`, "version 1.0, 2.0 or 3.0", found, WRITE_AGAIN);
  }
  const textOffset = major === 1 ? 10 : 12;
  if (bytes.length < textOffset) throw truncated(textOffset);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw refuse(
      "npy-header",
      `${place} byte 8`,
      `at most ${MAX_HEADER_BYTES} bytes of header`,
      `${length}`,
      WRITE_AGAIN,
    );
  }
  const dataOffset = textOffset + length;
  if (bytes.length < dataOffset) throw truncated(dataOffset);
  const text = new TextDecoder("latin1").decode(bytes.subarray(textOffset, dataOffset));
  return { ...parseDict(text, `${place} byte ${textOffset}`), dataOffset };
}

function parseDict(text: string, place: string): Omit<NpyHeader, "dataOffset"> {
  const bad = (expected: string) =>
    refuse("npy-header", place, expected, text.trim().slice(0, 120), WRITE_AGAIN);
  const descr = /'descr':\s*'([^']{1,16})'/.exec(text)?.[1];
  if (descr === undefined) throw bad("a dict with 'descr' naming a plain type");
  if (!Object.hasOwn(TYPES, descr)) {
    throw refuse(
      "npy-dtype",
      place,
      Object.keys(TYPES).join(", "),
      descr,
      "Convert it first, for example with array.astype('int8').",
    );
  }
  const { dtype, itemBytes } = TYPES[descr as keyof typeof TYPES];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  if (order === undefined) throw bad("a dict with 'fortran_order'");
  if (order === "True") {
    throw refuse(
      "npy-order",
      place,
      "C order (rows first)",
      "Fortran order",
      "Save numpy.ascontiguousarray(array).",
    );
  }
  const list = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (list === undefined) throw bad("a dict with 'shape', a tuple of sizes");
  const parts = list.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  if (parts.some((part) => !/^\d{1,15}$/.test(part)) || parts.length > MAX_RANK)
    throw bad(`at most ${MAX_RANK} sizes`);
  const shape = parts.map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count * itemBytes)) throw bad("fewer than 2^53 bytes");
  return { dtype, itemBytes, shape, count };
}

/** The header of a version 1.0 file, padded so that the data starts at a multiple of 64. */
export function formatNpyHeader(dtype: NpyDtype, shape: readonly number[]): Uint8Array {
  const descr = Object.entries(TYPES).find(([, type]) => type.dtype === dtype)?.[0];
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const bytes = new Uint8Array(total).fill(0x20);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, total - 10, true);
  bytes.set(new TextEncoder().encode(dict), 10);
  bytes[total - 1] = 0x0a;
  return bytes;
}
