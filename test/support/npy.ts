/** NumPy's .npy (versions 1 to 3) and .npz files, as far as the golden results use them. */
import { inflateRawSync } from "node:zlib";

export type NpyData =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array;

export interface NpyArray<T extends NpyData = NpyData> {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: T;
}

const arrays = {
  "|u1": Uint8Array,
  "|b1": Uint8Array,
  "|i1": Int8Array,
  "<i2": Int16Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
} as const;

export function readNpy(bytes: Uint8Array): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder("latin1").decode(bytes.subarray(0, 6)) !== "\x93NUMPY")
    throw new Error("not an .npy file");
  const wide = bytes[6] >= 2;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(bytes.subarray(start, end));
  const type = /'descr': *'([^']+)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape': *\(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .filter((extent) => extent.trim() !== "")
    .map(Number);
  if (!(type in arrays) || !/'fortran_order': *False/.test(header))
    throw new Error(`unknown array: ${header}`);
  // Copied: a typed array needs an aligned start.
  const data = new arrays[type as keyof typeof arrays](new Uint8Array(bytes.subarray(end)).buffer);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if (data.length !== elements) throw new Error(`${data.length} elements for shape [${shape}]`);
  return { shape, data };
}

/** The arrays of an .npz by name, without the ".npy". */
export function readNpz(bytes: Uint8Array): Map<string, NpyArray> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let directoryEnd = bytes.length - 22;
  while (view.getUint32(directoryEnd, true) !== 0x0605_4b50) directoryEnd -= 1;
  const result = new Map<string, NpyArray>();
  let at = view.getUint32(directoryEnd + 16, true);
  for (let count = view.getUint16(directoryEnd + 10, true); count > 0; count -= 1) {
    const deflated = view.getUint16(at + 10, true) === 8;
    const size = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = bytes.subarray(start, start + size);
    result.set(name.replace(/\.npy$/, ""), readNpy(deflated ? inflateRawSync(stored) : stored));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return result;
}
