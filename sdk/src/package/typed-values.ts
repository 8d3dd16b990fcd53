/** Typed arrays inside CBOR: { $array: type, bytes }, little-endian. Everything else passes through. */
import { PackageError } from "../errors.js";

const arrayTypes = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;
type ArrayType = keyof typeof arrayTypes;

export function packValue(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const type = (Object.keys(arrayTypes) as ArrayType[]).find((key) => value instanceof arrayTypes[key]);
    return { $array: type, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  }
  if (Array.isArray(value)) return value.map(packValue);
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(entries.map(([key, field]) => [key, packValue(field)]));
  }
  return value;
}

/** @throws {PackageError} `corrupt-graph` */
export function unpackValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpackValue);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if ("$array" in value) return unpackArray(value as { $array: unknown; bytes?: unknown });
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, unpackValue(field)]));
}

function unpackArray({ $array, bytes }: { $array: unknown; bytes?: unknown }): unknown {
  const type = Object.hasOwn(arrayTypes, String($array)) ? arrayTypes[$array as ArrayType] : undefined;
  if (!type || !(bytes instanceof Uint8Array) || bytes.length % type.BYTES_PER_ELEMENT !== 0) {
    throw new PackageError("corrupt-graph", "The graph section holds a malformed array.", {
      found: String($array),
      hint: "Get the package again, or pack it again from its model file.",
    });
  }
  // A copy: the decoder hands out views of its input, at any alignment.
  return new type(new Uint8Array(bytes).buffer);
}
