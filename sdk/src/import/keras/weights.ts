/** The weight shards: one run of little-endian numbers in the order of the manifest. */
import { ImportError } from "../../errors.js";
import { float16 } from "../float16.js";
import type { WeightEntry } from "./model-json.js";

export interface KerasWeight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const sizes: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  uint8: 1,
  uint16: 2,
  bool: 1,
  float16: 2,
};

/**
 * Weights by name. `shards` are concatenated; their total must be what the manifest says.
 *
 * Quantised entries (uint8, uint16) mean value = stored * scale + min; float16 ones are widened.
 * @throws {ImportError} when the shards are too short or too long, or a type is unknown.
 */
export function readKerasWeights(
  entries: readonly WeightEntry[],
  shards: readonly Uint8Array[],
  file: string,
): Map<string, KerasWeight> {
  const total = shards.reduce((sum, { length }) => sum + length, 0);
  const weights = new Map<string, KerasWeight>();
  let offset = 0;
  const lengths = entries.map((entry) => {
    const stored = entry.quantization?.dtype ?? entry.dtype;
    const size = sizes[stored];
    if (size === undefined) {
      throw new ImportError("unsupported-type", `Weight "${entry.name}" holds ${stored}.`, {
        place: `${file}, weight "${entry.name}"`,
        expected: Object.keys(sizes).join(", "),
        found: stored,
        hint: "Convert the model with float32 weights.",
      });
    }
    return entry.shape.reduce((product, extent) => product * extent, size);
  });
  const expected = lengths.reduce((sum, length) => sum + length, 0);
  if (expected !== total) {
    throw new ImportError("bad-weights", "The weight shards do not have the length the manifest says.", {
      place: file,
      expected: `${expected} bytes`,
      found: `${total} bytes in ${shards.length} shards`,
      hint: "Give all shards of the manifest, in its order.",
    });
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const shard of shards) {
    bytes.set(shard, at);
    at += shard.length;
  }
  entries.forEach((entry, index) => {
    const view = new DataView(bytes.buffer, offset, lengths[index]);
    weights.set(entry.name, { shape: entry.shape, values: decode(entry, view) });
    offset += lengths[index];
  });
  return weights;
}

function decode({ dtype, quantization }: WeightEntry, view: DataView): Float32Array {
  const stored = quantization?.dtype ?? dtype;
  const size = sizes[stored];
  const read = (index: number): number => {
    const at = index * size;
    if (stored === "float32") return view.getFloat32(at, true);
    if (stored === "int32") return view.getInt32(at, true);
    if (stored === "float16") return float16(view.getUint16(at, true));
    return size === 2 ? view.getUint16(at, true) : view.getUint8(at);
  };
  const scale = quantization?.scale ?? 1;
  const min = quantization?.min ?? 0;
  return Float32Array.from({ length: view.byteLength / size }, (_, index) => read(index) * scale + min);
}
